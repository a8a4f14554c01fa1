"""Equal lines of a library are limited, counted and never lost; all others pass."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import structlog

from shared.runtime.observability import configure_logging, get_logger
from shared.runtime.observability.log_throttle import (
    FIRST_SECONDS,
    LONGEST_SECONDS,
    RepeatedLineFilter,
    flush_suppressed,
)

REFUSED = ConnectionRefusedError(111, "Connection refused")


class Clock:
    """Seconds, moved by the test."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@contextmanager
def _limited() -> Iterator[tuple[RepeatedLineFilter, Clock]]:
    """Logging as in a service, on a clock of the test's."""
    clock = Clock()
    configure_logging("roster", "info")
    try:
        (handler,) = logging.getLogger().handlers
        limit = next(one for one in handler.filters if isinstance(one, RepeatedLineFilter))
        limit._clock = clock
        yield limit, clock
    finally:
        structlog.reset_defaults()
        logging.getLogger().handlers = []


def _lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def _refused(node: int = 1) -> None:
    logging.getLogger("aiokafka").error("Unable connect to node with id %s: %s", node, REFUSED)


def test_few_lines_are_left_of_many_and_each_of_the_others_is_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with _limited() as (_, clock):
        for _ in range(9_000):
            _refused()
            clock.now += 0.1
        clock.now += LONGEST_SECONDS + FIRST_SECONDS
        flush_suppressed()
        lines = _lines(capsys)
        assert {line["event"] for line in lines} == {
            "Unable connect to node with id 1: [Errno 111] Connection refused"
        }
        assert len(lines) <= 6
        assert sum(1 + line.get("kept_back", 0) for line in lines) == 9_000
        flush_suppressed()
        assert _lines(capsys) == []


def test_what_differs_in_a_word_and_what_has_a_traceback_passes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with _limited():
        for _ in range(2):
            _refused(1)
            _refused(2)
            logging.getLogger("aiokafka.conn").error("Unable connect to node with id %s: %s", 1, REFUSED)
            logging.getLogger("aiokafka").warning("Unable connect to node with id %s: %s", 1, REFUSED)
            logging.getLogger("aiokafka.consumer.fetcher").error("Unexpected", exc_info=REFUSED)
            logging.getLogger("uvicorn.error").error("the same")
            get_logger("http").error("request.failed")
            get_logger("relay").error("relay.mistaken", exc_info=REFUSED)
        written = [(line.get("logger"), line["event"].split(":")[0]) for line in _lines(capsys)]
        assert written.count(("aiokafka", "Unable connect to node with id 1")) == 2, (
            "as an error and as a warning"
        )
        assert written.count(("aiokafka", "Unable connect to node with id 2")) == 1
        assert written.count(("aiokafka.conn", "Unable connect to node with id 1")) == 1
        assert written.count(("aiokafka.consumer.fetcher", "Unexpected")) == 2
        assert written.count(("uvicorn.error", "the same")) == 2
        assert written.count((None, "request.failed")) == 2
        assert written.count((None, "relay.mistaken")) == 2


def test_our_own_lines_are_limited_whole_and_written_as_they_were(capsys: pytest.CaptureFixture[str]) -> None:
    with _limited() as (_, clock):
        for lane in ("single", "bulk", "single", "single", "single"):
            get_logger("relay").warning("relay.interrupted", lane=lane)
        assert [line["lane"] for line in _lines(capsys)] == ["single", "bulk"]
        clock.now += 2 * FIRST_SECONDS
        flush_suppressed()
        (line,) = _lines(capsys)
        assert (line["event"], line["lane"], line["kept_back"]) == ("relay.interrupted", "single", 2)
        assert "timestamp" in line


def test_a_line_that_cannot_be_put_together_harms_nobody() -> None:
    with _limited() as (limit, _):
        record = logging.LogRecord("aiokafka", logging.ERROR, "", 0, "%s and %s", ("one",), None)
        assert limit.filter(record)
        assert not limit.filter(record)
