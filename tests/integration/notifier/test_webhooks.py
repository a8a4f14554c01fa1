"""Webhooks of Twilio: forged requests have no effect, repeated ones no second effect, STOP works at once."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from twilio.request_validator import RequestValidator

from services.notifier.app import create_app
from services.notifier.channels.memory import MemoryChannel
from services.notifier.settings import Settings
from shared.contracts.notifier import SendMessage
from shared.contracts.values import address_digest
from shared.runtime.core import load_settings, new_id
from tests.integration.notifier.builders import command
from tests.integration.notifier.driver import NotifierDriver, sending
from tests.support.apps import COMMON_ENVIRONMENT, PUBLIC_URL, running
from tests.support.waiting import eventually

STATUS, INBOUND = "/notifier/hooks/twilio/status", "/notifier/hooks/twilio/inbound"
TOKEN = "the token of the account"
NUMBER = "+4915112345678"
SIGNER = RequestValidator(TOKEN)


@pytest.fixture
async def client(notifier_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx.AsyncClient]:
    """Run the API alone, with Twilio set up and no broker; yield a client."""
    environment = {
        **COMMON_ENVIRONMENT,
        "KINVITE_DATABASE_URL": notifier_url,
        "KINVITE_KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "NOTIFIER_TWILIO_ACCOUNT_SID": "AC00000000",
        "NOTIFIER_TWILIO_AUTH_TOKEN": TOKEN,
        "NOTIFIER_TWILIO_SMS_FROM": "+15550100200",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    async with running(create_app(load_settings(Settings), worker=False)) as opened:
        yield opened


async def _post(client: httpx.AsyncClient, place: str, fields: dict[str, str], **headers: str) -> int:
    """Post a form, signed unless a header replaces the signature."""
    signature = {"X-Twilio-Signature": SIGNER.compute_signature(f"{PUBLIC_URL}{place}", fields)}
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await client.post(place, content=urlencode(fields), headers={**form, **signature, **headers})
    return answer.status_code


async def _report(client: httpx.AsyncClient, data: SendMessage, status: str, **more: str) -> int:
    fields = {"MessageSid": f"SM{data.message_id.hex}", "MessageStatus": status, **more}
    return await _post(client, f"{STATUS}?message_id={data.message_id}", fields)


async def _apply(driver: NotifierDriver) -> None:
    reports = driver.reports()
    while await reports.round():
        pass


async def _sent(driver: NotifierDriver, **changes: Any) -> SendMessage:
    """Enqueue a message and mark it as taken over by Twilio."""
    data = command(channel="sms", address=NUMBER, **changes)
    await driver.put(data, channels=["sms"])
    await driver.run(
        f"UPDATE messages SET state = 'sent', due_at = NULL, attempts = 1, version = 1, "
        f"provider_id = 'SM{data.message_id.hex}' WHERE message_id = '{data.message_id}'"
    )
    return data


async def test_i35_a_delivered_message_is_announced_once(
    client: httpx.AsyncClient, driver: NotifierDriver
) -> None:
    data = await _sent(driver)
    for status in ("sent", "delivered", "delivered", "read", "sent"):
        assert await _report(client, data, status) == 204
        await _apply(driver)
    assert [kind for kind, _ in await driver.events()] == ["delivered"]
    row = await driver.message(data)
    assert (row.state, row.version) == ("delivered", 2)


async def test_i35_reports_in_any_order_end_the_same(
    client: httpx.AsyncClient, driver: NotifierDriver
) -> None:
    shuffled = random.Random(35)
    messages = [await _sent(driver) for _ in range(30)]
    reports = [
        (data, status)
        for number, data in enumerate(messages)
        for status in ("queued", "sent", "undelivered" if number % 3 == 0 else "delivered")
    ] * 3
    shuffled.shuffle(reports)
    for number, (data, status) in enumerate(reports):
        more = {"ErrorCode": "30005"} if status == "undelivered" else {}
        assert await _report(client, data, status, **more) == 204
        if number % 7 == 0:
            await _apply(driver)
    await _apply(driver)
    states = [(await driver.message(data)).state for data in messages]
    assert states == ["failed_permanent" if number % 3 == 0 else "delivered" for number in range(30)]
    assert len(await driver.events()) == 30


async def test_i35_forged_reports_change_nothing(client: httpx.AsyncClient, driver: NotifierDriver) -> None:
    data = await _sent(driver)
    place = f"{STATUS}?message_id={data.message_id}"
    fields = {"MessageSid": f"SM{data.message_id.hex}", "MessageStatus": "delivered"}
    elsewhere = SIGNER.compute_signature(f"https://evil.example{place}", fields)
    altered = SIGNER.compute_signature(f"{PUBLIC_URL}{place}", {**fields, "MessageStatus": "sent"})
    other = RequestValidator("another token").compute_signature(f"{PUBLIC_URL}{place}", fields)
    another = SIGNER.compute_signature(f"{PUBLIC_URL}{STATUS}?message_id={new_id()}", fields)
    for signature in ("", "x", elsewhere, altered, other, another):
        assert await _post(client, place, fields, **{"X-Twilio-Signature": signature}) == 403
    host = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Twilio-Signature": elsewhere}
    assert await _post(client, place, fields, **host) == 403
    await _apply(driver)
    assert (await driver.message(data)).state == "sent"
    assert await driver.events() == []


async def test_i35_unknown_and_odd_reports_are_accepted(
    client: httpx.AsyncClient, driver: NotifierDriver
) -> None:
    assert await _report(client, command(), "delivered") == 204
    odd: list[tuple[str, dict[str, str]]] = [
        (STATUS, {"MessageSid": "SM1", "MessageStatus": "delivered"}),
        (f"{STATUS}?message_id=nobody", {"MessageSid": "SM1", "MessageStatus": "delivered"}),
        (f"{STATUS}?message_id={new_id()}", {}),
        (f"{STATUS}?message_id={new_id()}", {"MessageSid": "SM1", "MessageStatus": "frobnicated"}),
        (f"{STATUS}?message_id={new_id()}", {"MessageSid": "x" * 500, "MessageStatus": "sent"}),
        (
            f"{STATUS}?message_id={new_id()}",
            {"MessageSid": "SM2", "MessageStatus": "failed", "ErrorCode": "?"},
        ),
    ]
    for place, fields in odd:
        assert await _post(client, place, fields) == 204
    await _apply(driver)
    assert await driver.events() == []
    await driver.run("UPDATE reports SET heard_at = now() - interval '2 hours'")
    await _apply(driver)
    async with driver.database.transaction() as tx:
        assert await tx.scalar("SELECT count(*) FROM reports") == 0


@pytest.mark.parametrize(
    ("code", "state", "event_code"),
    [
        ("30005", "failed_permanent", "30005"),
        ("30007", "failed_permanent", "policy_30007"),
        ("21610", "failed_permanent", "opted_out"),
        ("30003", "failed_temporary", "30003"),
        ("30008", "failed_temporary", "30008"),
        ("63049", "failed_temporary", "63049"),
        ("", "failed_temporary", "30008"),
        ("99999", "failed_permanent", "99999"),
    ],
)
async def test_i31_an_undelivered_message_fails_as_its_code_means(
    client: httpx.AsyncClient, driver: NotifierDriver, code: str, state: str, event_code: str
) -> None:
    data = await _sent(driver)
    await _report(client, data, "undelivered", ErrorCode=code)
    await _apply(driver)
    [event] = [event for kind, event in await driver.events() if kind == "failed"]
    row = await driver.message(data)
    assert (row.state, event["code"], event["permanent"]) == (state, event_code, state == "failed_permanent")
    if code == "30003":
        async with driver.database.transaction() as tx:
            assert await tx.scalar("SELECT due_at > now() + interval '23 hours' FROM messages")


@pytest.mark.parametrize(("code", "ambiguous"), [("30003", 0), ("30008", 2), ("", 2)])
async def test_i37_no_more_than_three_copies_are_paid_for(
    client: httpx.AsyncClient, driver: NotifierDriver, code: str, ambiguous: int
) -> None:
    data = await _sent(driver)
    copies = 0
    while (await driver.message(data)).state != "failed_permanent":
        copies += 1
        row = await driver.message(data)
        fields = {"MessageSid": row.provider_id, "MessageStatus": "undelivered", "ErrorCode": code}
        assert await _post(client, f"{STATUS}?message_id={data.message_id}", fields) == 204
        await _apply(driver)
        if (await driver.message(data)).state == "failed_temporary":
            await driver.run(
                f"UPDATE messages SET state = 'sent', due_at = NULL, attempts = attempts + 1, "
                f"provider_id = 'SM{copies}{data.message_id.hex}'"
            )
    assert copies == 3
    row = await driver.message(data)
    assert (row.attempts, row.ambiguous, row.code) == (3, ambiguous, code or "30008")
    assert [event["permanent"] for kind, event in await driver.events() if kind == "failed"][-1] is True


async def test_a_report_about_a_copy_we_lost_sight_of_saves_a_second_one(
    client: httpx.AsyncClient, driver: NotifierDriver
) -> None:
    data = command(channel="sms", address=NUMBER)
    await driver.put(data, channels=["sms"])
    assert await _report(client, data, "sent") == 204
    channel = MemoryChannel()
    async with sending(driver.sender(channel, channel_name="sms")):

        async def sent() -> bool:
            return await driver.states() == ["sent"]

        await eventually(sent)
    assert channel.tried == []
    [(_, event)] = await driver.events()
    assert event["confirmable"] is True


async def _reply(client: httpx.AsyncClient, text: str, sender: str = NUMBER, **more: str) -> int:
    fields = {"MessageSid": f"SM{new_id().hex}", "From": sender, "To": "+15550100200", "Body": text}
    return await _post(client, INBOUND, {**fields, **more})


@pytest.mark.parametrize("text", ["STOP", " stop. ", "Unsubscribe", "STOPALL", "Arret"])
async def test_i36_stop_ends_messages_at_once(
    client: httpx.AsyncClient, driver: NotifierDriver, text: str
) -> None:
    data = await _sent(driver)
    assert await _reply(client, text) == 200
    waiting = [command(channel="sms", address=NUMBER) for _ in range(20)]
    await driver.put(*waiting, channels=["sms"])
    channel = MemoryChannel()
    async with sending(driver.sender(channel, channel_name="sms")):

        async def failed() -> bool:
            return (await driver.states()).count("failed_permanent") == 20

        await eventually(failed)
    assert channel.tried == []
    await _apply(driver)
    events = await driver.events()
    assert {event["code"] for kind, event in events if kind == "failed"} == {"opted_out"}
    announced = {event["parent_id"]: event for kind, event in events if kind == "opted_out"}
    assert announced.keys() == {str(message.parent_id) for message in (data, *waiting)}
    assert announced[str(data.parent_id)]["address_digest"] == address_digest(NUMBER)
    assert announced[str(data.parent_id)]["channel"] == "sms"
    emitted = json.dumps([event for kind, event in events if kind == "opted_out"])
    assert NUMBER not in emitted
    assert "Maria" not in emitted, "the event is stored for ever, the person is not"


async def test_i36_other_channels_and_words_are_left_alone_and_start_returns(
    client: httpx.AsyncClient, driver: NotifierDriver
) -> None:
    await _sent(driver)
    for text in ("please stop", "Thanks!", ""):
        assert await _reply(client, text) == 200
    assert await _reply(client, "STOP", f"whatsapp:{NUMBER}") == 200
    assert await _reply(client, "STOP", "no number") == 200
    assert await _stopped(driver) == [("whatsapp", False)]
    assert await _reply(client, "whatever", OptOutType="STOP") == 200
    await _apply(driver)
    assert await _stopped(driver) == [("sms", False), ("whatsapp", False)]
    assert await _reply(client, "START") == 200
    await _apply(driver)
    assert await _stopped(driver) == [("sms", True), ("whatsapp", False)]
    assert [kind for kind, _ in await driver.events()] == ["opted_out", "opted_in"]
    signature = {"X-Twilio-Signature": "forged"}
    forged = {"MessageSid": "SM1", "From": "+4915100000000", "Body": "STOP"}
    assert await _post(client, INBOUND, forged, **signature) == 403
    assert len(await _stopped(driver)) == 2


@pytest.mark.parametrize(("first", "then"), [("STOP", "START"), ("START", "STOP")])
async def test_i35_a_reply_that_is_posted_again_has_no_effect(
    client: httpx.AsyncClient, driver: NotifierDriver, first: str, then: str
) -> None:
    await _reply(client, "STOP")
    old = {"MessageSid": "SMold"}
    for _ in range(2):
        assert await _reply(client, first, **old) == 200
    await _reply(client, then)
    expected = [("sms", then == "START")]
    assert await _stopped(driver) == expected
    assert await _reply(client, first, **old) == 200
    assert await _stopped(driver) == expected
    await driver.run("UPDATE inbound SET heard_at = now() - interval '3 years'")
    await _apply(driver)
    async with driver.database.transaction() as tx:
        assert await tx.scalar("SELECT count(*) FROM inbound") == 0


async def test_i36_stop_holds_for_the_number_that_whatsapp_spells_in_another_way(
    client: httpx.AsyncClient, driver: NotifierDriver
) -> None:
    sent_to, answered_from = "+525512345678", "whatsapp:+5215512345678"
    await _sent(driver)
    await driver.run(f"UPDATE messages SET channel = 'whatsapp', address = '{sent_to}'")
    assert await _reply(client, "STOP", answered_from) == 200
    await driver.put(command(channel="whatsapp", address=sent_to), channels=["whatsapp"])
    channel = MemoryChannel()
    async with sending(driver.sender(channel, channel_name="whatsapp")):

        async def failed() -> bool:
            return await driver.states() == ["failed_permanent", "sent"]

        await eventually(failed)
    assert channel.tried == []
    await _apply(driver)
    digests = [event["address_digest"] for kind, event in await driver.events() if kind == "opted_out"]
    assert digests == [address_digest(sent_to)] * 2
    assert await _reply(client, "START", answered_from) == 200
    await _apply(driver)
    assert await _stopped(driver) == [("whatsapp", True)] * 2


async def _stopped(driver: NotifierDriver) -> list[tuple[str, bool]]:
    statement = "SELECT channel, lifted_at IS NOT NULL AS lifted FROM suppressions ORDER BY channel"
    async with driver.database.transaction() as tx:
        return [(row.channel, row.lifted) for row in await tx.rows(statement)]


async def test_i36_stop_in_the_middle_of_a_run_lets_no_further_call_begin(
    client: httpx.AsyncClient, driver: NotifierDriver
) -> None:
    await driver.put(*(command(channel="sms", address=NUMBER) for _ in range(100)), channels=["sms"])
    channel = MemoryChannel()
    channel.gate.clear()
    async with sending(driver.sender(channel, channel_name="sms", connections=4)):
        await eventually(lambda: len(channel.tried) == 4)
        assert await _reply(client, "STOP") == 200
        channel.gate.set()

        async def ended() -> bool:
            return set(await driver.states()) == {"sent", "failed_permanent"}

        await eventually(ended, within_seconds=30)
    assert len(channel.tried) == 4
    assert (await driver.states()).count("failed_permanent") == 96
