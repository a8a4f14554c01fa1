"""`make demo` with few families: the story reaches its end, Kinvite keeps running, and Ctrl-C ends everything."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from deploy.cli.services import DATABASE_URL, embedded_settings
from shared.runtime.database import Database
from tests.support.processes import free_port
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("acceptance")
ROOT = Path(__file__).parents[2]
FAMILIES = 24
STORY_TIMEOUT_SECONDS = 240.0


async def _start_demo(data: Path) -> asyncio.subprocess.Process:
    environment = {
        **os.environ,
        "KINVITE_DATA": str(data),
        "KINVITE_PORT": str(free_port()),
        "PYTHONPATH": "",
    }
    options = ["--families", str(FAMILIES), "--seconds", "3"]
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "deploy.demo", *options),
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
    )


async def _read_story(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    output = ""
    async with asyncio.timeout(STORY_TIMEOUT_SECONDS):
        while "your turn" not in output:
            line = await process.stdout.readline()
            assert line, f"the demo ended with {await process.wait()}: {output}"
            output += line.decode()
    return output


async def test_the_demo_plays_its_story_and_stays_until_it_is_stopped(tmp_path: Path) -> None:
    data = tmp_path / "data"
    process = await _start_demo(data)
    try:
        output = await _read_story(process)
        assert "Nobody has got a message yet" in output, "P18: an import sends nothing"
        processes = psutil.Process(process.pid).children(recursive=True)
        credentials = json.loads((data / "credentials.json").read_text())
        await eventually(lambda: _check_statuses(credentials), within_seconds=60, every_seconds=0.5)
        await eventually(lambda: _somebody_has_opted_out(data), within_seconds=60)
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), 60) == 130
        _, alive = await asyncio.to_thread(psutil.wait_procs, processes, timeout=30)
        assert not alive, "nothing is left running"
    finally:
        if process.returncode is None:
            process.kill()


async def _check_statuses(credentials: dict[str, str]) -> None:
    headers = {"Authorization": f"Bearer {credentials['api_token']}"}
    async with httpx.AsyncClient(base_url=credentials["url"], headers=headers, timeout=30) as client:
        (school,) = (await client.get("/roster/v1/schools")).json()["items"]
        summary = (await client.get(f"/dashboard/v1/schools/{school['school_id']}/summary")).json()
        texts = (await client.get("/mailbox/v1/messages", params={"channel": "sms"})).json()["items"]
    status, delivery = summary["status"], summary["delivery"]
    assert status["signed_up"] >= summary["total"] / 2
    assert texts, "parents without e-mail get a text message"
    assert delivery["failed_permanent"] >= 1, "some address does not work"
    assert status["expired"] >= 1, "some link has expired"
    assert status["withdrawn"] >= 1, "some invitation was withdrawn"
    assert status["awaiting_verification"] + status["invited"] >= 1, "some parent never answers"


async def _somebody_has_opted_out(data: Path) -> None:
    url = embedded_settings(data)[DATABASE_URL]
    async with Database(url, schema="invitations") as database, database.transaction() as tx:
        assert await tx.scalar("SELECT count(*) FROM opt_outs WHERE opted_out")
