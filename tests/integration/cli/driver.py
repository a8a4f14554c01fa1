"""Driver of the `kinvite` command: runs it in a thread, so that servers of the test's event loop can answer it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from typer.testing import CliRunner, Result

from deploy.cli.main import app


async def run_kinvite(*arguments: str) -> Result:
    """Run the command and return its exit code and output."""
    return await asyncio.to_thread(CliRunner().invoke, app, arguments)


async def run_json(*arguments: str) -> Any:
    """Run the command with --json, which must succeed, and return the parsed output."""
    result = await run_kinvite(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)
