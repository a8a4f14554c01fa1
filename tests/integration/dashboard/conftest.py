"""The dashboard on a real PostgreSQL, its pages signed in to, the owners stood in for."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import httpx
import pytest

from services.dashboard.app import create_app
from services.dashboard.domain.staff import Role
from services.dashboard.service import waiting
from services.dashboard.service.staff import add_staff
from services.dashboard.settings import Settings
from shared.runtime.database import Database
from tests.integration.dashboard.feed import deliver
from tests.integration.dashboard.owners_stub import OwnersStub, owners_stub
from tests.support.apps import COMMON_ENVIRONMENT, running
from tests.support.processes import free_port
from tests.unit.dashboard.facts import Story

OWNER = "owner@example.org"
PASSWORD = "correct horse battery"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, schema="dashboard") as opened:
        yield opened


@pytest.fixture
async def owners() -> AsyncIterator[OwnersStub]:
    async with owners_stub() as stub:
        yield stub


@pytest.fixture
def settings(database_url: str, owners: OwnersStub, monkeypatch: pytest.MonkeyPatch) -> Settings:
    variables = {
        **COMMON_ENVIRONMENT,
        "KINVITE_DATABASE_URL": database_url,
        "KINVITE_KAFKA_BOOTSTRAP": f"127.0.0.1:{free_port()}",
        "DASHBOARD_SERVICES_URL": owners.url,
        "DASHBOARD_OWNER_EMAIL": OWNER,
        "DASHBOARD_OWNER_PASSWORD": PASSWORD,
        "DASHBOARD_COMMAND_TIMEOUT_SECONDS": "30",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    # The owners stood in for announce nothing, so a page would wait in vain.
    monkeypatch.setattr(waiting, "PATIENCE_SECONDS", 0.1)
    return Settings()


@pytest.fixture
async def guest(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A browser that nobody is signed in with."""
    async with running(create_app(settings, worker=False)) as client:
        yield client


@dataclass
class Browser:
    """A browser that staff are signed in with."""

    client: httpx.AsyncClient

    async def get(self, path: str) -> httpx.Response:
        return await self.client.get(path)

    async def post(self, path: str, *, on: str, **fields: str | list[str]) -> httpx.Response:
        """Post a form as the page `on` holds it: with that page's token."""
        return await self.client.post(path, data={"form_token": await self.form_token(on), **fields})

    async def form_token(self, on: str) -> str:
        """What the forms of a page carry."""
        token = re.search(r'name="form_token" value="(\w+)"', (await self.get(on)).text)
        assert token
        return token[1]


SignIn = Callable[[Role], Awaitable[Browser]]


@pytest.fixture
async def office(guest: httpx.AsyncClient) -> Browser:
    """The owner's browser."""
    return await sign_in(guest, OWNER, PASSWORD)


@pytest.fixture
def as_role(guest: httpx.AsyncClient, database: Database, story: Story) -> SignIn:
    """Sign in as somebody with a role in the story's school."""

    async def signed_in(role: Role) -> Browser:
        schools = frozenset({story.school_id})
        email = f"a-{role}@example.org"
        await add_staff(database, email, PASSWORD, role, schools)
        return await sign_in(guest, email, PASSWORD)

    return signed_in


@pytest.fixture
def story() -> Story:
    return Story()


@pytest.fixture
def base(story: Story) -> str:
    return f"/admin/schools/{story.school_id}"


@pytest.fixture
async def fresh(database: Database, story: Story) -> Story:
    """A family that nobody has invited."""
    await deliver(database, [story.school(), *story.roster()])
    return story


async def sign_in(client: httpx.AsyncClient, email: str, password: str) -> Browser:
    answer = await client.post("/admin/login", data={"email": email, "password": password})
    assert answer.status_code == 303, answer.text
    return Browser(client)
