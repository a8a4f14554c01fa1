"""A notification wakes the relay of its lane, and every relay where it names no known lane."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from shared.runtime.database import Database, NotificationHandler
from shared.runtime.messaging import Lane
from shared.runtime.observability import Health
from shared.runtime.service import app_factory


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("single another", [Lane.SINGLE]),
        ("bulk another", [Lane.BULK]),
        ("", [Lane.SINGLE, Lane.BULK]),
        ("express another", [Lane.SINGLE, Lane.BULK]),
        ("released", [Lane.SINGLE, Lane.BULK]),
    ],
)
def test_a_notification_without_a_known_lane_wakes_every_relay(
    payload: str, expected: list[Lane], monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[Lane] = []
    registered: list[NotificationHandler] = []

    def relay(_database: Any, _kafka: Any, lane: Lane, _health: Any, **_: Any) -> SimpleNamespace:
        return SimpleNamespace(
            run=None, wake=lambda: woken.append(lane), try_acquire=lambda: woken.append(lane)
        )

    def listener(_database: Any, handlers: Sequence[NotificationHandler]) -> SimpleNamespace:
        registered.extend(handlers)
        return SimpleNamespace(run=None)

    monkeypatch.setattr(app_factory, "Relay", relay)
    monkeypatch.setattr(app_factory, "NotificationListener", listener)
    database = Database("postgresql+asyncpg://nobody@127.0.0.1:1/none", schema="roster")
    settings: Any = SimpleNamespace(relay_poll_milliseconds=100)
    relays = app_factory._create_relays(database, settings, None, Health())  # type: ignore[arg-type]
    app_factory._listen(database, relays, ())
    registered[0].on_notification(payload)
    assert woken == expected
