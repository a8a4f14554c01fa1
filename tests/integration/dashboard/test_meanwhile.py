"""What is under way when a token, a password or somebody's work ends does not outlive it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import httpx
import pytest

from services.dashboard.domain.office import OfficeError
from services.dashboard.domain.staff import Role, Staff
from services.dashboard.domain.tokens import Authority, Grant, TokenState
from services.dashboard.service.office import add_person, colleagues, end_work, find_person, give_role
from services.dashboard.service.passwords import hash_password
from services.dashboard.service.staff import Attempt, SignedIn, add_staff, ensure_owner
from services.dashboard.service.staff import sign_in as check_password
from services.dashboard.service.tokens import OPERATOR, mint_token, revoke_token
from services.dashboard.storage import staff as storage
from services.dashboard.views.tokens import list_tokens
from shared.runtime.database import Database
from tests.integration.dashboard.conftest import PASSWORD, Browser, sign_in
from tests.integration.dashboard.owners_stub import OwnersStub
from tests.support.apps import AUTH_SECRET
from tests.support.waiting import eventually
from tests.unit.dashboard.facts import Story

_WAITING = """
SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
 WHERE NOT granted AND datname = current_database()
"""


async def _somebody_waits(database: Database) -> None:
    """Returns when a statement in this database waits for what another transaction holds."""

    async def waits() -> None:
        async with database.transaction() as tx:
            assert await tx.scalar(_WAITING)

    await eventually(waits)


async def test_a_token_being_made_with_one_that_ends_by_its_maker_ends_too(database: Database) -> None:
    grant = Grant("a", frozenset({"admin"}), None)
    async with database.transaction() as tx:
        root, _ = await mint_token(tx, AUTH_SECRET, grant, OPERATOR)
        child, _ = await mint_token(tx, AUTH_SECRET, grant, Authority("a", None, root.token_id))

    async def revoke() -> None:
        async with database.transaction() as tx:
            await revoke_token(tx, root.token_id, OPERATOR)

    async with database.transaction() as tx:
        grandchild, _ = await mint_token(tx, AUTH_SECRET, grant, Authority("b", None, child.token_id))
        revoking = asyncio.create_task(revoke())
        await _somebody_waits(database)
    await revoking
    async with database.transaction() as tx:
        states = {token.token_id: token.state(tx.now) for token in (await list_tokens(tx, limit=10))[0]}
        told = await tx.scalar("SELECT count(*) FROM outbox WHERE topic = 'dashboard.access'")
    ended = [root.token_id, child.token_id, grandchild.token_id]
    assert (states, told) == (dict.fromkeys(ended, TokenState.REVOKED), 3)


async def _nothing() -> None:
    """Nothing happens meanwhile."""


def _trickled(body: bytes, meanwhile: Callable[[], Awaitable[Any]]) -> AsyncIterator[bytes]:
    async def pieces() -> AsyncIterator[bytes]:
        yield body[:20]
        await meanwhile()
        yield body[20:]

    return pieces()


async def _post(
    browser: Browser, path: str, body: bytes, kind: str, meanwhile: Callable[[], Awaitable[Any]]
) -> httpx.Response:
    headers = {"content-type": kind}
    return await browser.client.post(path, content=_trickled(body, meanwhile), headers=headers)


@pytest.mark.parametrize(("what", "status"), [("end", 303), ("lesser", 403), ("nothing", 200)])
async def test_a_form_that_trickles_in_does_not_outlive_its_senders_work(
    guest: httpx.AsyncClient, database: Database, what: str, status: int
) -> None:
    boss = await add_staff(database, "boss@example.org", PASSWORD, Role.OWNER)
    browser = await sign_in(guest, "boss@example.org", PASSWORD)
    token = await browser.form_token("/admin/staff")
    fields = {"form_token": token, "email": "friend@example.org", "role": "owner", "every_school": "true"}
    meanwhile = {
        "end": lambda: end_work(database, None, boss.staff_id, None),
        "lesser": lambda: give_role(database, None, boss.staff_id, Role.ADMIN, None),
        "nothing": _nothing,
    }[what]
    kind = "application/x-www-form-urlencoded"
    answer = await _post(browser, "/admin/staff", urlencode(fields).encode(), kind, meanwhile)
    assert answer.status_code == status, answer.text
    assert (await find_person(database, "friend@example.org") is not None) == (what == "nothing")


@pytest.mark.parametrize("ended", [True, False])
async def test_an_upload_that_trickles_in_does_not_either(
    guest: httpx.AsyncClient, database: Database, owners: OwnersStub, fresh: Story, ended: bool
) -> None:
    owners.answers["POST imports"] = (202, {"import_id": str(uuid4())})
    boss = await add_staff(database, "boss@example.org", PASSWORD, Role.OWNER)
    browser = await sign_in(guest, "boss@example.org", PASSWORD)
    page = f"/admin/schools/{fresh.school_id}/import"
    made = httpx.Request(
        "POST",
        "http://made.example",
        data={"form_token": await browser.form_token(page)},
        files={"file": ("a.csv", b"student_name\nKim\n", "text/csv")},
    )

    async def meanwhile() -> None:
        if ended:
            await end_work(database, None, boss.staff_id, None)

    answer = await _post(browser, page, made.read(), made.headers["content-type"], meanwhile)
    assert answer.headers["location"].startswith("/admin/login" if ended else page)
    assert len(owners.commands) == (not ended)


async def test_whoever_asks_is_asked_for_the_roles_of_the_moment(database: Database) -> None:
    boss = await add_staff(database, "boss@example.org", PASSWORD, Role.OWNER)
    other = await add_staff(database, "other@example.org", PASSWORD, Role.OWNER)
    await give_role(database, None, boss.staff_id, Role.VIEWER, None)
    with pytest.raises(OfficeError, match="school_not_found"):
        await add_person(database, boss, "friend@example.org", {None: Role.VIEWER})
    await end_work(database, None, boss.staff_id, None)
    with pytest.raises(OfficeError, match="ended"):
        await add_person(database, boss, "friend@example.org", {None: Role.VIEWER})
    with pytest.raises(OfficeError, match="ended"):
        await give_role(database, boss, other.staff_id, Role.VIEWER, None)


@pytest.mark.parametrize("what", ["password", "end"])
async def test_a_sign_in_under_way_does_not_outlive_the_old_password(database: Database, what: str) -> None:
    boss = await add_staff(database, "boss@example.org", PASSWORD, Role.OWNER)
    await add_staff(database, "other@example.org", PASSWORD, Role.OWNER)
    attempt = Attempt("boss@example.org", PASSWORD, "127.0.0.1")
    async with database.transaction() as tx:
        if what == "password":
            await storage.save_password(tx, boss.staff_id, "another")
        else:
            await storage.end_account(tx, boss.staff_id)
        signing_in = asyncio.create_task(check_password(database, attempt, timedelta(hours=1)))
        await _somebody_waits(database)
    assert await signing_in is None
    async with database.transaction() as tx:
        assert await tx.scalar("SELECT count(*) FROM staff_sessions") == 0


async def test_two_replicas_that_start_at_once_make_one_owner(database: Database) -> None:
    async with database.transaction() as tx:
        await storage.hold_staff(tx)
        starting = asyncio.create_task(ensure_owner(database, "boss@example.org", "of the second replica"))
        await _somebody_waits(database)
        owner = Staff(uuid4(), "boss@example.org", {None: Role.OWNER})
        await storage.save_account(tx, owner, await hash_password(PASSWORD))
    await starting
    attempt = Attempt("boss@example.org", PASSWORD, "127.0.0.1")
    assert isinstance(await check_password(database, attempt, timedelta(hours=1)), SignedIn)
    assert [one.staff_id for one in await colleagues(database, None)] == [owner.staff_id]
