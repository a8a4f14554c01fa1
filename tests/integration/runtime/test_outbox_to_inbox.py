"""From a committed row to one effect, on both brokers: nothing lost, nothing done twice, order kept."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from shared.contracts.envelope import Received
from shared.contracts.message import Message
from shared.contracts.roster import ParentAdded, ParentDetails
from shared.contracts.samples import sample_event, structured
from shared.contracts.topics import ROSTER_PARENT
from shared.runtime.core import Rejected, Transient
from shared.runtime.database import Transaction
from shared.runtime.messaging import emit
from shared.runtime.messaging.outbox.republish import republish
from shared.runtime.observability import Health, traced
from tests.integration.runtime.driver import RuntimeDriver, added, record_effects, renamed, runtime_driver
from tests.support.brokers.base import Broker
from tests.support.waiting import eventually

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


async def _have_effects(driver: RuntimeDriver, count: int, within_seconds: float = 30) -> list[Any]:
    async def reached() -> list[Any]:
        effects = await driver.effects()
        assert len(effects) >= count, f"{len(effects)} of {count}"
        return effects

    return await eventually(reached, within_seconds=within_seconds)


async def _publish_raw(
    driver: RuntimeDriver, values: Sequence[tuple[bytes | None, list[tuple[str, bytes]]]]
) -> None:
    producer = driver.kafka.producer()
    await producer.start()
    try:
        for value, headers in values:
            await producer.send_and_wait(driver.kafka.name(ROSTER_PARENT.name), value, b"k", headers=headers)
    finally:
        await producer.stop()


async def test_i1_i19_committed_before_anyone_listens_arrives_with_its_trace(
    database_url: str, broker: Broker
) -> None:
    async with runtime_driver(database_url, broker) as driver:
        with traced("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"):
            await driver.emit(*(added() for _ in range(100)))
        async with driver.relaying(), driver.consuming():
            effects = await _have_effects(driver, 100)
            await eventually(lambda: _nothing_pending(driver))
        assert len({effect.message_id for effect in effects}) == 100
        assert {effect.trace.split("-")[1] for effect in effects} == {"0af7651916cd43dd8448eb211c80319c"}
        assert await driver.pending() == 0


async def test_i2_a_rolled_back_change_emits_nothing(database_url: str, broker: Broker) -> None:
    async with runtime_driver(database_url, broker) as driver, driver.relaying(), driver.consuming():
        for _ in range(20):
            with pytest.raises(ZeroDivisionError):
                await _emit_and_fail(driver)
        await driver.emit(added())
        assert len(await _have_effects(driver, 1)) == 1


async def _emit_and_fail(driver: RuntimeDriver) -> None:
    async with driver.roster.transaction() as tx:
        await emit(tx, added())
        raise ZeroDivisionError


async def test_i3_commits_out_of_order_lose_nothing(database_url: str, broker: Broker) -> None:
    async with (
        runtime_driver(database_url, broker) as driver,
        driver.relaying(replicas=2),
        driver.consuming(),
    ):
        first_written, may_commit = asyncio.Event(), asyncio.Event()

        async def late() -> None:
            async with driver.roster.transaction() as tx:
                await emit(tx, added())
                first_written.set()
                await may_commit.wait()

        task = asyncio.create_task(late())
        await first_written.wait()
        await driver.emit(*(added() for _ in range(200)))
        await _have_effects(driver, 200)
        may_commit.set()
        await task
        assert len(await _have_effects(driver, 201)) == 201


async def test_i4_versions_of_one_parent_arrive_in_order_from_many_relays(
    database_url: str, broker: Broker
) -> None:
    parents = [uuid4() for _ in range(5)]
    async with runtime_driver(database_url, broker) as driver, driver.consuming():
        for version in range(1, 61):
            async with driver.relaying(replicas=3) if version % 20 == 1 else driver.relaying():
                await driver.emit(*(renamed(parent, version=version) for parent in parents))
                if version % 20 == 0:
                    await _have_effects(driver, version * 5, within_seconds=60)
        seen = defaultdict(list)
        for effect in await driver.effects():
            seen[effect.parent_id].append(effect.version)
        assert {tuple(versions) for versions in seen.values()} == {tuple(range(1, 61))}


async def test_i10_every_record_three_times_is_one_effect(database_url: str, broker: Broker) -> None:
    async with (
        runtime_driver(database_url, broker) as driver,
        driver.relaying() as relays,
        driver.consuming(),
    ):
        await driver.emit(*(added() for _ in range(300)))
        await _have_effects(driver, 300)
        await eventually(lambda: _nothing_pending(driver))
        for _ in range(2):
            async with driver.roster.transaction() as tx:
                assert await republish(tx, since=LONG_AGO) == 300
            relays[0].wake()
            await eventually(lambda: _nothing_pending(driver))
        await driver.emit(added())
        effects = await _have_effects(driver, 301)
        assert len(effects) == 301


async def _nothing_pending(driver: RuntimeDriver) -> bool:
    return await driver.pending() == 0


async def test_i13_poison_is_parked_once_and_the_rest_goes_on(database_url: str, broker: Broker) -> None:
    event = sample_event(ParentAdded)
    structured_type = [("content-type", b"application/cloudevents+json")]
    whole = structured(event)

    def spoiled(**changes: Any) -> bytes:
        return json.dumps({**whole, "id": str(uuid4()), **changes}).encode()

    poison: list[tuple[bytes | None, list[tuple[str, bytes]]]] = [
        (None, []),
        (b"", []),
        (b"rubbish", []),
        (b"{", structured_type),
        (b"[]", structured_type),
        (b"x" * 1_000_00, structured_type),
        (spoiled(data={"parent_id": "no uuid"}), structured_type),
        (spoiled(aggregateversion="minus one"), structured_type),
        (spoiled(subject="somebody else"), structured_type),
        (spoiled(actor="a\x00b"), structured_type),
    ]
    unknown = (spoiled(type="roster.parent.painted.v1"), structured_type)
    async with runtime_driver(database_url, broker) as driver, driver.relaying(), driver.consuming():
        await _publish_raw(driver, [*poison, unknown])
        await driver.emit(*(added() for _ in range(50)))
        await _have_effects(driver, 50)
        dead_letters = await eventually(lambda: _list_dead_letters(driver, len(poison)))
        assert len(dead_letters) == len(poison)
        assert all(dead_letter.reason for dead_letter in dead_letters)
        assert driver.bugs == []


async def test_i13_a_header_that_is_no_text_loses_nothing_of_its_batch(
    database_url: str, broker: Broker
) -> None:
    odd: list[tuple[bytes | None, list[tuple[str, Any]]]] = [
        (b"{}", [("ce_id", b"\xff")]),
        (b"{}", [("ce_id", None)]),
        (b"{}", [("reply_to", ROSTER_PARENT.name.encode())]),
    ]
    async with runtime_driver(database_url, broker) as driver, driver.relaying():
        await driver.emit(*(added() for _ in range(20)))
        await eventually(lambda: _nothing_pending(driver), within_seconds=30)
        await _publish_raw(driver, odd)
        await driver.emit(*(added() for _ in range(20)))
        await eventually(lambda: _nothing_pending(driver), within_seconds=30)
        async with driver.consuming():
            assert len(await _have_effects(driver, 40)) == 40
            assert len(await eventually(lambda: _list_dead_letters(driver, len(odd)))) == len(odd)


async def _list_dead_letters(driver: RuntimeDriver, count: int) -> list[Any]:
    dead_letters = await driver.dead_letters()
    assert len(dead_letters) >= count
    return dead_letters


async def test_a_rejected_record_among_many_is_parked_alone(database_url: str, broker: Broker) -> None:
    bad = added()

    async def picky(tx: Transaction, messages: Sequence[Received[Message]]) -> None:
        if any(one.data == bad.data for one in messages):
            raise Rejected("no_such_school")
        await record_effects(tx, messages)

    async with (
        runtime_driver(database_url, broker) as driver,
        driver.relaying(),
        driver.consuming({ParentAdded: picky}),
    ):
        await driver.emit(*(added() for _ in range(40)), bad, *(added() for _ in range(40)))
        assert len(await _have_effects(driver, 80)) == 80
        assert [dead_letter.reason for dead_letter in await _wait_for_dead_letters(driver, 1)] == [
            "no_such_school"
        ]


async def test_i15_a_transient_failure_is_waited_out_and_never_parked(
    database_url: str, broker: Broker
) -> None:
    failures = iter(range(4))

    async def unlucky(tx: Transaction, messages: Sequence[Received[Message]]) -> None:
        await record_effects(tx, messages)
        if next(failures, None) is not None:
            raise Transient

    async with (
        runtime_driver(database_url, broker) as driver,
        driver.relaying(),
        driver.consuming({ParentAdded: unlucky}),
    ):
        await driver.emit(*(added() for _ in range(10)))
        assert len(await _have_effects(driver, 10)) == 10
        assert await driver.dead_letters() == []


async def test_i17_a_bug_ends_the_consumer_and_its_successor_does_the_work(
    database_url: str, broker: Broker
) -> None:
    async def broken(tx: Transaction, messages: Sequence[Received[Message]]) -> None:
        await record_effects(tx, messages)
        raise KeyError("a bug")

    async with runtime_driver(database_url, broker) as driver, driver.relaying():
        async with driver.consuming({ParentAdded: broken}):
            await driver.emit(added())
            await eventually(lambda: bool(driver.bugs), within_seconds=30)
        assert isinstance(driver.bugs[0], KeyError)
        assert await driver.effects() == []
        async with driver.consuming():
            assert len(await _have_effects(driver, 1)) == 1


async def test_too_many_dead_letters_stop_the_consumer_instead_of_emptying_the_topic(
    database_url: str, broker: Broker
) -> None:
    health = Health()
    async with runtime_driver(database_url, broker) as driver, driver.relaying():
        async with driver.consuming(health=health, dead_letter_limit=3):
            await _publish_raw(driver, [(f"rubbish {n}".encode(), []) for n in range(6)])
            stalled = [loop for loop in health._loops if loop.name.startswith("consumer.")]
            await eventually(
                lambda: stalled[0].reason == "too many dead letters in one hour", within_seconds=30
            )
            assert len(await driver.dead_letters()) == 3
        async with driver.consuming():
            assert len(await _wait_for_dead_letters(driver, 6)) == 6


async def _wait_for_dead_letters(driver: RuntimeDriver, count: int) -> list[Any]:
    return await eventually(lambda: _list_dead_letters(driver, count), within_seconds=30)


async def test_a_message_that_no_reader_would_take_is_refused_at_once(
    database_url: str, broker: Broker
) -> None:
    beyond_bounds = ParentDetails.model_construct(name="x" * 300_000)
    huge = replace(added(), data=ParentAdded.model_construct(parent_id=uuid4(), parent=beyond_bounds))
    async with runtime_driver(database_url, broker) as driver:
        with pytest.raises(ValueError, match="ParentAdded has more than"):
            await driver.emit(huge)
        assert await driver.pending() == 0
