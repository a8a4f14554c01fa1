"""Kinvite on one machine under load: any part and all of it is killed twenty times, without a loss."""

import random
import secrets
import sys
from collections import Counter
from pathlib import Path

import httpx
import pytest

from tests.acceptance.kinvite_up import KinviteUp, kinvite_up
from tests.faults.campaign import embedded
from tests.faults.campaign.drain import drain
from tests.faults.campaign.evidence import collect, read_files
from tests.faults.campaign.ledger import Ledger
from tests.faults.campaign.load import Load
from tests.faults.campaign.oracle import judge
from tests.faults.campaign.report import Report
from tests.faults.campaign.world import Disturbance
from tests.support.pace import pause_for
from tests.support.waiting import eventually

KILLS = 20
EVERYTHING = "everything"
_VICTIMS = (*embedded.PARTS, EVERYTHING)


async def _is_ready(up: KinviteUp) -> None:
    """Check that every service is ready."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{up.port}", timeout=5) as client:
        for service in ("roster", "invitations", "signup"):
            try:
                answer = await client.get(f"/{service}/readyz")
            except httpx.HTTPError as error:
                raise AssertionError(service) from error
            assert answer.status_code == 200, answer.text


async def _kill(up: KinviteUp, target: str) -> bool:
    if target == EVERYTHING:
        up.kill_all()
        await up.start()
        return True
    return embedded.kill_part(up, target)


async def _kill_again_and_again(up: KinviteUp, dice: random.Random) -> Counter[str]:
    """Kill each victim a few times in random order; every other kill comes while the last is being recovered from."""
    order = dice.sample(_VICTIMS * 3, 12) + dice.choices(_VICTIMS, k=KILLS - 12)
    killed: Counter[str] = Counter()
    for target in order:
        await pause_for(dice.uniform(0.2, 1.5))
        await eventually(lambda: _kill(up, target), within_seconds=120, every_seconds=0.1)  # noqa: B023
        killed[target] += 1
        if dice.random() < 0.5:
            await eventually(lambda: _is_ready(up), within_seconds=180, every_seconds=0.1)
    await eventually(lambda: _is_ready(up), within_seconds=180, every_seconds=0.1)
    return killed


@pytest.mark.slow
@pytest.mark.timeout(1_200)
async def test_i1_i10_i20_i31_i32_i43_any_part_is_killed_twenty_times_under_load(tmp_path: Path) -> None:
    seed = secrets.randbelow(1_000_000)
    sys.stdout.write(f"seed {seed}\n")
    data, ledger, report = tmp_path / "data", Ledger(), Report(seed)
    async with kinvite_up(data) as up:
        load = Load(embedded.embedded_site(up), ledger, seed, schools=2, clerks=2)
        with load:
            report.faults = dict(await _kill_again_and_again(up, random.Random(f"embedded {seed}")))
            await eventually(lambda: any(ledger.select("join")), within_seconds=180, every_seconds=0.5)

        async def lags() -> dict[str, int]:
            return await embedded.unprocessed(embedded.administrator_url(data))

        await drain(embedded.administrator_url(data), lags, limit_seconds=400, tick=lambda: None)
        evidence = await collect(embedded.administrator_url(data), ledger)
        read_files(evidence, data / "logs")
        embedded.add_sent_records(evidence, data)
        # The sender dies together with the mailbox, at any moment.
        evidence.disturbances = [Disturbance("notifier", 0.0, float("inf"))]
        report.add_verdicts(evidence, judge(evidence))
    sys.stdout.write(report.table())
    assert report.broken == []
    assert sum(report.faults.values()) == KILLS
    assert report.counts["messages"] > 0
    assert report.counts["accounts"] > 0
