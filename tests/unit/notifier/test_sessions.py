"""Sessions of a sender: the share of slow destinations and retries, and what gives way when others wait."""

from __future__ import annotations

import asyncio
from typing import cast
from unittest.mock import Mock

import pytest

from services.notifier.sending.sessions import SLOW_AFTER_SECONDS, SLOW_FOR_SECONDS, ActiveSession, Sessions

OVERDUE = SLOW_AFTER_SECONDS + 0.1


def _session(
    destination: str = "a.example", *, is_limited: bool = False, began_at: float = 0.0
) -> ActiveSession:
    return ActiveSession(destination, began_at, cast(asyncio.Task[None], Mock()), is_limited)


def _begin(sessions: Sessions, *begun: ActiveSession) -> None:
    for session in begun:
        sessions.begin(session)


def test_a_quick_destination_may_use_every_session() -> None:
    sessions = Sessions(4)
    _begin(sessions, *(_session() for _ in range(4)))
    sessions.yield_overdue(SLOW_AFTER_SECONDS / 2, others_wait=True)
    assert (sessions.free, sessions.is_slow("a.example", 1.0)) == (0, False)


def test_slow_destinations_and_retries_use_half_of_the_sessions() -> None:
    sessions = Sessions(4)
    _begin(sessions, _session(is_limited=True))
    assert sessions.has_limited_share(others_wait=True)
    _begin(sessions, _session(is_limited=True))
    assert not sessions.has_limited_share(others_wait=False)


@pytest.mark.parametrize("others_wait", [True, False])
def test_a_single_session_is_left_to_others(others_wait: bool) -> None:
    assert Sessions(1).has_limited_share(others_wait=others_wait) is not others_wait


def test_an_overdue_session_counts_towards_the_share_and_what_exceeds_it_gives_way() -> None:
    sessions = Sessions(2, lingering_limit=1)
    first, second = _session("a.example"), _session("b.example")
    first.is_interruptible = second.is_interruptible = True
    _begin(sessions, first, second)
    sessions.yield_overdue(OVERDUE, others_wait=True)
    assert sorted([first.is_limited, second.is_limited]) == [False, True]
    assert sorted([first.is_displaced, second.is_displaced]) == [False, True]
    assert sessions.is_slow("a.example", OVERDUE)
    assert sessions.is_slow("b.example", OVERDUE)


def test_a_session_that_may_have_handed_its_message_over_lingers() -> None:
    sessions = Sessions(2, lingering_limit=1)
    begun = [_session(f"{n}.example") for n in range(2)]
    _begin(sessions, *begun)
    sessions.yield_overdue(OVERDUE, others_wait=True)
    assert sessions.free == 1
    assert not any(session.is_displaced for session in begun)
    for session in begun:
        sessions.end(session, OVERDUE, is_answered=True)
    assert sessions.free == 2


def test_nothing_gives_way_while_nothing_waits() -> None:
    sessions = Sessions(2, lingering_limit=2)
    _begin(sessions, _session("a.example"), _session("b.example"))
    sessions.yield_overdue(OVERDUE, others_wait=False)
    assert sessions.free == 0


def test_a_destination_is_slow_until_it_answers_quickly_or_the_time_is_over() -> None:
    sessions = Sessions(2)
    slow = _session()
    _begin(sessions, slow)
    sessions.yield_overdue(OVERDUE, others_wait=False)
    assert not sessions.end(slow, OVERDUE, is_answered=True)
    assert not sessions.is_slow("a.example", OVERDUE + SLOW_FOR_SECONDS)
    quick = _session(began_at=OVERDUE)
    _begin(sessions, quick)
    assert sessions.end(quick, OVERDUE + 0.1, is_answered=True)
    assert not sessions.has_slow
