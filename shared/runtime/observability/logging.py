"""Structured logs without personal data, one JSON object per line: events are `noun.verbed`, values ids and numbers."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog
from sqlalchemy.exc import DBAPIError

from shared.runtime.observability.log_throttle import KEPT_BACK, RepeatedLineFilter
from shared.runtime.observability.tracing import trace_id

# Loggers that repeat the same line: the broker's client, and those of ours that retry with it.
_REPEATING = ("aiokafka", "kinvite.relay", "kinvite.revocations", "kinvite.consumers")


def configure_logging(service: str, level: str) -> None:
    """Send all log records to stdout as JSON; those of third parties from `warning` up."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_trace,
        _redact_exception,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.addFilter(RepeatedLineFilter(*_REPEATING))
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_shorten, *shared],
            processors=[
                _add_kept_back,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("kinvite").setLevel(level.upper())
    for noisy in ("uvicorn.access", "faststream", "aiosmtplib"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    structlog.contextvars.bind_contextvars(service=service)


def get_logger(name: str = "") -> structlog.stdlib.BoundLogger:
    """Return a logger; `name` is the part of the process, such as `relay`."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(
        f"kinvite.{name}" if name else "kinvite"
    )
    return logger


def describe_error(error: BaseException) -> dict[str, str]:
    """Return what may be logged of an error: its class and SQLSTATE, never its text, which may quote a row."""
    described = {"error": type(error).__name__}
    original = error.orig if isinstance(error, DBAPIError) else error
    sqlstate = getattr(original, "sqlstate", None)
    if sqlstate:
        described["sqlstate"] = str(sqlstate)
    return described


def traceback_locations(error: BaseException) -> list[str]:
    """Return file, line and function of each frame of the traceback: no source text, no values."""
    frames = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(f"{code.co_filename.rsplit('site-packages/')[-1]}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return frames[-12:]


def _shorten(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Keep the first line of a third party's text: asyncio adds reprs of callbacks and errors, which may quote a row.

    A traceback given as text keeps its locations and the class of the error.
    """
    record: logging.LogRecord = event["_record"]
    lines = str(event["event"]).splitlines() or [""]
    event["event"] = lines[0].partition("(")[0] if record.name == "asyncio" else lines[0]
    event["logger"] = record.name
    frames = [line.strip() for line in lines if line.lstrip().startswith('File "')]
    if frames:
        event["frames"] = frames[-12:]
        event["error"] = lines[-1].partition(":")[0]
    return event


def _add_trace(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    trace = trace_id()
    if trace:
        event["trace_id"] = trace
    return event


def _add_kept_back(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    kept_back = event["_record"].__dict__.get(KEPT_BACK)
    if kept_back:
        event[KEPT_BACK] = kept_back
    return event


def _redact_exception(_: Any, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    error = info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        event.update(describe_error(error))
        event["frames"] = traceback_locations(error)
    return event
