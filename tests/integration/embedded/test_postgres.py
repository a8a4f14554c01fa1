"""PostgreSQL as the supervisor runs it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
from sqlalchemy.engine import make_url

from deploy.embedded import postgres_user
from deploy.embedded.errors import CannotRun
from deploy.embedded.postgres import ADMINISTRATOR, APPLICATION, OWNER, Postgres
from shared.runtime.database import Database, create_engine
from shared.runtime.migrations.database_roles import ensure_roles


def _postgres(tmp_path: Path, password: str = "app") -> Postgres:
    return Postgres(
        tmp_path / "postgres",
        tmp_path / "postgres.log",
        administrator_password="administrator",
        owner_password=password,
        application_password="application",
    )


async def _query(postgres: Postgres, statement: str, user: str = OWNER) -> object:
    connection = await asyncpg.connect(postgres.url(user))
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def test_the_database_lasts_over_a_crash_and_its_application_is_no_superuser(tmp_path: Path) -> None:
    postgres = _postgres(tmp_path)
    async with postgres:
        await _query(postgres, "CREATE TABLE numbers (n int)")
        await _query(postgres, "INSERT INTO numbers VALUES (42)")
        assert await _query(postgres, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
        assert (
            await _query(postgres, "SHOW fsync") == await _query(postgres, "SHOW synchronous_commit") == "on"
        )
        assert await _query(postgres, "SHOW log_error_verbosity") == "terse"
        assert await _query(postgres, "SELECT lower('ÄÖ')") == "äö"
        port = postgres.port
        assert postgres.child.process is not None
        postgres.child.process.kill()
        await postgres.wait()
        await postgres.start()
        assert postgres.port == port
        assert await _query(postgres, "SELECT n FROM numbers") == 42


async def test_a_login_that_migrations_make_signs_in_with_its_password(tmp_path: Path) -> None:
    """This cluster requires passwords, unlike those of the other tests."""
    async with _postgres(tmp_path) as postgres:
        owner_url = postgres.url(OWNER).replace("postgresql:", "postgresql+asyncpg:", 1)
        url_of_another = make_url(owner_url).set(username="another", password="pass:word$1")
        url = url_of_another.render_as_string(hide_password=False)
        engine = create_engine(owner_url, schema="roster")
        for _ in range(2):
            async with engine.connect() as connection:
                await ensure_roles(connection, "roster", url)
        await engine.dispose()
        async with Database(url, schema="roster") as database, database.transaction() as tx:
            assert await tx.scalar("SELECT current_user::text") == "roster_worker"
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(postgres.url(OWNER).replace(OWNER + ":", "another:", 1))


async def test_a_database_user_that_is_missing_is_created(tmp_path: Path) -> None:
    """A killed first start may leave a cluster without its users."""
    async with _postgres(tmp_path) as postgres:
        await _query(postgres, "DROP ROLE kinvite_app", ADMINISTRATOR)
    async with _postgres(tmp_path) as postgres:
        assert await _query(postgres, "SELECT current_user::text", APPLICATION) == APPLICATION
        assert (
            await _query(postgres, "SELECT rolcreaterole FROM pg_roles WHERE rolname = current_user") is True
        )


async def test_an_orphaned_postmaster_is_stopped_first(tmp_path: Path) -> None:
    first, second = _postgres(tmp_path), _postgres(tmp_path)
    await first.start()
    await _query(first, "CREATE TABLE numbers (n int)")
    async with second:
        await asyncio.wait_for(first.wait(), 30)
        assert await _query(second, "SELECT count(*) FROM numbers") == 0


async def test_another_program_with_the_recorded_process_id_is_left_alone(tmp_path: Path) -> None:
    async with _postgres(tmp_path) as postgres:
        lines = (postgres.directory / "postmaster.pid").read_text().split("\n")
    with subprocess.Popen(["sleep", "60"]) as other:  # noqa: ASYNC220
        (postgres.directory / "postmaster.pid").write_text("\n".join([str(other.pid), *lines[1:]]))
        async with postgres:
            assert other.poll() is None
        other.kill()


async def test_a_cluster_of_another_postgresql_is_left_alone(tmp_path: Path) -> None:
    async with _postgres(tmp_path) as postgres:
        pass
    (postgres.directory / "PG_VERSION").write_text("99\n")
    with pytest.raises(CannotRun, match="was made by PostgreSQL 99"):
        await postgres.start()


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """Return a folder that other users may enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="kinvite-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another user")
async def test_root_without_user_namespaces_runs_it_as_nobody_for_ever(
    public_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = public_folder

    def refused() -> None:
        raise OSError

    with monkeypatch.context() as without:
        without.setattr(postgres_user, "enter_namespace", refused)
        async with _postgres(directory) as postgres:
            assert postgres.child.process is not None
            assert psutil.Process(postgres.child.process.pid).username() == "nobody"
    async with _postgres(directory) as postgres:
        assert postgres.child.process is not None
        assert psutil.Process(postgres.child.process.pid).username() == "nobody"
        assert await _query(postgres, "SELECT 1", ADMINISTRATOR) == 1
