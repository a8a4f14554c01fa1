"""Starts Kinvite as `make up` does, and tells the story in it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from rich.console import Console

from deploy.cli.api import Refused, Unavailable, connected
from deploy.demo.browser import Browser
from deploy.demo.calendar import Calendar
from deploy.demo.families import FAMILIES, FILE, families_csv
from deploy.demo.office import Office
from deploy.demo.screen import Screen
from deploy.demo.story import Story
from deploy.embedded.config import read_config
from deploy.embedded.failure import CannotRun
from deploy.embedded.processes import die_with_parent

ROOT = Path(__file__).parents[2]
READY_WITHIN_SECONDS = 180.0
STOP_WITHIN_SECONDS = 20.0
# A demo at night would end with text messages that wait for the morning.
ANY_HOUR = {"INVITATIONS_QUIET_HOURS": "none"}


@dataclass(frozen=True)
class Wish:
    """What the person asked for."""

    families: int
    seconds: float
    forever: bool


async def run(wish: Wish) -> int:
    """The exit status: 0 when the story was told, 1 with a sentence on standard error when it could not be."""
    loop, here = asyncio.get_running_loop(), asyncio.current_task()
    assert here is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, here.cancel)
    try:
        async with embedded() as credentials:
            with Screen(Console()) as screen:
                sign_in = f"{credentials['admin_email']} / {credentials['admin_password']}"
                screen.head(f"{credentials['url']}/admin  sign in: {sign_in}")
                await tell(credentials, screen, wish)
    except (CannotRun, Refused, Unavailable) as error:
        print(f"kinvite: {error}", file=sys.stderr)
        return error.code if isinstance(error, CannotRun) else 1
    except asyncio.CancelledError:
        return 130
    return 0


async def tell(credentials: Mapping[str, str], screen: Screen, wish: Wish) -> None:
    """The story in a running installation. Raises Refused and Unavailable."""
    spreadsheet = FILE.read_text() if wish.families == FAMILIES else families_csv(wish.families)
    timeout = aiohttp.ClientTimeout(total=60)
    async with (
        connected(credentials["url"], credentials["api_token"]) as api,
        aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session,
    ):
        calendar = Calendar(read_config(os.environ).data)
        story = Story(await Office.open(api), Browser(session), screen, calendar, seconds=wish.seconds)
        await story.tell(spreadsheet, forever=wish.forever)


@asynccontextmanager
async def embedded() -> AsyncIterator[dict[str, str]]:
    """Kinvite on this machine, with what its credentials.json says. Raises CannotRun."""
    config = read_config(os.environ)
    parent = os.getpid()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "deploy.embedded"),
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**ANY_HOUR, **os.environ, "KINVITE_DATA": str(config.data)},
        start_new_session=True,
        preexec_fn=lambda: die_with_parent(parent, signal.SIGTERM),
    )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), READY_WITHIN_SECONDS)
        if not line:
            raise CannotRun("The demo needs Kinvite, which did not start.")
        yield json.loads((config.data / "credentials.json").read_text())
    finally:
        await _stop(process)


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        await asyncio.wait_for(asyncio.shield(process.wait()), STOP_WITHIN_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
