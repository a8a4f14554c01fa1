"""G4: a single invitation that overtakes a bulk run, in both ways to run Kinvite."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from bench.embedded import NAME as EMBEDDED
from bench.embedded import Embedded
from bench.figures import KINVITE, Figure, Goal, pooled
from bench.plan import Plan
from bench.rig import Rig
from bench.school_api import SchoolApi
from bench.sink import Sink

CLICKS = 60
CLICK_EVERY_SECONDS = 0.25
MARKER = "overtaking"
POLL_SECONDS = 0.25
WITHIN_SECONDS = 600.0
AT_ONCE = 8


def run(plan: Plan, log: Callable[[str], None]) -> Iterator[Figure]:
    """Start a bulk run, wait until its emails go out, and click; the end of the run is not waited for."""
    with Sink(keep=True) as sink, Rig(sink) as rig, sink.arrivals(MARKER.encode()) as arrivals:
        crowd = _Crowd.invited(rig.api, plan.crowd, log)
        clicks = crowd.clicks(time.monotonic)
        came = [arrivals.wait_for(email, within_seconds=WITHIN_SECONDS) - at for email, at in clicks]
        yield from _figures(KINVITE, came, crowd, Goal(500))
    with Embedded() as embedded:
        crowd = _Crowd.invited(embedded.api, plan.crowd, log)
        clicks = crowd.clicks(time.time)
        came = [embedded.arrival(email) - at for email, at in clicks]
        yield from _figures(EMBEDDED, came, crowd, Goal(2_000))


@dataclass(slots=True)
class _Crowd:
    """Bulk run in progress, and the parents of another school who are invited one by one at the same time."""

    api: SchoolApi
    school_id: str
    bulk_id: str
    other_school_id: str
    parents: dict[str, str]
    left: int = 0

    @classmethod
    def invited(cls, api: SchoolApi, count: int, log: Callable[[str], None]) -> _Crowd:
        begin = time.monotonic()
        other_school_id, parents = api.create_parents(CLICKS, MARKER)
        school_id = api.create_school_with_parents(count, "crowd")
        bulk_id = api.bulk(school_id)
        crowd = cls(api, school_id, bulk_id, other_school_id, parents)
        crowd.wait_begun(count)
        log(
            f"G4 {count:,} parents were in the run, and its first emails sent, after {time.monotonic() - begin:.0f} s"
        )
        return crowd

    def ahead(self) -> int:
        """Return how many parents of the bulk run have no email yet."""
        run = self.api.run(self.school_id, self.bulk_id)
        return int(run["pending"] + run["waiting"])

    def wait_begun(self, count: int) -> None:
        """Wait until emails of the bulk run of `count` parents are going out."""
        deadline = time.monotonic() + WITHIN_SECONDS
        while self.ahead() in {0, count}:
            if time.monotonic() > deadline:
                raise TimeoutError("the bulk run does not begin")
            time.sleep(POLL_SECONDS)

    def clicks(self, clock: Callable[[], float]) -> list[tuple[str, float]]:
        """Click at a steady pace, whether or not earlier emails have come; return each address with the time of its
        click.

        Raises RuntimeError if the bulk run ends before the clicks, because the last ones would have overtaken
        nothing.
        """

        def click(email: str, parent_id: str) -> tuple[str, float]:
            at = clock()
            self.api.invite(self.other_school_id, parent_id)
            return email, at

        with ThreadPoolExecutor(AT_ONCE) as fingers:
            clicked = []
            for email, parent_id in self.parents.items():
                clicked.append(fingers.submit(click, email, parent_id))
                time.sleep(CLICK_EVERY_SECONDS)  # the pace of the load
            done = [future.result() for future in clicked]
        self.left = self.ahead()
        if not self.left:
            raise RuntimeError("the bulk run was over before the clicks were: take a larger --crowd")
        return done


def _figures(name: str, seconds: list[float], crowd: _Crowd, goal: Goal) -> Iterator[Figure]:
    samples, left = [value * 1000 for value in seconds], {"crowd left at the last click": crowd.left}
    what = "click to accepted mail during a bulk run"
    yield pooled("G4", f"{what}, p50", [samples], 0.5, contestant=name)
    yield pooled("G4", f"{what}, p99", [samples], 0.99, contestant=name, goal=goal, detail=left)
