"""The whole of Kinvite on one machine: ready, refused in a sentence, mended after the kill of any part."""

import os
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
from tests.integration.embedded.whole import Whole, running, start
from tests.support.waiting import eventually


@pytest.fixture
async def whole(tmp_path: Path) -> AsyncIterator[Whole]:
    async with running(tmp_path / "data") as made:
        yield made


async def _refusal(data: Path, port: int = 0, **environment: str) -> str:
    refused = await start(data, port, **environment)
    out, error = await refused.process.communicate()
    assert refused.process.returncode not in (0, None)
    assert out == b""
    assert error.count(b"\n") == 1, error
    return error.decode()


async def test_it_says_one_line_stops_cleanly_and_starts_again(tmp_path: Path) -> None:
    async with running(tmp_path) as first:
        credentials = first.credentials
        assert set(credentials) == {"url", "admin_email", "admin_password", "api_token"}
        assert credentials["url"] == first.url
        assert stat.S_IMODE((tmp_path / "credentials.json").stat().st_mode) == 0o600
        assert (await first.get("/readyz"))["status"] == (await first.get("/healthz"))["status"] == "ok"
        assert await first.get("/mailbox/v1/messages") == {"items": [], "next": None}
        parts = [first.part(name) for name in ("postgres", "broker", "server")]
        asked_at = time.monotonic()
        assert await first.stop() == 0
        assert time.monotonic() - asked_at < 40
        assert not any(part.is_running() for part in parts)
        assert first.process.stdout is not None
        assert await first.process.stdout.read() == b""
    async with running(tmp_path, first.port) as second:
        assert second.credentials == credentials


async def test_a_second_start_on_the_same_data_is_told_so(whole: Whole) -> None:
    assert "already running with the data in" in await _refusal(whole.data)
    assert (await whole.get("/readyz"))["status"] == "ok"


async def test_what_cannot_work_is_one_sentence(tmp_path: Path) -> None:
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
async def test_a_killed_part_comes_back(whole: Whole, name: str) -> None:
    killed, server = whole.part(name), whole.number("server")
    killed.kill()

    async def mended() -> bool:
        with suppress(httpx.TransportError):
            assert whole.number(name) != killed.pid
            return bool((await whole.get("/readyz"))["status"] == "ok")
        return False

    await eventually(mended, within_seconds=120, every_seconds=0.1)
    assert (whole.number("server") == server) == (name == "postgres")


async def test_nothing_outlives_a_killed_supervisor_and_the_next_start_works(tmp_path: Path) -> None:
    async with running(tmp_path) as first:
        parts = [first.part(name) for name in ("postgres", "broker", "server")]
        psutil.Process(first.process.pid).kill()
        await eventually(lambda: not any(_alive(part) for part in parts), within_seconds=30)
        async with running(tmp_path, first.port) as second:
            assert (await second.get("/readyz"))["status"] == "ok"


async def test_data_that_a_newer_service_migrated_is_left_alone(tmp_path: Path) -> None:
    async with running(tmp_path) as first:
        await first.stop()
    secrets = DataDirectory(tmp_path).secrets()
    passwords = {
        "administrator_password": secrets.administrator_password,
        "owner_password": secrets.owner_password,
        "application_password": secrets.application_password,
    }
    async with Postgres(tmp_path / "postgres", tmp_path / "postgres.log", **passwords) as postgres:
        connection = await asyncpg.connect(postgres.url(OWNER))
        await connection.execute("UPDATE roster.schema_version SET version_num = '9999'")
        await connection.close()
    assert "newer version" in await _refusal(tmp_path, first.port)


def _alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


@pytest.mark.skipif(os.geteuid() != 0, reason="another user can be tried by root only")
async def test_a_directory_of_another_user_is_one_sentence(tmp_path: Path) -> None:
    """As root everything is writable, so the way to see it is a directory on a file system that is not."""
    assert "cannot be used" in await _refusal(Path("/proc/kinvite"))
