"""Logs, trace context and health of a process."""

from __future__ import annotations

from shared.runtime.observability.health import Health, Heartbeat
from shared.runtime.observability.logging import configure_logging, describe_error, get_logger
from shared.runtime.observability.tracing import current_traceparent, traced

__all__ = [
    "Health",
    "Heartbeat",
    "configure_logging",
    "current_traceparent",
    "describe_error",
    "get_logger",
    "traced",
]
