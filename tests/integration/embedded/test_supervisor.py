"""The embedded run: readiness, refusals in one sentence, restart of killed parts, and no leftovers."""

from __future__ import annotations

import os
import re
import socket
import stat
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import httpx
import psutil
import pytest

from deploy.embedded.data import DataDirectory
from deploy.embedded.postgres import OWNER, Postgres
from tests.integration.embedded.driver import READY_TIMEOUT_SECONDS, EmbeddedDriver, running, start
from tests.support.waiting import eventually


@pytest.fixture
async def embedded(tmp_path: Path) -> AsyncIterator[EmbeddedDriver]:
    async with running(tmp_path / "data") as driver:
        yield driver


async def _refusal(data: Path, port: int = 0, **environment: str) -> str:
    run = await start(data, port, **environment)
    out, error = await run.process.communicate()
    assert run.process.returncode not in (0, None)
    assert out == b""
    assert error.count(b"\n") == 1, error
    return error.decode()


async def test_it_prints_one_line_stops_cleanly_and_starts_again(tmp_path: Path) -> None:
    async with running(tmp_path) as first:
        credentials = first.credentials
        assert set(credentials) == {"url", "admin_email", "admin_password", "api_token"}
        assert credentials["url"] == first.url
        assert stat.S_IMODE((tmp_path / "credentials.json").stat().st_mode) == 0o600
        assert (await first.get("/readyz"))["status"] == (await first.get("/healthz"))["status"] == "ok"
        assert await first.get("/mailbox/v1/messages") == {"items": [], "next": None}
        parts = [first.part(name) for name in ("postgres", "broker", "server")]
        stopped_at = time.monotonic()
        assert await first.stop() == 0
        assert time.monotonic() - stopped_at < 40
        assert not any(part.is_running() for part in parts)
        assert first.process.stdout is not None
        assert await first.process.stdout.read() == b""
    async with running(tmp_path, first.port) as second:
        assert second.credentials == credentials


async def test_whoever_waits_for_readyz_can_read_the_credentials(tmp_path: Path) -> None:
    driver = await start(tmp_path)
    try:
        async with httpx.AsyncClient(base_url=driver.url, timeout=30) as client:

            async def is_ready() -> bool:
                with suppress(httpx.TransportError):
                    return (await client.get("/readyz")).status_code == 200
                return False

            await eventually(is_ready, within_seconds=READY_TIMEOUT_SECONDS, every_seconds=0.005)
        assert driver.credentials["url"] == driver.url
    finally:
        await driver.kill_everything()


async def test_a_second_start_on_the_same_data_is_refused(embedded: EmbeddedDriver) -> None:
    assert "already running with the data in" in await _refusal(embedded.data)
    assert (await embedded.get("/readyz"))["status"] == "ok"


async def test_what_cannot_work_is_reported_in_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"Port {port} is in use" in await _refusal(tmp_path / "a", port)
    assert "KINVITE_PORT" in await _refusal(tmp_path / "a", KINVITE_PORT="eighty")
    assert "NOTIFIER_SMTP_URL is set" in await _refusal(
        tmp_path / "a", NOTIFIER_SMTP_URL="smtp://mail.example"
    )
    (tmp_path / "version").write_text("999\n")
    assert "newer version of Kinvite" in await _refusal(tmp_path)
    assert "cannot be used" in await _refusal(tmp_path / "version")


@pytest.mark.parametrize("name", ["server", "broker", "postgres"])
async def test_a_killed_part_comes_back(embedded: EmbeddedDriver, name: str) -> None:
    killed, server = embedded.part(name), embedded.pid_of("server")
    killed.kill()

    async def is_restarted() -> bool:
        with suppress(httpx.TransportError):
            assert embedded.pid_of(name) != killed.pid
            return bool((await embedded.get("/readyz"))["status"] == "ok")
        return False

    await eventually(is_restarted, within_seconds=120, every_seconds=0.1)
    assert (embedded.pid_of("server") == server) == (name == "postgres")


async def test_nothing_outlives_a_killed_supervisor_and_the_next_start_works(tmp_path: Path) -> None:
    async with running(tmp_path) as first:
        parts = [first.part(name) for name in ("postgres", "broker", "server")]
        psutil.Process(first.process.pid).kill()
        await eventually(lambda: not any(_alive(part) for part in parts), within_seconds=30)
        async with running(tmp_path, first.port) as second:
            assert (await second.get("/readyz"))["status"] == "ok"


async def test_data_of_a_newer_and_of_a_too_old_version_are_refused(tmp_path: Path) -> None:
    async with running(tmp_path) as first:
        await first.stop()
    await _set_schema_version(tmp_path, "9999")
    assert "newer version" in await _refusal(tmp_path, first.port)
    await _set_schema_version(tmp_path, "0000")
    refusal = await _refusal(tmp_path, first.port)
    assert "older than this version" in refusal
    assert re.search(r"start commit [0-9a-f]{7,} on it first", refusal), (
        "it names the last stepwise migrations"
    )


async def _set_schema_version(data: Path, version: str) -> None:
    secrets = DataDirectory(data).load_secrets()
    passwords = {
        "administrator_password": secrets.administrator_password,
        "owner_password": secrets.owner_password,
        "application_password": secrets.application_password,
    }
    async with Postgres(data / "postgres", data / "postgres.log", **passwords) as postgres:
        connection = await asyncpg.connect(postgres.url(OWNER))
        await connection.execute("UPDATE roster.schema_version SET version_num = $1", version)
        await connection.close()


def _alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


@pytest.mark.skipif(os.geteuid() != 0, reason="another user can be tried by root only")
async def test_an_unwritable_directory_is_reported_in_one_sentence(tmp_path: Path) -> None:
    """Root can write everywhere, so the test uses a file system that is not writable."""
    assert "cannot be used" in await _refusal(Path("/proc/kinvite"))
