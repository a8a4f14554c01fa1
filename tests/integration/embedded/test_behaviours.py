"""Behaviours of simulated recipients: set by API and page, observed over SMTP and Twilio's API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path

import aiosmtplib
import httpx
import pytest

from deploy.embedded.mailbox import Mailbox
from deploy.embedded.mailbox.state import BEHAVIOURS, TextMessage
from deploy.embedded.mailbox.twilio_api import DEFAULT_CODES
from tests.support.waiting import eventually

ANN, PHONE = "ann+1@x.example", "+4915112345678"


@pytest.fixture
async def mailbox(tmp_path: Path) -> AsyncIterator[Mailbox]:
    async with Mailbox(tmp_path) as running:
        yield running


@pytest.fixture
async def client(mailbox: Mailbox) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(mailbox.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://mailbox") as http_client:
        yield http_client


async def _set_behaviour(client: httpx.AsyncClient, to: str, behaviour: str, **more: int) -> None:
    answer = await client.post("/mailbox/v1/behaviours", json={"to": to, "behaviour": behaviour, **more})
    assert answer.status_code == 201, answer.text


async def _send_email(mailbox: Mailbox, seconds: float = 5.0) -> str:
    """Send an e-mail message to Ann and return the server's reply or the error."""
    message = EmailMessage()
    message["From"], message["To"], message["Message-ID"] = "o@x.example", ANN, "<1@x.example>"
    message.set_content("Hello")
    try:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=mailbox.smtp_port, timeout=seconds) as smtp:
            await smtp.send_message(message)
    except aiosmtplib.SMTPRecipientsRefused as error:
        return f"rcpt {error.recipients[0].code}"
    except aiosmtplib.SMTPDataError as error:
        return f"data {error.code}"
    except aiosmtplib.SMTPException as error:
        return type(error).__name__
    return "taken"


async def _send_text(mailbox: Mailbox, to: str = PHONE, seconds: float = 5.0) -> tuple[int, int | None]:
    """Send a text message and return the HTTP status and Twilio's error code."""
    url = f"{mailbox.twilio_url}/2010-04-01/Accounts/{mailbox.account.sid}/Messages.json"
    async with httpx.AsyncClient(
        auth=(mailbox.account.sid, mailbox.account.token), timeout=seconds
    ) as twilio:
        answer = await twilio.post(url, data={"To": to, "From": "+15550100200", "Body": "Hello"})
    return answer.status_code, answer.json().get("code")


async def test_behaviours_are_set_listed_and_taken_back(client: httpx.AsyncClient) -> None:
    await _set_behaviour(client, ANN, "bounce", times=2)
    await _set_behaviour(client, PHONE, "delay", code=30003)
    listed = (await client.get("/mailbox/v1/behaviours")).json()
    assert listed == {
        "items": [
            {"to": ANN, "behaviour": "bounce", "times": 2, "code": None},
            {"to": PHONE, "behaviour": "delay", "times": None, "code": 30003},
        ],
        "next": None,
    }
    assert (await client.delete("/mailbox/v1/behaviours", params={"to": ANN.upper()})).status_code == 204
    assert (await client.delete(f"/mailbox/v1/behaviours?to={PHONE}")).status_code == 204
    assert (await client.get("/mailbox/v1/behaviours")).json()["items"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"to": ANN, "behaviour": "explode"}, "behaviour"),
        ({"behaviour": "bounce"}, "to"),
        ({"to": "a b@x", "behaviour": "bounce"}, "to"),
        ({"to": ANN, "behaviour": "bounce", "times": 0}, "times"),
        ({"to": ANN, "behaviour": "bounce", "code": "x"}, "code"),
    ],
)
async def test_a_wrong_behaviour_is_named(
    client: httpx.AsyncClient, body: dict[str, str], field: str
) -> None:
    answer = await client.post("/mailbox/v1/behaviours", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


@pytest.mark.parametrize(
    ("behaviour", "answer"),
    [
        ("refuse", "rcpt 550"),
        ("delay", "rcpt 450"),
        ("throttle", "rcpt 421"),
        ("bounce", "data 550"),
        ("stop", "taken"),
    ],
)
async def test_an_email_meets_the_behaviour_and_then_arrives(
    mailbox: Mailbox, client: httpx.AsyncClient, behaviour: str, answer: str
) -> None:
    await _set_behaviour(client, ANN.upper(), behaviour, times=1)
    assert await _send_email(mailbox) == answer
    assert await _send_email(mailbox) == "taken"


async def test_a_mail_server_that_hangs_and_one_that_loses_its_answer(
    mailbox: Mailbox, client: httpx.AsyncClient
) -> None:
    await _set_behaviour(client, ANN, "hang", times=1)
    assert "Timeout" in await _send_email(mailbox, seconds=0.3)
    await _set_behaviour(client, ANN, "drop", times=1)
    assert "Disconnected" in await _send_email(mailbox)
    assert len(await mailbox.store.list_newest(to=ANN, channel=None, before=None, limit=9)) == 1


async def test_a_phone_meets_what_was_set(mailbox: Mailbox, client: httpx.AsyncClient) -> None:
    await _set_behaviour(client, PHONE, "refuse", times=1)
    assert await _send_text(mailbox) == (400, 21614)
    await _set_behaviour(client, PHONE, "throttle", times=1)
    assert await _send_text(mailbox) == (429, 20429)
    await _set_behaviour(client, PHONE, "hang", times=1)
    with pytest.raises(httpx.ReadTimeout):
        await _send_text(mailbox, seconds=0.3)
    assert await _send_text(mailbox) == (201, None)
    assert await _send_text(mailbox, "0151 1") == (400, 21211)


@pytest.mark.parametrize("behaviour", ["bounce", "delay"])
async def test_a_text_that_was_taken_over_ends_undelivered(
    mailbox: Mailbox, client: httpx.AsyncClient, behaviour: str
) -> None:
    await _set_behaviour(client, PHONE, behaviour, times=1)
    assert (await _send_text(mailbox))[0] == 201

    async def find_undelivered() -> TextMessage:
        [text] = mailbox.state.list_texts(PHONE, 5)
        assert text.status == "undelivered"
        return text

    assert (await eventually(find_undelivered)).code == DEFAULT_CODES[behaviour]


async def test_the_page_explains_every_behaviour_and_sets_it(client: httpx.AsyncClient) -> None:
    page = (await client.get("/mailbox/behaviours")).text
    assert all(f"<strong>{name}</strong>" in page for name in BEHAVIOURS)
    form = {"to": ANN, "behaviour": "bounce", "times": ""}
    assert (await client.post("/mailbox/behaviours", data=form)).status_code == 303
    assert ANN in (await client.get("/mailbox/behaviours")).text
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert (await client.post("/mailbox/behaviours", data=form, headers=foreign)).status_code == 403
    assert (await client.post("/mailbox/behaviours/forget", data={"to": ANN})).status_code == 303
    assert ANN not in (await client.get("/mailbox/behaviours")).text


async def test_a_text_is_a_bubble_with_its_link_and_can_be_answered(
    mailbox: Mailbox, client: httpx.AsyncClient
) -> None:
    assert (await _send_text(mailbox))[0] == 201
    listed = await client.get("/mailbox/v1/messages", params={"channel": "sms", "to": PHONE})
    [item] = listed.json()["items"]
    assert (item["channel"], item["to"], item["text"], item["html"]) == ("sms", PHONE, "Hello", "")
    assert 'class="bubble"' in (await client.get("/mailbox")).text
    assert 'action="/mailbox/replies"' in (await client.get(f"/mailbox/messages/{item['id']}")).text
    nobody = await client.post("/mailbox/v1/replies", json={"to": "+4915199999999", "text": "STOP"})
    assert (nobody.status_code, nobody.json()["code"]) == (404, "nothing_to_answer")


async def test_what_was_set_outlives_a_restart(tmp_path: Path) -> None:
    async with Mailbox(tmp_path) as first:
        first.state.opt_out(PHONE, "sms")
        transport = httpx.ASGITransport(first.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://mailbox") as client:
            await _set_behaviour(client, ANN, "refuse")
    async with Mailbox(tmp_path) as second:
        assert await _send_email(second) == "rcpt 550"
        assert await _send_text(second) == (400, 21610)
        assert (tmp_path / "mailbox-play.sqlite3").stat().st_mode & 0o777 == 0o600
