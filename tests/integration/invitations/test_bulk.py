"""Bulk runs: every parent once, whatever happens; the counts add up at any time."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from services.invitations.service.bulk_expand import OUTCOME_PATIENCE
from services.invitations.settings import Settings
from shared.contracts.notifier import MessageFailed, MessageSent, SendMessage
from shared.contracts.roster import ParentAccessChanged, ParentRemoved
from tests.integration.invitations.scene import Family, Scene, outcome_of, scene, settings_for

NOW = datetime(2030, 1, 1, tzinfo=UTC)
ALL = {"select": {"all": True}, "channel": "email"}


async def start(school: Scene, **body: Any) -> dict[str, Any]:
    answer = await school.client.post(f"{school.root}/bulk", json={**ALL, **body})
    assert answer.status_code == 202, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def show(school: Scene, run: dict[str, Any]) -> dict[str, Any]:
    answer = await school.client.get(f"{school.root}/bulk/{run['bulk_id']}")
    assert answer.status_code == 200
    shown: dict[str, Any] = answer.json()
    parts = shown["pending"] + shown["messaged"] + shown["skipped_total"] + shown["failed_total"]
    assert shown["selected"] == parts
    return shown


async def work_off(school: Scene) -> None:
    """Turn the timers until nothing is left to do at once."""
    sweeps = school.sweeps()
    await sweeps._list()
    while await sweeps._expand():
        pass


async def recipients(school: Scene) -> list[str]:
    return sorted(one.recipient.address for one in await school.emitted(SendMessage))


async def test_p19_p20_p23_p25_c13_select_all_sends_each_parent_one_verification(school: Scene) -> None:
    families = await school.families(40)
    run = await start(school)
    assert (run["state"], run["selected"]) == ("selecting", 0)
    await work_off(school)
    assert await recipients(school) == sorted(one.address for one in families)
    assert {one.template for one in await school.emitted(SendMessage)} == {"verify"}
    shown = await show(school, run)
    assert (shown["state"], shown["selected"], shown["messaged"]) == ("done", 40, 40)
    topics = await school.sql("SELECT DISTINCT topic, lane FROM outbox ORDER BY topic")
    assert [tuple(row) for row in topics] == [
        ("invitations.invitation", "bulk"),
        ("notifier.commands.bulk", "bulk"),
    ]


async def test_p13_a_parent_of_a_run_is_invited_by_itself_after_verification(school: Scene) -> None:
    (family,) = await school.families(1)
    await start(school)
    await work_off(school)
    await school.verify(family)
    assert [one.template for one in await school.emitted(SendMessage)] == ["verify", "invite"]


async def test_p24_a_run_re_invites_after_the_cool_down(school: Scene) -> None:
    await school.families(3)
    await start(school)
    await work_off(school)
    second = await start(school)
    await work_off(school)
    assert (await show(school, second))["skipped"] == {"cool_down": 3}
    await school.sql("UPDATE invitations SET last_message_at = now() - interval '24 hours'")
    await start(school)
    await work_off(school)
    assert [one.generation for one in await school.emitted(SendMessage)] == [1] * 3 + [2] * 3


async def mixed_families(school: Scene) -> None:
    """Two who can be invited, and one each of five who cannot."""
    await school.families(2)
    await school.join(await school.invited())
    await school.invite(await school.family())
    await school.family(address="")
    restricted = await school.family()
    restricted.rights = "none"
    await school.feed(restricted.fact(ParentAccessChanged))
    removed = await school.family()
    await school.feed(ParentRemoved(parent_id=removed.parent_id))


SKIPPED = {"signed_up": 1, "cool_down": 1, "no_contact": 1, "restricted": 1}


async def test_s2_the_preview_counts_each_reason_and_sends_nothing(school: Scene) -> None:
    await mixed_families(school)
    before = len(await school.emitted(SendMessage))
    shown = await start(school, dry_run=True)
    assert (shown["state"], shown["bulk_id"], shown["selected"], shown["to_message"]) == (
        "preview",
        None,
        6,
        2,
    )
    assert shown["skipped"] == SKIPPED
    await work_off(school)
    assert len(await school.emitted(SendMessage)) == before
    assert (await school.sql("SELECT count(*) FROM bulk_runs"))[0][0] == 0


async def test_s2_the_run_does_what_the_preview_said(school: Scene) -> None:
    await mixed_families(school)
    run = await start(school)
    await work_off(school)
    shown = await show(school, run)
    assert (shown["selected"], shown["messaged"], shown["skipped"]) == (6, 2, SKIPPED)


async def test_p21_p22_a_selection_of_students_or_a_filter_means_their_parents(school: Scene) -> None:
    families = await school.families(4)
    await start(school, select={"student_ids": [str(families[1].student_id)]})
    await work_off(school)
    assert await recipients(school) == ["p1@example.org"]
    await start(school, select={"filter": {"status": ["not_invited"]}})
    await work_off(school)
    assert await recipients(school) == [
        "p0@example.org",
        "p1@example.org",
        "p2@example.org",
        "p3@example.org",
    ]
    shown = await start(school, select={"filter": {"signed_up": False}}, dry_run=True)
    assert shown["selected"] == 4
    assert (await start(school, select={"filter": {"signed_up": True}}, dry_run=True))["selected"] == 0


async def test_named_parents_that_are_unknown_or_of_another_school_are_not_known_yet(school: Scene) -> None:
    here, elsewhere = await school.family(), Family(school.school_id, address="x@example.org")
    await school.feed(elsewhere.fact(), school_id=elsewhere.student_id)
    ids = [str(one.parent_id) for one in (here, elsewhere, Family(school.school_id))]
    run = await start(school, select={"parent_ids": ids})
    await work_off(school)
    shown = await show(school, run)
    assert (shown["selected"], shown["messaged"], shown["skipped"]) == (3, 1, {"not_known_yet": 2})
    assert await recipients(school) == [here.address]


async def test_outcomes_that_never_come_do_not_stop_runs_for_ever(database_url: str) -> None:
    async with scene(settings_for(database_url, bulk_outstanding_limit=2)) as school:
        await school.open_school()
        await school.families(4)
        await start(school)
        await work_off(school)
        assert len(await recipients(school)) == 2
        long_ago = datetime.now(UTC) - OUTCOME_PATIENCE
        await school.sql("UPDATE bulk_runs SET expanded_at = :long_ago", long_ago=long_ago)
        await work_off(school)
        assert len(await recipients(school)) == 4
        assert [tuple(one) for one in await school.sql("SELECT sent FROM bulk_runs")] == [(2,)]


async def test_a_run_waits_until_the_copy_of_the_roster_is_complete(database_url: str) -> None:
    async with scene(settings_for(database_url, catch_up_seconds=30)) as school:
        await school.open_school()
        await school.families(2)
        school.roster_parents = 3
        run = await start(school)
        sweeps = school.sweeps()
        await sweeps._list()
        assert (await show(school, run))["state"] == "selecting"
        await school.family(address="late@example.org")
        await sweeps._list()
        while await sweeps._expand():
            pass
        assert (await show(school, run))["messaged"] == 3


async def test_parents_who_do_not_arrive_in_time_are_counted(school: Scene) -> None:
    await school.families(2)
    school.roster_parents = 5
    assert (await start(school, dry_run=True))["skipped"] == {"not_known_yet": 3}
    run = await start(school)
    await work_off(school)
    shown = await show(school, run)
    assert (shown["selected"], shown["messaged"], shown["skipped"]) == (5, 2, {"not_known_yet": 3})
    assert "run it again" in shown["note"]


async def test_a_silent_roster_is_told_and_does_not_stop_the_run(school: Scene) -> None:
    await school.families(2)
    run = await start(school)
    await work_off(school)
    assert "did not answer" in (await show(school, run))["note"]


async def test_the_same_key_makes_one_run_for_ever(school: Scene) -> None:
    await school.families(2)
    by_header = {"Idempotency-Key": "spring"}
    url = f"{school.root}/bulk"
    first = await school.client.post(url, json=ALL, headers=by_header)
    await work_off(school)
    second = await school.client.post(url, json={**ALL, "idempotency_key": "spring"})
    assert (second.status_code, second.json()["bulk_id"]) == (202, first.json()["bulk_id"])
    await work_off(school)
    assert len(await school.emitted(SendMessage)) == 2
    other = await school.client.post(
        url, json={**ALL, "select": {"filter": {"signed_up": False}}}, headers=by_header
    )
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    both = await school.client.post(url, json={**ALL, "idempotency_key": "x"}, headers=by_header)
    assert (both.status_code, both.json()["code"]) == (400, "idempotency_keys_differ")


async def test_simultaneous_posts_of_one_key_make_one_run(school: Scene) -> None:
    url, headers = f"{school.root}/bulk", {"Idempotency-Key": "one"}
    answers = await asyncio.gather(*(school.client.post(url, json=ALL, headers=headers) for _ in range(8)))
    assert {one.status_code for one in answers} == {202}
    assert len({one.json()["bulk_id"] for one in answers}) == 1


@pytest.fixture
def narrow(database_url: str) -> Settings:
    """At most 10 messages of runs without an outcome, in batches of 4."""
    return settings_for(database_url, bulk_outstanding_limit=10, batch_size=4)


async def test_expansion_is_paced_by_outcomes(narrow: Settings) -> None:
    async with scene(narrow) as school:
        await school.open_school()
        await school.families(15)
        run = await start(school)
        await work_off(school)
        shown = await show(school, run)
        assert (shown["messaged"], shown["waiting"], shown["pending"]) == (8, 8, 7)
        for command in (await school.emitted(SendMessage))[:3]:
            await school.feed(MessageSent(**outcome_of(command), sent_at=NOW))
        await work_off(school)
        shown = await show(school, run)
        assert (shown["messaged"], shown["waiting"], shown["pending"]) == (12, 9, 3)


async def test_c14_a_runs_failures_are_counted_by_reason(school: Scene) -> None:
    await school.families(3)
    run = await start(school)
    await work_off(school)
    first, second, _ = await school.emitted(SendMessage)
    for command, code in ((first, "5.1.1"), (second, "5.2.1")):
        await school.feed(
            MessageFailed(**outcome_of(command), failed_at=NOW, permanent=True, code=code, reason="No.")
        )
    shown = await show(school, run)
    assert (shown["messaged"], shown["failed"], shown["waiting"]) == (1, {"5.1.1": 1, "5.2.1": 1}, 1)


async def test_pause_resume_and_cancel(narrow: Settings) -> None:
    async with scene(narrow) as school:
        await school.open_school()
        await school.families(12)
        run = await start(school)
        sweeps, url = school.sweeps(), f"{school.root}/bulk/{run['bulk_id']}"
        await sweeps._list()
        await sweeps._expand()
        assert (await school.client.post(f"{url}/pause")).json()["state"] == "paused"
        assert await sweeps._expand() is False
        assert (await show(school, run))["messaged"] == 4
        assert (await school.client.post(f"{url}/resume")).json()["state"] == "running"
        await sweeps._expand()
        cancelled = (await school.client.post(f"{url}/cancel")).json()
        assert (cancelled["state"], cancelled["messaged"], cancelled["skipped"]) == (
            "cancelled",
            8,
            {"cancelled": 4},
        )
        assert await sweeps._expand() is False
        refused = await school.client.post(f"{url}/resume")
        assert (refused.status_code, refused.json()["code"]) == (409, "run_has_ended")
        assert (await school.client.post(f"{url}/explode")).status_code == 422


async def test_a_run_waits_for_its_go_live(school: Scene) -> None:
    await school.families(2)
    run = await start(school, not_before=datetime.now(UTC).replace(microsecond=0).isoformat())
    waiting = await start(
        school, not_before=(datetime.now(UTC).replace(year=datetime.now(UTC).year + 1)).isoformat()
    )
    await work_off(school)
    assert (await show(school, run))["messaged"] == 2
    assert (await show(school, waiting))["pending"] == 2


async def test_a_small_run_is_not_behind_a_large_one(narrow: Settings) -> None:
    async with scene(narrow) as school:
        await school.open_school()
        families = await school.families(8)
        await start(school)
        small = await start(school, select={"parent_ids": [str(families[-1].parent_id)]})
        sweeps = school.sweeps()
        await sweeps._list()
        await sweeps._expand()
        await sweeps._expand()
        assert (await show(school, small))["pending"] == 0


async def test_a_kill_in_the_middle_of_a_batch_undoes_or_keeps_it_whole(narrow: Settings) -> None:
    async with scene(narrow) as school:
        await school.open_school()
        families = await school.families(8)
        run = await start(school)
        sweeps = school.sweeps()
        await sweeps._list()
        await sweeps._expand()
        for _ in range(5):
            task = asyncio.create_task(sweeps._expand())
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            shown = await show(school, run)
            assert shown["messaged"] == len(await school.emitted(SendMessage))
        await work_off(school)
        assert await recipients(school) == sorted(one.address for one in families)


async def test_two_expanders_message_nobody_twice(school: Scene) -> None:
    families = await school.families(60)
    await start(school)
    one, other = school.sweeps(), school.sweeps()
    await asyncio.gather(one._list(), other._list())
    for _ in range(6):
        await asyncio.gather(one._expand(), other._expand())
    assert await recipients(school) == sorted(family.address for family in families)
