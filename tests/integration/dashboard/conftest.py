"""Fixtures: the dashboard on a real PostgreSQL, its pages signed in, the source services replaced by a stub."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest

from services.dashboard.app import create_app
from services.dashboard.domain.staff import Role
from services.dashboard.settings import Settings
from services.dashboard.use_cases import wait_for_projection
from shared.runtime.database import Database
from tests.integration.dashboard.builders import add_member
from tests.integration.dashboard.driver import DashboardDriver, deliver, sign_in
from tests.integration.dashboard.service_stub import ServiceStub, service_stub
from tests.support.apps import COMMON_ENVIRONMENT, running
from tests.support.processes import free_port
from tests.unit.dashboard.builders import Story

OWNER = "owner@example.org"
PASSWORD = "correct horse battery"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, schema="dashboard") as opened:
        yield opened


@pytest.fixture
async def services() -> AsyncIterator[ServiceStub]:
    """Stub of the other services."""
    async with service_stub() as stub:
        yield stub


@pytest.fixture
def settings(database_url: str, services: ServiceStub, monkeypatch: pytest.MonkeyPatch) -> Settings:
    variables = {
        **COMMON_ENVIRONMENT,
        "KINVITE_DATABASE_URL": database_url,
        "KINVITE_KAFKA_BOOTSTRAP": f"127.0.0.1:{free_port()}",
        "DASHBOARD_SERVICES_URL": services.url,
        "DASHBOARD_OWNER_EMAIL": OWNER,
        "DASHBOARD_OWNER_PASSWORD": PASSWORD,
        "DASHBOARD_COMMAND_TIMEOUT_SECONDS": "30",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    # The stub emits no events, so a page would wait in vain.
    monkeypatch.setattr(wait_for_projection, "TIMEOUT_SECONDS", 0.1)
    return Settings()


@pytest.fixture
async def guest(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """Browser in which nobody is signed in."""
    async with running(create_app(settings, worker=False)) as client:
        yield client


SignInAs = Callable[[Role], Awaitable[DashboardDriver]]


@pytest.fixture
async def dashboard(guest: httpx.AsyncClient) -> DashboardDriver:
    """Browser of the owner."""
    return await sign_in(guest, OWNER, PASSWORD)


@pytest.fixture
def as_role(guest: httpx.AsyncClient, database: Database, story: Story) -> SignInAs:
    """Sign in as a new member with a role in the story's school."""

    async def sign_in_as(role: Role) -> DashboardDriver:
        member = await add_member(database, f"a-{role}@example.org", role, frozenset({story.school_id}))
        return await sign_in(guest, member.staff.email, member.password)

    return sign_in_as


@pytest.fixture
def story() -> Story:
    return Story()


@pytest.fixture
def base(story: Story) -> str:
    """Path of the pages of the story's school."""
    return f"/admin/schools/{story.school_id}"


@pytest.fixture
async def fresh(database: Database, story: Story) -> Story:
    """Story whose parent has not been invited."""
    await deliver(database, [story.school(), *story.roster()])
    return story
