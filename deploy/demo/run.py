"""Run of the demo: starts Kinvite as `make up` does and plays the story in it."""

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

from deploy.cli.api import Refused, Unavailable, connect
from deploy.demo.browser import Browser
from deploy.demo.calendar import Calendar
from deploy.demo.families import FAMILIES, FILE, families_csv
from deploy.demo.school_client import SchoolClient
from deploy.demo.screen import Screen
from deploy.demo.story import Story
from deploy.embedded.config import read_config
from deploy.embedded.errors import CannotRun
from deploy.embedded.processes import die_with_parent

ROOT = Path(__file__).parents[2]
READY_TIMEOUT_SECONDS = 180.0
STOP_TIMEOUT_SECONDS = 20.0
# During quiet hours text messages would be deferred, and the demo would end without them.
WITHOUT_QUIET_HOURS = {"INVITATIONS_QUIET_HOURS": "none"}


@dataclass(frozen=True)
class DemoOptions:
    """Options of a run. `seconds` is about how long the parents take; `forever` goes on after the last answer."""

    families: int
    seconds: float
    forever: bool


async def run(options: DemoOptions) -> int:
    """Run the demo and return the exit status.

    It is 0 at the end of the story, 130 after Ctrl-C; errors are printed as one sentence on standard error.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    try:
        async with start_kinvite() as credentials:
            with Screen(Console()) as screen:
                sign_in = f"{credentials['admin_email']} / {credentials['admin_password']}"
                screen.set_header(f"{credentials['url']}/admin  sign in: {sign_in}")
                await run_story(credentials, screen, options)
    except (CannotRun, Refused, Unavailable) as error:
        print(f"kinvite: {error}", file=sys.stderr)
        return error.code if isinstance(error, CannotRun) else 1
    except asyncio.CancelledError:
        return 130
    return 0


async def run_story(credentials: Mapping[str, str], screen: Screen, options: DemoOptions) -> None:
    """Play the story in a running installation. Raises Refused and Unavailable."""
    spreadsheet = FILE.read_text() if options.families == FAMILIES else families_csv(options.families)
    timeout = aiohttp.ClientTimeout(total=60)
    async with (
        connect(credentials["url"], credentials["api_token"]) as api,
        aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session,
    ):
        calendar = Calendar(read_config(os.environ).data)
        client = await SchoolClient.open(api)
        story = Story(client, Browser(session), screen, calendar, seconds=options.seconds)
        await story.play(spreadsheet, forever=options.forever)


@asynccontextmanager
async def start_kinvite() -> AsyncIterator[dict[str, str]]:
    """Run Kinvite on this machine during the block and yield the content of credentials.json. Raises CannotRun."""
    config = read_config(os.environ)
    parent = os.getpid()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "deploy.embedded"),
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**WITHOUT_QUIET_HOURS, **os.environ, "KINVITE_DATA": str(config.data)},
        start_new_session=True,
        preexec_fn=lambda: die_with_parent(parent, signal.SIGTERM),
    )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), READY_TIMEOUT_SECONDS)
        if not line:
            raise CannotRun("The demo needs Kinvite, which did not start.")
        yield json.loads((config.data / "credentials.json").read_text())
    finally:
        await _stop(process)


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        await asyncio.wait_for(asyncio.shield(process.wait()), STOP_TIMEOUT_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
