"""W3C trace context: the `traceparent` of the request or message that is being worked on.

It goes from the HTTP request through the outbox into Kafka's headers and on. Source: W3C Trace Context, level 1.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_FORMAT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_current: ContextVar[str | None] = ContextVar("traceparent", default=None)


def current_traceparent() -> str | None:
    """The traceparent of the work in hand, or None outside any."""
    return _current.get()


def trace_id() -> str | None:
    """The 32 hex digits that join all log lines of one story, or None."""
    current = _current.get()
    return current.split("-")[1] if current else None


def child_traceparent(traceparent: str | None) -> str:
    """A new span of the given trace, or of a new trace where the given one is missing or malformed."""
    span = secrets.token_hex(8)
    if traceparent and _FORMAT.fullmatch(traceparent):
        version, trace, _, flags = traceparent.split("-")
        return f"{version}-{trace}-{span}-{flags}"
    return f"00-{secrets.token_hex(16)}-{span}-01"


@contextmanager
def traced(traceparent: str | None) -> Iterator[str]:
    """Work as a child of `traceparent` inside the block."""
    child = child_traceparent(traceparent)
    token = _current.set(child)
    try:
        yield child
    finally:
        _current.reset(token)
