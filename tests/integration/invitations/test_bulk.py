"""Bulk runs: every parent is messaged once, whatever happens, and the counts add up at any time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from services.invitations.settings import Settings
from services.invitations.use_cases.send_bulk import REPORT_PATIENCE
from shared.contracts.notifier import MessageFailed, MessageSent, SendMessage
from shared.contracts.roster import ParentAccessChanged, ParentRemoved
from tests.integration.invitations.builders import ParentRecord, report_fields, settings_for
from tests.integration.invitations.driver import InvitationsDriver, open_driver

NOW = datetime(2030, 1, 1, tzinfo=UTC)
ALL = {"select": {"all": True}, "channel": "email"}


async def start(driver: InvitationsDriver, **body: Any) -> dict[str, Any]:
    answer = await driver.client.post(f"{driver.root}/bulk", json={**ALL, **body})
    assert answer.status_code == 202, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def show(driver: InvitationsDriver, run: dict[str, Any]) -> dict[str, Any]:
    answer = await driver.client.get(f"{driver.root}/bulk/{run['bulk_id']}")
    assert answer.status_code == 200
    shown: dict[str, Any] = answer.json()
    parts = shown["pending"] + shown["messaged"] + shown["skipped_total"] + shown["failed_total"]
    assert shown["selected"] == parts
    return shown


async def work_off(driver: InvitationsDriver) -> None:
    """List and send bulk runs until nothing is due."""
    tasks = driver.tasks()
    await tasks.list_bulk_runs()
    while await tasks.send_bulk():
        pass


async def recipients(driver: InvitationsDriver) -> list[str]:
    return sorted(command.recipient.address for command in await driver.emitted(SendMessage))


async def test_p19_p23_p25_c13_select_all_sends_each_parent_one_verification(
    driver: InvitationsDriver,
) -> None:
    records = await driver.add_parents(40)
    run = await start(driver)
    assert (run["state"], run["selected"]) == ("selecting", 0)
    await work_off(driver)
    assert await recipients(driver) == sorted(record.address for record in records)
    assert {command.template for command in await driver.emitted(SendMessage)} == {"verify"}
    shown = await show(driver, run)
    assert (shown["state"], shown["selected"], shown["messaged"]) == ("done", 40, 40)
    topics = await driver.sql("SELECT DISTINCT topic, lane FROM outbox ORDER BY topic")
    assert [tuple(row) for row in topics] == [
        ("invitations.invitation", "bulk"),
        ("notifier.commands.bulk", "bulk"),
    ]


async def test_p13_a_parent_of_a_run_is_invited_by_itself_after_verification(
    driver: InvitationsDriver,
) -> None:
    (record,) = await driver.add_parents(1)
    await start(driver)
    await work_off(driver)
    await driver.verify(record)
    assert [command.template for command in await driver.emitted(SendMessage)] == ["verify", "invite"]


async def test_p24_a_run_re_invites_after_the_cool_down(driver: InvitationsDriver) -> None:
    await driver.add_parents(3)
    await start(driver)
    await work_off(driver)
    second = await start(driver)
    await work_off(driver)
    assert (await show(driver, second))["skipped"] == {"cool_down": 3}
    await driver.sql("UPDATE invitations SET last_message_at = now() - interval '24 hours'")
    await start(driver)
    await work_off(driver)
    assert [command.generation for command in await driver.emitted(SendMessage)] == [1] * 3 + [2] * 3


async def add_mixed_parents(driver: InvitationsDriver) -> None:
    """Add two parents who can be invited, and one for each of six reasons why one cannot."""
    await driver.add_parents(2)
    await driver.sign_up(await driver.add_invited_parent())
    await driver.invite(await driver.add_parent())
    await driver.add_parent(address="")
    restricted = await driver.add_parent()
    restricted.rights = "none"
    await driver.consume(restricted.event(ParentAccessChanged))
    removed = await driver.add_parent()
    await driver.consume(ParentRemoved(parent_id=removed.parent_id))


SKIPPED = {"signed_up": 1, "cool_down": 1, "no_contact": 1, "restricted": 1}


async def test_s2_the_preview_counts_each_reason_and_sends_nothing(driver: InvitationsDriver) -> None:
    await add_mixed_parents(driver)
    before = len(await driver.emitted(SendMessage))
    shown = await start(driver, dry_run=True)
    assert (shown["state"], shown["bulk_id"], shown["selected"], shown["to_message"]) == (
        "preview",
        None,
        6,
        2,
    )
    assert shown["skipped"] == SKIPPED
    await work_off(driver)
    assert len(await driver.emitted(SendMessage)) == before
    assert (await driver.sql("SELECT count(*) FROM bulk_runs"))[0][0] == 0


async def test_s2_the_run_does_what_the_preview_announced(driver: InvitationsDriver) -> None:
    await add_mixed_parents(driver)
    run = await start(driver)
    await work_off(driver)
    shown = await show(driver, run)
    assert (shown["selected"], shown["messaged"], shown["skipped"]) == (6, 2, SKIPPED)


async def test_p21_p22_a_selection_of_students_or_a_filter_means_their_parents(
    driver: InvitationsDriver,
) -> None:
    records = await driver.add_parents(4)
    await start(driver, select={"student_ids": [str(records[1].student_id)]})
    await work_off(driver)
    assert await recipients(driver) == ["p1@example.org"]
    await start(driver, select={"filter": {"status": ["not_invited"]}})
    await work_off(driver)
    assert await recipients(driver) == [
        "p0@example.org",
        "p1@example.org",
        "p2@example.org",
        "p3@example.org",
    ]
    shown = await start(driver, select={"filter": {"signed_up": False}}, dry_run=True)
    assert shown["selected"] == 4
    assert (await start(driver, select={"filter": {"signed_up": True}}, dry_run=True))["selected"] == 0


async def test_named_parents_that_are_unknown_or_of_another_school_are_not_known_yet(
    driver: InvitationsDriver,
) -> None:
    here, elsewhere = await driver.add_parent(), ParentRecord(driver.school_id, address="x@example.org")
    await driver.consume(elsewhere.event(), school_id=elsewhere.student_id)
    ids = [str(record.parent_id) for record in (here, elsewhere, ParentRecord(driver.school_id))]
    run = await start(driver, select={"parent_ids": ids})
    await work_off(driver)
    shown = await show(driver, run)
    assert (shown["selected"], shown["messaged"], shown["skipped"]) == (3, 1, {"not_known_yet": 2})
    assert await recipients(driver) == [here.address]


async def test_delivery_reports_that_never_come_do_not_stop_runs_for_ever(database_url: str) -> None:
    async with open_driver(settings_for(database_url, bulk_outstanding_limit=2)) as driver:
        await driver.register_school()
        await driver.add_parents(4)
        await start(driver)
        await work_off(driver)
        assert len(await recipients(driver)) == 2
        long_ago = datetime.now(UTC) - REPORT_PATIENCE
        await driver.sql("UPDATE bulk_runs SET expanded_at = :long_ago", long_ago=long_ago)
        await work_off(driver)
        assert len(await recipients(driver)) == 4
        assert [tuple(row) for row in await driver.sql("SELECT sent FROM bulk_runs")] == [(2,)]


async def test_a_run_waits_until_the_replica_of_the_roster_is_complete(database_url: str) -> None:
    async with open_driver(settings_for(database_url, catch_up_seconds=30)) as driver:
        await driver.register_school()
        await driver.add_parents(2)
        driver.roster_parents = 3
        run = await start(driver)
        tasks = driver.tasks()
        await tasks.list_bulk_runs()
        assert (await show(driver, run))["state"] == "selecting"
        await driver.add_parent(address="late@example.org")
        await tasks.list_bulk_runs()
        while await tasks.send_bulk():
            pass
        assert (await show(driver, run))["messaged"] == 3


async def test_parents_who_do_not_arrive_in_time_are_counted(driver: InvitationsDriver) -> None:
    await driver.add_parents(2)
    driver.roster_parents = 5
    assert (await start(driver, dry_run=True))["skipped"] == {"not_known_yet": 3}
    run = await start(driver)
    await work_off(driver)
    shown = await show(driver, run)
    assert (shown["selected"], shown["messaged"], shown["skipped"]) == (5, 2, {"not_known_yet": 3})
    assert "run it again" in shown["note"]


async def test_a_roster_that_does_not_answer_is_noted_and_does_not_stop_the_run(
    driver: InvitationsDriver,
) -> None:
    await driver.add_parents(2)
    run = await start(driver)
    await work_off(driver)
    assert "did not answer" in (await show(driver, run))["note"]


async def test_the_same_key_makes_one_run_for_ever(driver: InvitationsDriver) -> None:
    await driver.add_parents(2)
    by_header = {"Idempotency-Key": "spring"}
    url = f"{driver.root}/bulk"
    first = await driver.client.post(url, json=ALL, headers=by_header)
    await work_off(driver)
    second = await driver.client.post(url, json={**ALL, "idempotency_key": "spring"})
    assert (second.status_code, second.json()["bulk_id"]) == (202, first.json()["bulk_id"])
    await work_off(driver)
    assert len(await driver.emitted(SendMessage)) == 2
    other = await driver.client.post(
        url, json={**ALL, "select": {"filter": {"signed_up": False}}}, headers=by_header
    )
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    both = await driver.client.post(url, json={**ALL, "idempotency_key": "x"}, headers=by_header)
    assert (both.status_code, both.json()["code"]) == (400, "idempotency_keys_differ")


async def test_simultaneous_posts_of_one_key_make_one_run(driver: InvitationsDriver) -> None:
    url, headers = f"{driver.root}/bulk", {"Idempotency-Key": "one"}
    answers = await asyncio.gather(*(driver.client.post(url, json=ALL, headers=headers) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["bulk_id"] for answer in answers}) == 1


@pytest.fixture
def narrow(database_url: str) -> Settings:
    """Return settings for at most 10 messages without a delivery report, in batches of 4."""
    return settings_for(database_url, bulk_outstanding_limit=10, batch_size=4)


async def test_sending_is_paced_by_delivery_reports(narrow: Settings) -> None:
    async with open_driver(narrow) as driver:
        await driver.register_school()
        await driver.add_parents(15)
        run = await start(driver)
        await work_off(driver)
        shown = await show(driver, run)
        assert (shown["messaged"], shown["waiting"], shown["pending"]) == (8, 8, 7)
        for command in (await driver.emitted(SendMessage))[:3]:
            await driver.consume(MessageSent(**report_fields(command), sent_at=NOW))
        await work_off(driver)
        shown = await show(driver, run)
        assert (shown["messaged"], shown["waiting"], shown["pending"]) == (12, 9, 3)


async def test_c14_a_runs_failures_are_counted_by_reason(driver: InvitationsDriver) -> None:
    await driver.add_parents(3)
    run = await start(driver)
    await work_off(driver)
    first, second, _ = await driver.emitted(SendMessage)
    for command, code in ((first, "5.1.1"), (second, "5.2.1")):
        await driver.consume(
            MessageFailed(**report_fields(command), failed_at=NOW, permanent=True, code=code, reason="No.")
        )
    shown = await show(driver, run)
    assert (shown["messaged"], shown["failed"], shown["waiting"]) == (1, {"5.1.1": 1, "5.2.1": 1}, 1)


async def test_pause_resume_and_cancel(narrow: Settings) -> None:
    async with open_driver(narrow) as driver:
        await driver.register_school()
        await driver.add_parents(12)
        run = await start(driver)
        tasks, url = driver.tasks(), f"{driver.root}/bulk/{run['bulk_id']}"
        await tasks.list_bulk_runs()
        await tasks.send_bulk()
        assert (await driver.client.post(f"{url}/pause")).json()["state"] == "paused"
        assert await tasks.send_bulk() is False
        assert (await show(driver, run))["messaged"] == 4
        assert (await driver.client.post(f"{url}/resume")).json()["state"] == "running"
        await tasks.send_bulk()
        cancelled = (await driver.client.post(f"{url}/cancel")).json()
        assert (cancelled["state"], cancelled["messaged"], cancelled["skipped"]) == (
            "cancelled",
            8,
            {"cancelled": 4},
        )
        assert await tasks.send_bulk() is False
        refused = await driver.client.post(f"{url}/resume")
        assert (refused.status_code, refused.json()["code"]) == (409, "run_has_ended")
        assert (await driver.client.post(f"{url}/explode")).status_code == 422


async def test_a_run_waits_for_its_go_live(driver: InvitationsDriver) -> None:
    await driver.add_parents(2)
    run = await start(driver, not_before=datetime.now(UTC).replace(microsecond=0).isoformat())
    waiting = await start(
        driver, not_before=(datetime.now(UTC).replace(year=datetime.now(UTC).year + 1)).isoformat()
    )
    await work_off(driver)
    assert (await show(driver, run))["messaged"] == 2
    assert (await show(driver, waiting))["pending"] == 2


async def test_a_small_run_is_not_behind_a_large_one(narrow: Settings) -> None:
    async with open_driver(narrow) as driver:
        await driver.register_school()
        records = await driver.add_parents(8)
        await start(driver)
        small = await start(driver, select={"parent_ids": [str(records[-1].parent_id)]})
        tasks = driver.tasks()
        await tasks.list_bulk_runs()
        await tasks.send_bulk()
        await tasks.send_bulk()
        assert (await show(driver, small))["pending"] == 0


async def test_a_kill_in_the_middle_of_a_batch_undoes_or_keeps_it_whole(narrow: Settings) -> None:
    async with open_driver(narrow) as driver:
        await driver.register_school()
        records = await driver.add_parents(8)
        run = await start(driver)
        tasks = driver.tasks()
        await tasks.list_bulk_runs()
        await tasks.send_bulk()
        for _ in range(5):
            task = asyncio.create_task(tasks.send_bulk())
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            shown = await show(driver, run)
            assert shown["messaged"] == len(await driver.emitted(SendMessage))
        await work_off(driver)
        assert await recipients(driver) == sorted(record.address for record in records)


async def test_two_senders_message_nobody_twice(driver: InvitationsDriver) -> None:
    records = await driver.add_parents(60)
    await start(driver)
    first, second = driver.tasks(), driver.tasks()
    await asyncio.gather(first.list_bulk_runs(), second.list_bulk_runs())
    for _ in range(6):
        await asyncio.gather(first.send_bulk(), second.send_bulk())
    assert await recipients(driver) == sorted(record.address for record in records)
