"""The main job by SMS and WhatsApp over HTTP alone: bulk and single, unhappy recipients, STOP, night, kill -9."""

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
IN_HAND = 8
"""How many messages are at the provider at once: all connections of the channel."""

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def up(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[KinviteUp]:
    """One installation for all of them; each has a school and numbers of its own."""
    async with kinvite_up(tmp_path_factory.mktemp("phones") / "data") as running:
        yield running


@dataclass
class Town:
    """A school whose families have numbers that nobody else here has; without more words it knows no night."""

    up: KinviteUp
    area: int
    school_id: str = ""

    async def open(self, families: int, **settings: Any) -> Town:
        self.school_id = await self.up.school(f"School {self.area}")
        hours = settings or {"quiet_from": "00:00", "quiet_until": "00:00"}
        answer = await self.up.client.patch(f"/roster/v1/schools/{self.school_id}", json=hours)
        assert answer.status_code == 200, answer.text
        text = families_csv(families, tag=f"town{self.area}-", first_number=self.area * 1_000)
        assert (await self.up.import_csv(self.school_id, text))["state"] == "applied"
        await eventually(lambda: self.row(families - 1))
        return self

    def phone(self, number: int) -> str:
        return f"+4930{5_000_000 + self.area * 1_000 + number}"

    async def row(self, number: int) -> Any:
        """The parent as the office sees them, with the timeline."""
        rows = await self.up.items(f"/dashboard/v1/schools/{self.school_id}/parents", q=self.phone(number))
        assert rows, "not in the status view yet"
        return await self.up.get(f"/dashboard/v1/schools/{self.school_id}/parents/{rows[0]['parent_id']}")

    async def invite(self, number: int, channel: str) -> httpx.Response:
        body = {"parent_id": (await self.row(number))["parent_id"], "channel": channel}
        return await self.up.client.post(f"/invitations/v1/schools/{self.school_id}/invitations", json=body)

    async def invite_all(self, channel: str) -> Any:
        body = {"select": {"all": True}, "channel": channel}
        return await self.up.post(f"/invitations/v1/schools/{self.school_id}/bulk", body, status=202)

    async def ended(self, run: Any) -> Any:
        async def done() -> Any:
            told = await self.up.get(f"/invitations/v1/schools/{self.school_id}/bulk/{run['bulk_id']}")
            assert (told["state"], told["waiting"]) == ("done", 0), told
            return told

        return await eventually(done, within_seconds=90)

    async def bubbles(self) -> list[Any]:
        """What went to phones of this school."""
        mine = {self.phone(number) for number in range(FAMILIES)}
        return [one for one in await self.up.mails() if one["to"] in mine]


@pytest.mark.parametrize(("channel", "area"), [("sms", 1), ("whatsapp", 2)])
async def test_p5_p6_c11_c13_one_run_by_phone_and_a_family_signs_up(
    up: KinviteUp, channel: str, area: int
) -> None:
    town = await Town(up, area).open(FAMILIES)
    told = await town.ended(await town.invite_all(channel))
    assert (told["selected"], told["messaged"]) == (FAMILIES, FAMILIES)
    assert Counter((one["channel"], one["to"], one["copies"]) for one in await town.bubbles()) == {
        (channel, town.phone(number), 1): 1 for number in range(FAMILIES)
    }
    verify = await up.link(town.phone(7), "verify")
    async with httpx.AsyncClient(timeout=30, follow_redirects=True) as parent:
        for _ in range(10):
            assert (await parent.head(verify)).status_code == 200
        assert (await parent.post(verify)).status_code == 200
        join = await up.link(town.phone(7), "join")
        form = {"username": f"father.seven.{area}", "password": "correct horse battery 1"}
        assert (await parent.post(join, data=form)).status_code == 200

    async def signed_up() -> None:
        row = await town.row(7)
        assert row["status"] == "signed_up"
        assert "Invited by" in " ".join(line["text"] for line in row["timeline"])

    async def all_confirmed() -> None:
        assert {one["status"] for one in await town.bubbles()} == {"delivered"}

    await eventually(signed_up)
    await eventually(all_confirmed)


CORRECT = "Correct the phone number, then Re-Invite."
UNHAPPY = {
    "refuse": ("failed_permanent", "This is not a mobile number.", CORRECT),
    "bounce": ("failed_permanent", "unknown or no longer in use", CORRECT),
    "delay": ("failed_temporary", "The provider's queue was full.", "Wait: we keep trying."),
    "hang": ("failed_temporary", "did not say whether it took", "Wait: we keep trying."),
    "drop": ("delivered", "no answer yet", "Wait: the link works until"),
    "stop": ("delivered", "The parent answered STOP", "Re-Invite another way"),
}


async def _explained(town: Town, number: int, words: tuple[str, str, str]) -> None:
    """Wait until the office reads this."""
    delivery, reason, next_step = words

    async def look() -> None:
        row = await town.row(number)
        assert row["delivery"] == delivery, row
        assert reason in row["reason"], row
        assert next_step in row["next_step"], row

    await eventually(look, within_seconds=40)


async def test_c14_i31_i36_every_unhappy_path_has_its_words_and_its_next_step(up: KinviteUp) -> None:
    town = await Town(up, 3).open(len(UNHAPPY))
    for number, behaviour in enumerate(UNHAPPY):
        body = {"to": town.phone(number), "behaviour": behaviour}
        await up.post("/mailbox/v1/behaviours", body, status=201)
        assert (await town.invite(number, "sms")).status_code == 202
    for number, words in enumerate(UNHAPPY.values()):
        await _explained(town, number, words)
    dropped, stopped = list(UNHAPPY).index("drop"), list(UNHAPPY).index("stop")
    copies = [one["copies"] for one in await town.bubbles() if one["to"] == town.phone(dropped)]
    assert copies == [1], "its report came, so that no second one was sent"
    refused = await town.invite(stopped, "sms")
    assert (refused.status_code, refused.json()["code"]) == (409, "opted_out")
    await up.post("/mailbox/v1/replies", {"to": town.phone(stopped), "text": "START"}, status=202)

    async def welcome_again() -> None:
        assert (await town.invite(stopped, "sms")).status_code == 202

    await eventually(welcome_again)
    texts = [line["text"] for line in (await town.row(stopped))["timeline"]]
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


async def test_at_night_phones_are_left_alone_and_the_office_sees_until_when(up: KinviteUp) -> None:
    begin, end = (f"{(datetime.now(UTC).hour + more) % 24:02}:00" for more in (0, 2))
    town = await Town(up, 4).open(1, timezone="UTC", quiet_from=begin, quiet_until=end)
    assert (await town.invite(0, "sms")).json()["delivery"] == "deferred"
    await _explained(town, 0, ("deferred", "It is night at the school", f"{end}, or Re-Invite by e-mail"))
    waits = (await town.row(0))["timeline"][0]["text"]
    assert waits == "Will be asked to confirm the contact by SMS, after quiet hours"
    assert await town.bubbles() == []
    assert (await town.invite(0, "email")).status_code == 202
    assert await up.link("town4-0@family.example", "verify")


async def test_i32_kill_9_of_everything_in_the_middle_of_a_run_by_sms_loses_none(up: KinviteUp) -> None:
    town = await Town(up, 5).open(FAMILIES)
    run = await town.invite_all("sms")

    async def some_arrived() -> None:
        assert await town.bubbles()

    await eventually(some_arrived, within_seconds=30)
    up.kill_all()
    await up.start()
    told = await town.ended(run)
    assert (told["messaged"], told["failed_total"]) == (FAMILIES, 0)
    bubbles = await town.bubbles()
    assert Counter(one["to"] for one in bubbles) == {town.phone(number): 1 for number in range(FAMILIES)}
    again = [one for one in bubbles if one["copies"] > 1]
    assert len(again) <= IN_HAND, "copies only of what was in hand when it was killed"
