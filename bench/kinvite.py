"""Kinvite doing the job on a rig."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import UUID

from bench.families import families_csv
from bench.figures import KINVITE
from bench.freezing import frozen
from bench.jobs import Job
from bench.measure import Meter
from bench.rig import Rig
from bench.sink import Watch
from bench.stages import stages

_LOOK_SECONDS = 0.1
_WITHIN_SECONDS = 1_800.0
_SETTLING_PARENTS = 100
_SHOWN = "SELECT count(*) FROM dashboard.parents WHERE school_id = $1 AND delivery = 'sent'"
_PENDING = "SELECT count(*) FROM {}.outbox_pending"
_OWNERS = ("roster", "invitations", "notifier")


class Kinvite:
    """A contestant. Its job ends with the last mail, its cost when the office sees every outcome as well."""

    name = KINVITE

    def __init__(self, rig: Rig, watch: Watch) -> None:
        self._rig = rig
        self._watch = watch
        self._numbers = itertools.count(1)

    def bulk(self, parents: int) -> Job:
        """Upload, wait until it is applied, invite everybody, and wait. Raises where mails are missing or too many."""
        rig, office = self._rig, self._rig.office
        tag = f"run{next(self._numbers)}"
        school_id = office.school(f"School {tag}")
        file = families_csv(parents, tag)
        before = rig.sink.accepted()
        with Meter(rig.processes, every_seconds=1) as meter:
            since, begin = datetime.now(UTC), time.perf_counter()
            applied = office.wait_applied(school_id, office.upload(school_id, file))
            bulk_id = office.bulk(school_id)
            last = self._watch.wait_for(before + parents, within_seconds=_WITHIN_SECONDS)
            asyncio.run(self._settled(UUID(school_id), parents))
            shown = time.perf_counter()
        self._check(school_id, bulk_id, before + parents)
        return Job(
            parents,
            last - begin,
            meter.cpu_seconds,
            meter.peak_total_bytes,
            curve=[(at - begin, count - before) for at, count in self._watch.curve if at >= begin],
            stages=asyncio.run(stages(rig.rows, since)),
            moments={"applied": applied - begin, "last mail": last - begin, "office sees all": shown - begin},
        )

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Afterwards every consumer group has worked again: what stood still for long is thought dead by the broker."""
        with frozen(self._rig.processes.values()):
            yield
        self.bulk(_SETTLING_PARENTS)

    async def _settled(self, school_id: UUID, parents: int) -> None:
        deadline = time.monotonic() + _WITHIN_SECONDS
        while not await self._is_settled(school_id, parents):
            if time.monotonic() > deadline:
                raise TimeoutError("the office does not see every outcome")
            await asyncio.sleep(_LOOK_SECONDS)

    async def _is_settled(self, school_id: UUID, parents: int) -> bool:
        (shown,) = await self._rig.rows(_SHOWN, school_id)
        if shown[0] < parents:
            return False
        pending = [await self._rig.rows(_PENDING.format(owner)) for owner in _OWNERS]
        return not any(rows[0][0] for rows in pending)

    def _check(self, school_id: str, bulk_id: str, mails: int) -> None:
        accepted, state = self._rig.sink.accepted(), self._rig.office.run(school_id, bulk_id)["state"]
        if accepted != mails or state != "done":
            raise RuntimeError(f"{accepted} mails where {mails} were due, and the run is {state}")
