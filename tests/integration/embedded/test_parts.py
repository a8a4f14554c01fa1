"""PostgreSQL and the broker as the supervisor runs them."""

import asyncio
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
from sqlalchemy.engine import make_url

from deploy.embedded import as_root
from deploy.embedded.broker import Broker
from deploy.embedded.failure import CannotRun
from deploy.embedded.postgres import ADMINISTRATOR, APPLICATION, OWNER, Postgres
from shared.contracts.topics import TOPICS
from shared.runtime.database import Database, create_engine
from shared.runtime.messaging import Kafka
from shared.runtime.migrations.database_roles import ensure_roles


def _postgres(tmp_path: Path, password: str = "app") -> Postgres:
    return Postgres(
        tmp_path / "postgres",
        tmp_path / "postgres.log",
        administrator_password="administrator",
        owner_password=password,
        application_password="application",
    )


async def _ask(postgres: Postgres, statement: str, user: str = OWNER) -> object:
    connection = await asyncpg.connect(postgres.url(user))
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def test_the_database_lasts_over_a_crash_and_its_application_is_no_superuser(tmp_path: Path) -> None:
    postgres = _postgres(tmp_path)
    async with postgres:
        await _ask(postgres, "CREATE TABLE kept (n int)")
        await _ask(postgres, "INSERT INTO kept VALUES (42)")
        assert await _ask(postgres, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
        assert await _ask(postgres, "SHOW fsync") == await _ask(postgres, "SHOW synchronous_commit") == "on"
        assert await _ask(postgres, "SHOW log_error_verbosity") == "terse"
        assert await _ask(postgres, "SELECT lower('ÄÖ')") == "äö"
        port = postgres.port
        assert postgres.child.process is not None
        postgres.child.process.kill()
        await postgres.wait()
        await postgres.start()
        assert postgres.port == port
        assert await _ask(postgres, "SELECT n FROM kept") == 42


async def test_a_login_that_migrations_make_signs_in_with_its_password(tmp_path: Path) -> None:
    """This cluster asks for passwords, unlike those of the other tests."""
    async with _postgres(tmp_path) as postgres:
        owner_url = postgres.url(OWNER).replace("postgresql:", "postgresql+asyncpg:", 1)
        given = make_url(owner_url).set(username="another", password="pass:word$1")
        url = given.render_as_string(hide_password=False)
        engine = create_engine(owner_url, schema="roster")
        for _ in range(2):
            async with engine.connect() as connection:
                await ensure_roles(connection, "roster", url)
        await engine.dispose()
        async with Database(url, schema="roster") as database, database.transaction() as tx:
            assert await tx.scalar("SELECT current_user::text") == "roster_worker"
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(postgres.url(OWNER).replace(OWNER + ":", "another:", 1))


async def test_a_cluster_of_the_release_with_one_user_gets_the_second(tmp_path: Path) -> None:
    async with _postgres(tmp_path) as postgres:
        await _ask(postgres, "DROP ROLE kinvite_app", ADMINISTRATOR)
        await _ask(postgres, "ALTER ROLE kinvite NOCREATEROLE", ADMINISTRATOR)
    async with _postgres(tmp_path) as postgres:
        assert await _ask(postgres, "SELECT current_user::text", APPLICATION) == APPLICATION
        assert await _ask(postgres, "SELECT rolcreaterole FROM pg_roles WHERE rolname = current_user") is True


async def test_a_postmaster_that_was_left_behind_is_stopped_first(tmp_path: Path) -> None:
    first, second = _postgres(tmp_path), _postgres(tmp_path)
    await first.start()
    await _ask(first, "CREATE TABLE kept (n int)")
    async with second:
        await asyncio.wait_for(first.wait(), 30)
        assert await _ask(second, "SELECT count(*) FROM kept") == 0


async def test_another_program_with_the_noted_number_is_left_alone(tmp_path: Path) -> None:
    async with _postgres(tmp_path) as postgres:
        noted = (postgres.directory / "postmaster.pid").read_text().split("\n")
    with subprocess.Popen(["sleep", "60"]) as other:  # noqa: ASYNC220
        (postgres.directory / "postmaster.pid").write_text("\n".join([str(other.pid), *noted[1:]]))
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
def folder_that_all_may_enter() -> Iterator[Path]:
    """Outside pytest's own folder, which is closed to other users."""
    with tempfile.TemporaryDirectory(prefix="kinvite-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another user")
async def test_root_without_user_namespaces_runs_it_as_nobody_for_ever(
    folder_that_all_may_enter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = folder_that_all_may_enter

    def refused() -> None:
        raise OSError

    with monkeypatch.context() as without:
        without.setattr(as_root, "enter_namespace", refused)
        async with _postgres(directory) as postgres:
            assert postgres.child.process is not None
            assert psutil.Process(postgres.child.process.pid).username() == "nobody"
    async with _postgres(directory) as postgres:
        assert postgres.child.process is not None
        assert psutil.Process(postgres.child.process.pid).username() == "nobody"
        assert await _ask(postgres, "SELECT 1", ADMINISTRATOR) == 1


async def test_the_broker_gets_every_topic_and_begins_empty_after_a_kill(tmp_path: Path) -> None:
    async with Broker(tmp_path / "broker.log") as broker:
        for _ in range(2):
            created = await Kafka(broker.bootstrap, profile="embedded").create_topics()
            assert set(created) == {topic.name for topic in TOPICS}
            assert await Kafka(broker.bootstrap, profile="embedded").create_topics() == []
            assert broker.child.process is not None
            broker.child.process.send_signal(signal.SIGKILL)
            await broker.wait()
            await broker.start()
