"""The mailbox as an SMTP client and as a reader of its API and pages use it."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from collections.abc import AsyncIterator
from contextlib import closing
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import aiosmtplib
import httpx
import pytest

from deploy.embedded.mailbox import Mailbox
from deploy.embedded.mailbox.store import Arrival

LINK = "http://127.0.0.1:8080/verify/AbCdEfGhIjKlMnOpQrStUv"


@pytest.fixture
async def mailbox(tmp_path: Path) -> AsyncIterator[Mailbox]:
    async with Mailbox(tmp_path) as running:
        yield running


@pytest.fixture
async def client(mailbox: Mailbox) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(mailbox.app), base_url="http://mailbox"
    ) as http_client:
        yield http_client


def _build_email(to: str, number: int = 1, html: str = "") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = "office@school.example", to
    message["Subject"] = f"Grüße {number}"
    message["Message-ID"] = f"<{number}@kinvite.example>"
    message.set_content(f"Open {LINK}\n.\n..and a dot\n")
    message.add_alternative(html or f'<p>Open <a href="{LINK}">this</a></p>', subtype="html")
    return message


async def _send(mailbox: Mailbox, *messages: EmailMessage) -> None:
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=mailbox.smtp_port) as smtp:
        for message in messages:
            await smtp.send_message(message)


async def _items(client: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    answer = await client.get("/mailbox/v1/messages", params=query)
    assert answer.status_code == 200
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_an_email_is_shown_with_its_bodies_and_links(
    mailbox: Mailbox, client: httpx.AsyncClient
) -> None:
    await _send(mailbox, _build_email("Ann+1@x.example"))
    (item,) = await _items(client)
    assert set(item) == {
        *("id", "channel", "to", "subject", "text", "html", "links", "code", "copies", "received_at"),
        *("status", "error_code"),
    }
    assert (item["channel"], item["to"], item["subject"]) == ("email", "Ann+1@x.example", "Grüße 1")
    assert item["text"] == f"Open {LINK}\n.\n..and a dot\n"
    assert item["links"] == [LINK]
    assert (item["code"], item["copies"]) == (None, 1)
    assert (await client.get(f"/mailbox/v1/messages/{item['id']}")).json() == item


async def test_one_item_per_recipient_and_message_counts_its_arrivals(
    mailbox: Mailbox, client: httpx.AsyncClient
) -> None:
    both = _build_email("a@x.example, b@x.example")
    await _send(mailbox, both, both, _build_email("a@x.example", 2))
    assert [(i["to"], i["copies"], i["subject"]) for i in await _items(client)] == [
        ("a@x.example", 1, "Grüße 2"),
        ("b@x.example", 2, "Grüße 1"),
        ("a@x.example", 2, "Grüße 1"),
    ]


@pytest.mark.parametrize("to", ["ann+1@x.example", "ANN+1@X.example", "ann 1@x.example"])
async def test_to_finds_an_address_however_it_is_written(
    mailbox: Mailbox, client: httpx.AsyncClient, to: str
) -> None:
    await _send(mailbox, _build_email("Ann+1@x.example"), _build_email("bob@x.example"))
    assert [item["to"] for item in await _items(client, to=to)] == ["Ann+1@x.example"]
    assert await _items(client, to=to, channel="sms") == []
    assert await _items(client, to="nn+1@x.example") == []


async def test_pages_lead_from_the_newest_to_the_oldest(mailbox: Mailbox, client: httpx.AsyncClient) -> None:
    await _send(mailbox, *[_build_email("a@x.example", number) for number in range(7)])
    seen, cursor = list[str](), None
    while True:
        query = {"limit": 3, **({"cursor": cursor} if cursor else {})}
        page = (await client.get("/mailbox/v1/messages", params=query)).json()
        seen += [item["subject"] for item in page["items"]]
        if (cursor := page["next"]) is None:
            break
        await _send(mailbox, _build_email("a@x.example", 100 + len(seen)))
    assert seen == [f"Grüße {number}" for number in range(6, -1, -1)]


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ({"cursor": "rubbish"}, 400, "cursor"),
        ({"cursor": ""}, 400, "cursor"),
        ({"cursor": "WzFd\x00"}, 400, "cursor"),
        ({"cursor": "WzEwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMF0"}, 400, "cursor"),
        ({"limit": 0}, 422, "limit"),
        ({"limit": 1001}, 422, "limit"),
        ({"limit": "many"}, 422, "limit"),
        ({"channel": "pigeon"}, 422, "channel"),
    ],
)
async def test_bad_input_is_a_problem_that_names_the_field(
    client: httpx.AsyncClient, query: dict[str, Any], status: int, field: str
) -> None:
    answer = await client.get("/mailbox/v1/messages", params=query)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize("path", ["/mailbox/v1/messages/", "/mailbox/messages/"])
@pytest.mark.parametrize("number", ["0", "99", "-1", "x", "9" * 30, "1%00", "１"])
async def test_a_message_that_is_not_there_is_not_found(
    client: httpx.AsyncClient, path: str, number: str
) -> None:
    assert (await client.get(path + number)).status_code == 404


async def test_the_pages_show_messages_and_run_nothing_of_them(
    mailbox: Mailbox, client: httpx.AsyncClient
) -> None:
    evil = '<script>alert(1)</script><p title="\'">x</p>'
    message = _build_email("a@x.example", html=evil)
    message.replace_header("Subject", "<b>bold</b>")
    await _send(mailbox, message)
    listed = await client.get("/mailbox", params={"to": '"><script>'})
    assert "<script" not in listed.text
    page = (await client.get("/mailbox")).text
    assert f'href="{LINK}"' in page
    assert "&lt;b&gt;bold&lt;/b&gt;" in page
    (item,) = await _items(client)
    shown = await client.get(f"/mailbox/messages/{item['id']}")
    assert "<script" not in shown.text
    assert "sandbox=" in shown.text
    assert "default-src 'none'" in shown.headers["content-security-policy"]


async def test_messages_outlast_a_restart_and_only_their_owner_reads_the_file(tmp_path: Path) -> None:
    async with Mailbox(tmp_path) as first:
        await _send(first, _build_email("a@x.example"))
    async with Mailbox(tmp_path) as second:
        assert len(await second.store.list_newest(to=None, channel=None, before=None, limit=9)) == 1
        assert stat.S_IMODE((tmp_path / "mailbox.sqlite3").stat().st_mode) == 0o600
    async with Mailbox(tmp_path, retention_days=0) as third:
        assert await third.store.list_newest(to=None, channel=None, before=None, limit=9) == []


async def test_thousands_over_several_connections_are_all_stored(mailbox: Mailbox) -> None:
    connections, per_connection = 8, 150
    await asyncio.gather(
        *(
            _send(
                mailbox,
                *[
                    _build_email(f"p{connection}.{number}@x.example", connection * per_connection + number)
                    for number in range(per_connection)
                ],
            )
            for connection in range(connections)
        )
    )
    messages = await mailbox.store.list_newest(to=None, channel=None, before=None, limit=5000)
    assert len({message.recipient for message in messages}) == connections * per_connection


async def test_unusual_dialogues_are_answered(mailbox: Mailbox) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", mailbox.smtp_port)

    async def send(command: bytes) -> bytes:
        writer.write(command)
        line = await reader.readline()
        while line[3:4] == b"-":
            line = await reader.readline()
        return line

    assert (await send(b"")).startswith(b"220")
    assert (await send(b"EHLO x\r\n")).startswith(b"250")
    assert (await send(b"DATA\r\n")).startswith(b"503")
    assert (await send(b"MAIL FROM:<>\r\n")).startswith(b"250")
    assert (await send(b"RCPT TO:<z\xff@x.example>\r\n")).startswith(b"250")
    assert (await send(b"DATA x\r\n")).startswith(b"501")
    assert (await send(b"DATA\r\n")).startswith(b"354")
    # An empty e-mail message, and the next commands in the same packet.
    assert (await send(b".\r\nMAIL FROM:<>\r\nRCPT TO:<y@x.example>\r\nDATA\r\n")).startswith(b"250")
    assert [(await reader.readline())[:3] for _ in range(3)] == [b"250", b"250", b"354"]
    writer.write(b"..dot\r\nend\r\n.")
    assert (await send(b"\r\n")).startswith(b"250")
    assert (await send(b"QUIT\r\n")).startswith(b"221")
    writer.close()
    messages = await mailbox.store.list_newest(to=None, channel=None, before=None, limit=9)
    assert [message.raw for message in messages] == [b".dot\r\nend\r\n", b""]


async def test_a_message_that_cannot_be_written_is_not_acknowledged(mailbox: Mailbox, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "mailbox.sqlite3")) as connection:
        connection.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON messages BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
    with pytest.raises(aiosmtplib.SMTPDataError) as refused:
        await _send(mailbox, _build_email("a@x.example"))
    assert refused.value.code == 451
    with closing(sqlite3.connect(tmp_path / "mailbox.sqlite3")) as connection:
        connection.execute("DROP TRIGGER refuse")
    await mailbox.store.add([Arrival("email", "a@x.example", b"Message-ID: <1>\r\n\r\n")])
    await _send(mailbox, _build_email("a@x.example"))
