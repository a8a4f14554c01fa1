"""Bounds of the values in messages: what is outside of them is not decoded, and the record becomes a dead letter.

Inside of them every consumer can compute with a value and store it. They are wider than what the services' own input
allows, so a service never fails to emit what it accepted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Annotated, Any

from pydantic import Field
from pydantic_core import CoreSchema, core_schema

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
MAX_TRACEPARENT = 128


@dataclass(frozen=True, slots=True)
class _WithoutOffset:
    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        return core_schema.time_schema(tz_constraint="naive")


@dataclass(frozen=True, slots=True)
class _WithOffset:
    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        return core_schema.datetime_schema(tz_constraint="aware", ge=EARLIEST, le=LATEST)


Moment = Annotated[datetime, _WithOffset()]
"""Moment with its offset from UTC, in a range in which every service can add and subtract validity periods."""
LocalTime = Annotated[time, _WithoutOffset()]
"""Time of the school's local day, without an offset."""
Name = Annotated[str, Field(max_length=1_000)]
Address = Annotated[str, Field(max_length=500)]
Short = Annotated[str, Field(max_length=200)]
Reason = Annotated[str, Field(max_length=4_000)]
Digest = Annotated[str, Field(max_length=128)]
LifetimeDays = Annotated[int, Field(ge=1, le=3_650)]
ReminderDay = Annotated[int, Field(ge=0, le=3_650)]
MAX_REMINDERS = 100
MAX_CONTACTS = 500
MAX_CHILDREN = 2_000
MAX_GROUP = 7_000
