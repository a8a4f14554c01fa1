"""Migrations of data that another version of Kinvite wrote."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from shared.runtime.migrations import MigrationError, migrate
from tests.support.postgres import Cluster

_MIGRATION = """
from alembic import op

from shared.runtime.migrations import irreversible

revision = "{revision}"
down_revision = {down_revision}


def upgrade() -> None:
    op.execute("CREATE TABLE step_{revision} (id bigint)")


downgrade = irreversible
"""


def _write(versions: Path, *revisions: str) -> Path:
    """Write a chain of migrations, each of which creates a table of its own."""
    versions.mkdir()
    previous: str | None = None
    for revision in revisions:
        text = _MIGRATION.format(revision=revision, down_revision=repr(previous))
        (versions / f"{revision}_step.py").write_text(text)
        previous = revision
    return versions


async def _tables(url: str) -> set[str]:
    dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'roster'")
    finally:
        await connection.close()
    return {row["tablename"] for row in rows} - {"schema_version"}


async def test_squashed_steps_go_on_from_the_revision_they_were_squashed_to(
    cluster: Cluster, empty_database_url: str, tmp_path: Path
) -> None:
    url = empty_database_url
    owner_url = cluster.owner_url(url.rpartition("/")[2])
    stepwise = _write(tmp_path / "stepwise", "0001", "0002", "0003")
    squashed = _write(tmp_path / "squashed", "0003", "0004")
    await migrate(owner_url, "roster", stepwise, application_url=url)
    await migrate(owner_url, "roster", squashed, application_url=url)
    assert await _tables(owner_url) == {"step_0001", "step_0002", "step_0003", "step_0004"}


async def test_data_from_before_the_squash_is_refused_with_what_to_do(
    cluster: Cluster, empty_database_url: str, tmp_path: Path
) -> None:
    url = empty_database_url
    owner_url = cluster.owner_url(url.rpartition("/")[2])
    await migrate(owner_url, "roster", _write(tmp_path / "stepwise", "0001", "0002"), application_url=url)
    squashed = _write(tmp_path / "squashed", "0003")
    with pytest.raises(MigrationError, match="start commit b544351 on it first, then this version"):
        await migrate(owner_url, "roster", squashed, application_url=url)
    assert await _tables(owner_url) == {"step_0001", "step_0002"}


async def test_data_of_a_newer_version_is_refused(
    cluster: Cluster, empty_database_url: str, tmp_path: Path
) -> None:
    url = empty_database_url
    owner_url = cluster.owner_url(url.rpartition("/")[2])
    await migrate(owner_url, "roster", _write(tmp_path / "newer", "0001", "0002"), application_url=url)
    with pytest.raises(MigrationError, match="written by a newer version of Kinvite"):
        await migrate(owner_url, "roster", _write(tmp_path / "older", "0001"), application_url=url)
