"""The two users of the database: what a service says about the wrong one, and what `migrate` says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from sqlalchemy.engine import make_url

from shared.runtime.core import ConfigurationError, ServiceSettings, load_settings
from shared.runtime.database import Database
from shared.runtime.migrations import MigrationError
from shared.runtime.migrations.runner import run_migrations
from shared.runtime.service import create_service_app
from tests.support.apps import COMMON_ENVIRONMENT, running
from tests.support.postgres import APPLICATION, OWNER, Cluster
from tests.support.processes import free_port

_ROOT = Path(__file__).parents[3]


def _as(url: str, **parts: object) -> str:
    return make_url(url).set(**parts).render_as_string(hide_password=False)  # type: ignore[arg-type]


async def _readyz(url: str, monkeypatch: pytest.MonkeyPatch) -> httpx.Response:
    for name, value in COMMON_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("KINVITE_DATABASE_URL", url)
    monkeypatch.setenv("KINVITE_KAFKA_BOOTSTRAP", f"127.0.0.1:{free_port()}")
    app = create_service_app(
        "roster",
        load_settings(ServiceSettings),
        database=Database(url, schema="roster"),
        routers=[],
        worker=False,
    )
    async with running(app) as client:
        return await client.get("/roster/readyz")


@pytest.mark.parametrize(
    ("user", "output"),
    [
        (APPLICATION, None),
        (OWNER, "give the services the user that it made"),
        ("postgres", "neither owner nor superuser"),
        ("nobody", "refuses the user or the password"),
    ],
)
async def test_a_service_is_ready_only_as_a_user_who_owns_nothing(
    database_url: str, monkeypatch: pytest.MonkeyPatch, user: str, output: str | None
) -> None:
    answer = await _readyz(_as(database_url, username=user), monkeypatch)
    problems = answer.json()["problems"].get("database")
    if output is None:
        assert problems is None
    else:
        assert answer.status_code == 503
        assert output in problems


async def test_a_service_reports_that_the_database_is_not_there_or_not_migrated(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for url, output in (
        (_as(empty_database_url, database="none"), "there is no database of the name"),
        (_as(empty_database_url, port=free_port()), "does not answer"),
    ):
        assert output in (await _readyz(url, monkeypatch)).json()["problems"]["database"]


def test_migrate_explains_what_is_wrong_in_one_line(empty_database_url: str, cluster: Cluster) -> None:
    url = empty_database_url
    owner = cluster.owner_url(url.rpartition("/")[2])
    versions = _ROOT / "services" / "roster" / "migrations" / "versions"
    for owner_url, application_url, output in (
        (url, url, "a database user of their own"),
        (owner, _as(url, database="other"), "different databases"),
        (_as(owner, port=free_port()), url, "does not answer"),
        (_as(owner, username="nobody"), url, "refuses the user or the password of KINVITE_DATABASE_OWNER"),
        (owner, _as(url, username="postgres"), "no row-level security"),
    ):
        with pytest.raises(MigrationError, match=output):
            run_migrations(owner_url, "roster", versions, application_url=application_url)


def test_migrate_without_its_own_address_names_the_setting_is_missing(empty_database_url: str) -> None:
    settings = {**COMMON_ENVIRONMENT, "KINVITE_DATABASE_URL": empty_database_url}
    done = subprocess.run(
        [sys.executable, "-m", "services.roster", "migrate"],
        cwd=_ROOT,
        env={"PATH": "/usr/bin:/bin", "KINVITE_KAFKA_BOOTSTRAP": "127.0.0.1:9", **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 78
    assert "KINVITE_DATABASE_OWNER_URL" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("url", ["", "postgresql://a@b/c", "postgresql+asyncpg://a@b", "sqlite:///x"])
def test_a_wrong_address_is_named_without_its_value(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    for name, value in {**COMMON_ENVIRONMENT, "KINVITE_KAFKA_BOOTSTRAP": "127.0.0.1:9"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("KINVITE_DATABASE_URL", url)
    with pytest.raises(ConfigurationError, match=r"KINVITE_DATABASE_URL: .*use postgresql") as caught:
        load_settings(ServiceSettings)
    assert not url or url not in str(caught.value)
