"""Which relay a notification wakes."""

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
    ("said", "woken"),
    [
        ("single another", [Lane.SINGLE]),
        ("bulk another", [Lane.BULK]),
        ("", [Lane.SINGLE, Lane.BULK]),
        ("express another", [Lane.SINGLE, Lane.BULK]),
        ("released", [Lane.SINGLE, Lane.BULK]),
    ],
)
def test_a_word_without_a_known_lane_wakes_every_relay(
    said: str, woken: list[Lane], monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[Lane] = []
    hearings: list[NotificationHandler] = []

    def relay(_database: Any, _kafka: Any, lane: Lane, _health: Any, **_: Any) -> SimpleNamespace:
        return SimpleNamespace(run=None, wake=lambda: found.append(lane), ask=lambda: found.append(lane))

    def listener(_database: Any, given: Sequence[NotificationHandler]) -> SimpleNamespace:
        hearings.extend(given)
        return SimpleNamespace(run=None)

    monkeypatch.setattr(service_app, "Relay", relay)
    monkeypatch.setattr(service_app, "Listener", listener)
    database = Database("postgresql+asyncpg://nobody@127.0.0.1:1/none", schema="roster")
    settings: Any = SimpleNamespace(relay_poll_milliseconds=100)
    relays = app_factory._relays(database, settings, None, Health())  # type: ignore[arg-type]
    app_factory._hearing(database, relays, ())
    hearings[0].heard(said)
    assert found == woken
