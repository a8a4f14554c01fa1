"""The main job by SMS and WhatsApp over HTTP: bulk runs, failures, opt-outs, quiet hours, and kill -9."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.acceptance.kinvite_up import KinviteUp, families_csv, kinvite_up
from tests.support.waiting import eventually

FAMILIES = 100
MAX_IN_FLIGHT = 8
"""Messages at the provider at once: all connections of the channel."""

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def up(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[KinviteUp]:
    """Start one installation for all tests; each test has a school and phone numbers of its own."""
    async with kinvite_up(tmp_path_factory.mktemp("phones") / "data") as installation:
        yield installation


@dataclass
class PhoneSchool:
    """School whose parents have phone numbers of their own range. By default it has no quiet hours."""

    up: KinviteUp
    area: int
    school_id: str = ""

    async def open(self, families: int, **settings: Any) -> PhoneSchool:
        self.school_id = await self.up.create_school(f"School {self.area}")
        hours = settings or {"quiet_from": "00:00", "quiet_until": "00:00"}
        answer = await self.up.client.patch(f"/roster/v1/schools/{self.school_id}", json=hours)
        assert answer.status_code == 200, answer.text
        text = families_csv(families, tag=f"area{self.area}-", first_number=self.area * 1_000)
        assert (await self.up.import_csv(self.school_id, text))["state"] == "applied"
        await eventually(lambda: self.get_row(families - 1))
        return self

    def phone(self, number: int) -> str:
        return f"+4930{5_000_000 + self.area * 1_000 + number}"

    async def get_row(self, number: int) -> Any:
        """Return the parent as staff see them, with the timeline."""
        rows = await self.up.items(f"/dashboard/v1/schools/{self.school_id}/parents", q=self.phone(number))
        assert rows, "not in the status view yet"
        return await self.up.get(f"/dashboard/v1/schools/{self.school_id}/parents/{rows[0]['parent_id']}")

    async def invite(self, number: int, channel: str) -> httpx.Response:
        body = {"parent_id": (await self.get_row(number))["parent_id"], "channel": channel}
        return await self.up.client.post(f"/invitations/v1/schools/{self.school_id}/invitations", json=body)

    async def invite_all(self, channel: str) -> Any:
        body = {"select": {"all": True}, "channel": channel}
        return await self.up.post(f"/invitations/v1/schools/{self.school_id}/bulk", body, status=202)

    async def wait_for_run(self, run: Any) -> Any:
        async def get_done() -> Any:
            state = await self.up.get(f"/invitations/v1/schools/{self.school_id}/bulk/{run['bulk_id']}")
            assert (state["state"], state["waiting"]) == ("done", 0), state
            return state

        return await eventually(get_done, within_seconds=90)

    async def list_texts(self) -> list[Any]:
        """Return the messages to phones of this school."""
        numbers = {self.phone(number) for number in range(FAMILIES)}
        return [message for message in await self.up.messages() if message["to"] in numbers]


@pytest.mark.parametrize(("channel", "area"), [("sms", 1), ("whatsapp", 2)])
async def test_p5_p6_c11_c13_one_run_by_phone_and_a_family_signs_up(
    up: KinviteUp, channel: str, area: int
) -> None:
    school = await PhoneSchool(up, area).open(FAMILIES)
    run = await school.wait_for_run(await school.invite_all(channel))
    assert (run["selected"], run["messaged"]) == (FAMILIES, FAMILIES)
    assert Counter((text["channel"], text["to"], text["copies"]) for text in await school.list_texts()) == {
        (channel, school.phone(number), 1): 1 for number in range(FAMILIES)
    }
    verify = await up.wait_for_link(school.phone(7), "verify")
    async with httpx.AsyncClient(timeout=30, follow_redirects=True) as parent:
        for _ in range(10):
            assert (await parent.head(verify)).status_code == 200
        assert (await parent.post(verify)).status_code == 200
        join = await up.wait_for_link(school.phone(7), "join")
        form = {"username": f"father.seven.{area}", "password": "correct horse battery 1"}
        assert (await parent.post(join, data=form)).status_code == 200

    async def is_signed_up() -> None:
        row = await school.get_row(7)
        assert row["status"] == "signed_up"
        assert "Invited by" in " ".join(line["text"] for line in row["timeline"])

    async def all_are_delivered() -> None:
        assert {text["status"] for text in await school.list_texts()} == {"delivered"}

    await eventually(is_signed_up)
    await eventually(all_are_delivered)


CORRECT = "Correct the phone number, then Re-Invite."
FAILURES = {
    "refuse": ("failed_permanent", "This is not a mobile number.", CORRECT),
    "bounce": ("failed_permanent", "unknown or no longer in use", CORRECT),
    "delay": ("failed_temporary", "The provider's queue was full.", "Wait: we keep trying."),
    "hang": ("failed_temporary", "did not say whether it took", "Wait: we keep trying."),
    "drop": ("delivered", "no answer yet", "Wait: the link works until"),
    "stop": ("delivered", "The parent answered STOP", "Re-Invite another way"),
}


async def _wait_for_explanation(school: PhoneSchool, number: int, explanation: tuple[str, str, str]) -> None:
    """Wait until staff see this delivery, reason and next step."""
    delivery, reason, next_step = explanation

    async def is_explained() -> None:
        row = await school.get_row(number)
        assert row["delivery"] == delivery, row
        assert reason in row["reason"], row
        assert next_step in row["next_step"], row

    await eventually(is_explained, within_seconds=40)


async def test_c14_i31_i36_every_failure_has_its_explanation_and_next_step(up: KinviteUp) -> None:
    school = await PhoneSchool(up, 3).open(len(FAILURES))
    for number, behaviour in enumerate(FAILURES):
        body = {"to": school.phone(number), "behaviour": behaviour}
        await up.post("/mailbox/v1/behaviours", body, status=201)
        assert (await school.invite(number, "sms")).status_code == 202
    for number, explanation in enumerate(FAILURES.values()):
        await _wait_for_explanation(school, number, explanation)
    dropped, stopped = list(FAILURES).index("drop"), list(FAILURES).index("stop")
    counts = [text["copies"] for text in await school.list_texts() if text["to"] == school.phone(dropped)]
    assert counts == [1], "its delivery report arrived, so it was not sent again"
    refused = await school.invite(stopped, "sms")
    assert (refused.status_code, refused.json()["code"]) == (409, "opted_out")
    await up.post("/mailbox/v1/replies", {"to": school.phone(stopped), "text": "START"}, status=202)

    async def is_accepted_again() -> None:
        assert (await school.invite(stopped, "sms")).status_code == 202

    await eventually(is_accepted_again)
    texts = [line["text"] for line in (await school.get_row(stopped))["timeline"]]
    assert "Answered STOP: takes no more messages by SMS" in texts
    assert "Answered START: takes messages by SMS again" in texts


async def test_i35_nobody_but_the_provider_reports(up: KinviteUp) -> None:
    forged = {"X-Twilio-Signature": "forged"}
    report = {"MessageSid": "SM1", "MessageStatus": "failed"}
    for path, form in (
        ("status?message_id=00000000-0000-7000-8000-000000000001", report),
        ("inbound", {"From": "+4930555", "Body": "STOP"}),
    ):
        answer = await up.client.post(f"/notifier/hooks/twilio/{path}", data=form, headers=forged)
        assert (answer.status_code, answer.json()["code"]) == (403, "bad_signature")


async def test_in_quiet_hours_nothing_is_sent_to_phones_and_staff_see_until_when(up: KinviteUp) -> None:
    begin, end = (f"{(datetime.now(UTC).hour + more) % 24:02}:00" for more in (0, 2))
    school = await PhoneSchool(up, 4).open(1, timezone="UTC", quiet_from=begin, quiet_until=end)
    assert (await school.invite(0, "sms")).json()["delivery"] == "deferred"
    await _wait_for_explanation(
        school,
        0,
        (
            "deferred",
            "Phones are left alone during the quiet hours of the school",
            f"{end}, or Re-Invite by e-mail",
        ),
    )
    text = (await school.get_row(0))["timeline"][0]["text"]
    assert text == "Will be asked to confirm the contact by SMS, after quiet hours"
    assert await school.list_texts() == []
    assert (await school.invite(0, "email")).status_code == 202
    assert await up.wait_for_link("area4-0@family.example", "verify")


async def test_i32_kill_9_of_everything_during_a_run_by_sms_loses_no_message(up: KinviteUp) -> None:
    school = await PhoneSchool(up, 5).open(FAMILIES)
    run = await school.invite_all("sms")

    async def has_texts() -> None:
        assert await school.list_texts()

    await eventually(has_texts, within_seconds=30)
    up.kill_all()
    await up.start()
    state = await school.wait_for_run(run)
    assert (state["messaged"], state["failed_total"]) == (FAMILIES, 0)
    texts = await school.list_texts()
    assert Counter(text["to"] for text in texts) == {school.phone(number): 1 for number in range(FAMILIES)}
    repeated = [text for text in texts if text["copies"] > 1]
    assert len(repeated) <= MAX_IN_FLIGHT, "only messages in flight at the kill are sent twice"
