"""Kinvite as a contestant, on a rig."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import UUID

from bench.batches import batches, transactions
from bench.families import families_csv
from bench.figures import KINVITE
from bench.freezing import frozen
from bench.jobs import Job, email_curve
from bench.measure import Meter
from bench.rig import Rig
from bench.stages import stages

_POLL_SECONDS = 0.25
_WITHIN_SECONDS = 1_800.0
# After waiting this long for the last email, query the run whether it will come; that hardly disturbs a measurement.
_DOUBTS_SECONDS = 60.0
_CLICK_SECONDS = 60.0
_WARM_UP_PARENTS = 100
_LEFT = """
SELECT $2 - (SELECT count(*) FROM dashboard.parents WHERE school_id = $1 AND delivery = 'sent')
     + (SELECT count(*) FROM roster.outbox_runs) + (SELECT count(*) FROM invitations.outbox_runs)
     + (SELECT count(*) FROM notifier.outbox_runs) AS left
"""


class Kinvite:
    """Contestant whose job ends with the last email; its cost counts until the dashboard shows every outcome."""

    name = KINVITE

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.answers: list[float] = []
        self._numbers = itertools.count(1)

    def bulk(self, parents: int) -> Job:
        """Upload a file, wait until it is applied, invite everybody and wait for the emails.

        Raises RuntimeError if emails are missing or too many.
        """
        rig, api = self.rig, self.rig.api
        tag = f"run{next(self._numbers)}"
        school_id = api.school(f"School {tag}")
        file = families_csv(parents, tag)
        before, load, sink = rig.sink.count(), time.process_time(), rig.sink.cpu_seconds()
        committed = asyncio.run(transactions(rig.rows))
        with Meter(rig.processes) as meter:
            since, begin = datetime.now(UTC), time.monotonic()
            applied = api.wait_applied(school_id, api.upload(school_id, file))
            bulk_id = api.bulk(school_id)
            last = self._last_email(school_id, bulk_id, before + parents)
            asyncio.run(self._wait_for_outcomes(UUID(school_id), parents))
            shown = time.monotonic()
        self._check(school_id, bulk_id, before + parents)
        return Job(
            parents,
            last - begin,
            meter.cpu_seconds,
            meter.peak_total_bytes,
            curve=email_curve(rig.sink, begin, before),
            stages=asyncio.run(stages(rig.rows, since)),
            batches=asyncio.run(batches(rig.rows, since)),
            transactions=asyncio.run(transactions(rig.rows)) - committed,
            beside={"(load)": time.process_time() - load, "(mail server)": rig.sink.cpu_seconds() - sink},
            moments={
                "applied": applied - begin,
                "last mail": last - begin,
                "dashboard shows all": shown - begin,
            },
        )

    def clicks(self, count: int) -> list[float]:
        """Invite `count` new parents one after the other at random moments; return the milliseconds from click to
        accepted email.

        The milliseconds from each click to its HTTP response are appended to `answers`.
        """
        rig, number = self.rig, next(self._numbers)
        chance = random.Random(number)  # noqa: S311 (moments, no secrets)
        school_id, parents = rig.api.create_parents(count, f"click{number}")
        milliseconds = []
        for parent_id in parents.values():
            time.sleep(
                chance.uniform(0.1, 0.3)
            )  # part of the load: clicks must not fall into step with polls
            awaited, begin = rig.sink.count() + 1, time.monotonic()
            rig.api.invite(school_id, parent_id)
            self.answers.append((time.monotonic() - begin) * 1000)
            milliseconds.append((rig.sink.wait(awaited, _CLICK_SECONDS) - begin) * 1000)
        return milliseconds

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Freeze all processes, and afterwards run a small job, because the broker has dropped members that were
        frozen for long.
        """
        with frozen(self.rig.processes.values()):
            yield
        self.bulk(_WARM_UP_PARENTS)

    def _last_email(self, school_id: str, bulk_id: str, emails: int) -> float:
        """Return when the last email was accepted.

        Raises RuntimeError as soon as the bulk run reports that some will never come.
        """
        deadline = time.monotonic() + _WITHIN_SECONDS
        while True:
            try:
                return self.rig.sink.wait(emails, _DOUBTS_SECONDS)
            except TimeoutError:
                run = self.rig.api.run(school_id, bulk_id)
                if run["skipped_total"] or run["failed_total"] or time.monotonic() > deadline:
                    raise RuntimeError(
                        f"{self.rig.sink.count()} mails where {emails} are due: {run}"
                    ) from None

    async def _wait_for_outcomes(self, school_id: UUID, parents: int) -> None:
        deadline = time.monotonic() + _WITHIN_SECONDS
        while (await self.rig.rows(_LEFT, school_id, parents))[0]["left"]:
            if time.monotonic() > deadline:
                raise TimeoutError("the dashboard does not show every outcome")
            await asyncio.sleep(_POLL_SECONDS)

    def _check(self, school_id: str, bulk_id: str, emails: int) -> None:
        accepted, state = self.rig.sink.count(), self.rig.api.run(school_id, bulk_id)["state"]
        if accepted != emails or state != "done":
            raise RuntimeError(f"{accepted} mails where {emails} were due, and the run is {state}")
