"""W3C trace context: the `traceparent` of the request or message that is being processed.

It travels from the HTTP request through the outbox into the headers of Kafka records. Source: W3C Trace Context, level
1.
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
    """Return the traceparent of the work in progress, or None outside any."""
    return _current.get()


def trace_id() -> str | None:
    """Return the 32 hexadecimal digits that join the log lines of one trace, or None."""
    current = _current.get()
    return current.split("-")[1] if current else None


def child_traceparent(traceparent: str | None) -> str:
    """Return a new span of the given trace, or of a new trace if the given one is missing or malformed."""
    span = secrets.token_hex(8)
    if traceparent and _FORMAT.fullmatch(traceparent):
        version, trace, _, flags = traceparent.split("-")
        return f"{version}-{trace}-{span}-{flags}"
    return f"00-{secrets.token_hex(16)}-{span}-01"


@contextmanager
def traced(traceparent: str | None) -> Iterator[str]:
    """Run the block as a child span of `traceparent`."""
    child = child_traceparent(traceparent)
    token = _current.set(child)
    try:
        yield child
    finally:
        _current.reset(token)
