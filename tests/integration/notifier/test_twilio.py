"""The real client against the local server: effective time limits, throttling, and what a phone shows."""

from __future__ import annotations

import asyncio
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.rest import Client

from deploy.embedded.mailbox import Mailbox
from deploy.embedded.mailbox.state import Behaviour, RecipientBehaviour
from services.notifier.channels.base import OutcomeUnknown, Refused, SendError, Unavailable
from services.notifier.channels.twilio.client import (
    TwilioChannel,
    TwilioSettings,
    sms_channel,
    whatsapp_channel,
)
from tests.integration.notifier.builders import twilio_settings
from tests.unit.notifier.builders import LINK, outbound_message

NUMBER = "+4915112345678"
MESSAGE = outbound_message(address=NUMBER)
Make = Callable[[TwilioSettings], TwilioChannel]
both = pytest.mark.parametrize("make", [sms_channel, whatsapp_channel], ids=["sms", "whatsapp"])


@asynccontextmanager
async def _refused(channel: TwilioChannel, kind: type[SendError], code: str) -> AsyncIterator[SendError]:
    async with channel:
        with pytest.raises(kind) as caught:
            await channel.send(MESSAGE)
    assert caught.value.code == code
    yield caught.value


@both
async def test_i33_a_hung_provider_ends_within_the_time_limit(mailbox: Mailbox, make: Make) -> None:
    mailbox.state.set_behaviour(RecipientBehaviour(NUMBER, "hang"))
    began = time.monotonic()
    async with _refused(
        make(replace(twilio_settings(mailbox), request_seconds=0.3)), OutcomeUnknown, "timeout"
    ):
        assert time.monotonic() - began < 20, "without a limit it would hang for minutes"


async def test_the_library_ignores_its_own_time_limit_so_that_ours_is_needed(mailbox: Mailbox) -> None:
    mailbox.state.set_behaviour(RecipientBehaviour(NUMBER, "hang"))
    transport = AsyncTwilioHttpClient(timeout=0.1)
    client = Client("AC00000000", "token", http_client=transport, environment={"": ""})
    assert client.http_client.timeout == 0.1
    address = f"{mailbox.twilio_url}/2010-04-01/Accounts/{mailbox.account.sid}/Messages.json"
    authorization = {"Authorization": _basic(mailbox)}
    form = {"To": NUMBER, "Body": "x", "From": "+15550100200"}
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await transport.request("POST", address, data=form, headers=authorization)
    await transport.close()


@both
async def test_i34_a_pause_that_the_provider_requests_is_passed_on(mailbox: Mailbox, make: Make) -> None:
    mailbox.state.set_behaviour(RecipientBehaviour(NUMBER, "throttle", times=1))
    async with _refused(make(twilio_settings(mailbox)), Unavailable, "20429") as error:
        assert error.retry_after_seconds == 1.0


async def test_a_wrong_token_is_the_operators_matter(mailbox: Mailbox) -> None:
    async with _refused(
        sms_channel(replace(twilio_settings(mailbox), auth_token="old")), Unavailable, "20003"
    ) as error:
        assert "operator" in error.reason


@pytest.mark.parametrize(("behaviour", "code"), [("refuse", "21614"), ("refuse", "21211")])
async def test_c14_a_refused_number_has_a_reason(mailbox: Mailbox, behaviour: Behaviour, code: str) -> None:
    mailbox.state.set_behaviour(RecipientBehaviour(NUMBER, behaviour, code=int(code)))
    async with _refused(sms_channel(twilio_settings(mailbox)), Refused, code) as error:
        assert "number" in error.reason


async def test_i36_a_number_that_the_provider_knows_to_have_stopped(mailbox: Mailbox) -> None:
    mailbox.state.opt_out(NUMBER, "sms")
    async with _refused(sms_channel(twilio_settings(mailbox)), Refused, "opted_out"):
        pass


async def test_whatsapp_without_an_approved_template_is_not_tried(mailbox: Mailbox) -> None:
    settings = replace(twilio_settings(mailbox), content_sids={"invite": "HX00000000"})
    async with _refused(whatsapp_channel(settings), Refused, "template_missing"):
        assert mailbox.state.list_texts(None, 10) == []


@both
async def test_p6_the_mailbox_shows_what_a_phone_would(mailbox: Mailbox, make: Make) -> None:
    async with make(twilio_settings(mailbox)) as channel:
        receipt = await channel.send(MESSAGE)
    [copy] = mailbox.state.list_texts(NUMBER, 10)
    assert receipt.provider_id == copy.sid
    assert "Forest School" in copy.body
    assert LINK in copy.body
    [stored] = await mailbox.store.list_newest(to=NUMBER, channel=None, before=None, limit=10)
    assert stored.channel == ("sms" if make is sms_channel else "whatsapp")


def _basic(mailbox: Mailbox) -> str:
    return "Basic " + b64encode(f"{mailbox.account.sid}:{mailbox.account.token}".encode()).decode()
