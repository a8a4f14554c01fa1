"""G8: how soon an open page of the dashboard shows a change, and how long a page of a large school takes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

from bench.figures import Figure, Goal, pooled
from bench.page import Page
from bench.plan import Plan
from bench.rig import Rig
from bench.school_api import SchoolApi
from bench.sink import Sink

SHOWN_WITHIN = Goal(300)
PAGE = Goal(50)
WARM_UP = 10
PAGES = 200
WITHIN_SECONDS = 60.0
_COLUMNS = """
SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns
 WHERE table_schema = 'dashboard' AND table_name = 'parents' AND is_generated = 'NEVER'
"""
# Inserts $2 parents, copies of the school's first one under other names; every third is not invited yet.
_FILL = """
INSERT INTO dashboard.parents ({columns})
SELECT {columns}
  FROM (SELECT * FROM dashboard.parents WHERE school_id = $1 LIMIT 1) AS first
 CROSS JOIN generate_series(1, $2::integer) AS n
 CROSS JOIN LATERAL jsonb_populate_record(NULL::dashboard.parents, to_jsonb(first) || jsonb_build_object(
       'parent_id', gen_random_uuid(), 'name', 'Parent ' || n, 'search', 'parent ' || n || ' p' || n || '@example.org',
       'state', CASE WHEN n % 3 > 0 THEN 'invited' END, 'delivery', CASE WHEN n % 3 > 0 THEN 'sent' END)) AS more
"""
_ANALYSE = "VACUUM (ANALYZE) dashboard.parents"
FILTERS: dict[str, dict[str, Any]] = {
    "all": {},
    "by status": {"status": "not_invited"},
    "by delivery": {"delivery": "sent"},
    "by a name": {"q": "Parent 4711"},
}


def run(plan: Plan, log: Callable[[str], None]) -> Iterator[Figure]:
    """Measure single emails on an open stream; then fill the school in the database and request pages."""
    with Sink() as sink, Rig(sink) as rig:
        school_id, parents = rig.api.create_parents(WARM_UP + plan.clicks, "shown")
        with Page(rig.api.stream(school_id)) as page:
            samples_ms = [
                _milliseconds_to_page(rig, sink, page, school_id, parent_id) for parent_id in parents.values()
            ]
        yield pooled("G8", "mail accepted until an open page shows it, p50", [samples_ms[WARM_UP:]], 0.5)
        yield pooled(
            "G8",
            "mail accepted until an open page shows it, p99",
            [samples_ms[WARM_UP:]],
            0.99,
            goal=SHOWN_WITHIN,
        )
        begin = time.monotonic()
        asyncio.run(_fill(rig, school_id, plan.listed))
        log(f"G8 {plan.listed:,} parents were there after {time.monotonic() - begin:.0f} s")
        for name, wanted in FILTERS.items():
            samples = _pages(rig.api, school_id, wanted)
            what = f"a page {name}, {plan.listed:,} parents, p99"
            yield pooled("G8", what, [samples], 0.99, goal=PAGE)


def _milliseconds_to_page(rig: Rig, sink: Sink, page: Page, school_id: str, parent_id: str) -> float:
    """Return the milliseconds from the accepted email until the page shows it as sent."""
    awaited = sink.count() + 1
    rig.api.invite(school_id, parent_id)
    accepted = sink.wait(awaited, WITHIN_SECONDS)
    return max(0.0, page.sent_at(parent_id, WITHIN_SECONDS) - accepted) * 1000


async def _fill(rig: Rig, school_id: str, listed: int) -> None:
    ((columns,),) = await rig.rows(_COLUMNS)
    named = ", ".join(f"more.{name.strip()}" for name in columns.split(","))
    await rig.rows(
        _FILL.replace("({columns})", f"({columns})").replace("{columns}", named), school_id, listed
    )
    await rig.rows(_ANALYSE)


def _pages(api: SchoolApi, school_id: str, wanted: dict[str, Any]) -> list[float]:
    """Return the milliseconds of each page, from the first page to the last and again."""
    samples, cursor = [], None
    for _ in range(PAGES):
        begin = time.perf_counter()
        cursor = api.status_page(school_id, {**wanted, **({"cursor": cursor} if cursor else {})})
        samples.append((time.perf_counter() - begin) * 1000)
    return samples
