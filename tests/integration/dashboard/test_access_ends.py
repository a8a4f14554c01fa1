"""Requests in progress when a token, a password or a member's access ends do not outlive it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import httpx
import pytest

from services.dashboard.domain.api_tokens import Authority, Grant, TokenState
from services.dashboard.domain.role_changes import StaffError
from services.dashboard.domain.staff import Role, Staff
from services.dashboard.storage import staff as storage
from services.dashboard.use_cases.create_token import OPERATOR, create_token
from services.dashboard.use_cases.passwords import hash_password
from services.dashboard.use_cases.revoke_token import revoke_token
from services.dashboard.use_cases.sign_in import SignedIn, SignInAttempt
from services.dashboard.use_cases.sign_in import sign_in as check_password
from services.dashboard.use_cases.staff_admin import (
    add_staff_member,
    change_role,
    end_access,
    ensure_owner,
    find_staff_member,
    list_staff,
)
from services.dashboard.views.tokens import list_tokens
from shared.runtime.database import Database
from tests.integration.dashboard.builders import add_member
from tests.integration.dashboard.conftest import PASSWORD
from tests.integration.dashboard.driver import DashboardDriver, sign_in
from tests.integration.dashboard.service_stub import ServiceStub
from tests.support.apps import AUTH_SECRET
from tests.support.waiting import eventually
from tests.unit.dashboard.builders import Story

_WAITING = """
SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
 WHERE NOT granted AND datname = current_database()
"""


async def _wait_for_blocked_statement(database: Database) -> None:
    """Wait until a statement in this database is blocked by another transaction."""

    async def is_blocked() -> None:
        async with database.transaction() as tx:
            assert await tx.scalar(_WAITING)

    await eventually(is_blocked)


async def test_a_token_that_is_made_while_its_maker_is_revoked_ends_too(database: Database) -> None:
    grant = Grant("a", frozenset({"admin"}), None)
    async with database.transaction() as tx:
        root, _ = await create_token(tx, AUTH_SECRET, grant, OPERATOR)
        child, _ = await create_token(tx, AUTH_SECRET, grant, Authority("a", None, root.token_id))

    async def revoke() -> None:
        async with database.transaction() as tx:
            await revoke_token(tx, root.token_id, OPERATOR)

    async with database.transaction() as tx:
        grandchild, _ = await create_token(tx, AUTH_SECRET, grant, Authority("b", None, child.token_id))
        revoking = asyncio.create_task(revoke())
        await _wait_for_blocked_statement(database)
    await revoking
    async with database.transaction() as tx:
        states = {token.token_id: token.state(tx.now) for token in (await list_tokens(tx, limit=10))[0]}
        emitted = await tx.scalar("SELECT count(*) FROM outbox WHERE topic = 'dashboard.access'")
    ended = [root.token_id, child.token_id, grandchild.token_id]
    assert (states, emitted) == (dict.fromkeys(ended, TokenState.REVOKED), 3)


async def _do_nothing() -> None:
    """Change nothing between the parts of a request."""


def _send_in_parts(body: bytes, between_parts: Callable[[], Awaitable[Any]]) -> AsyncIterator[bytes]:
    async def pieces() -> AsyncIterator[bytes]:
        yield body[:20]
        await between_parts()
        yield body[20:]

    return pieces()


async def _post(
    browser: DashboardDriver, path: str, body: bytes, kind: str, between_parts: Callable[[], Awaitable[Any]]
) -> httpx.Response:
    headers = {"content-type": kind}
    return await browser.client.post(path, content=_send_in_parts(body, between_parts), headers=headers)


@pytest.mark.parametrize(("change", "status"), [("end", 303), ("lesser", 403), ("nothing", 200)])
async def test_a_form_that_arrives_slowly_does_not_outlive_its_senders_access(
    guest: httpx.AsyncClient, database: Database, change: str, status: int
) -> None:
    boss = await add_member(database, "boss@example.org", Role.OWNER)
    browser = await sign_in(guest, "boss@example.org", boss.password)
    token = await browser.form_token("/admin/staff")
    fields = {"form_token": token, "email": "friend@example.org", "role": "owner", "every_school": "true"}
    between_parts = {
        "end": lambda: end_access(database, None, boss.staff_id, None),
        "lesser": lambda: change_role(database, None, boss.staff_id, Role.ADMIN, None),
        "nothing": _do_nothing,
    }[change]
    kind = "application/x-www-form-urlencoded"
    response = await _post(browser, "/admin/staff", urlencode(fields).encode(), kind, between_parts)
    assert response.status_code == status, response.text
    assert (await find_staff_member(database, "friend@example.org") is not None) == (change == "nothing")


@pytest.mark.parametrize("ended", [True, False])
async def test_an_upload_that_arrives_slowly_does_not_either(
    guest: httpx.AsyncClient, database: Database, services: ServiceStub, fresh: Story, ended: bool
) -> None:
    services.responses["POST imports"] = (202, {"import_id": str(uuid4())})
    boss = await add_member(database, "boss@example.org", Role.OWNER)
    browser = await sign_in(guest, "boss@example.org", boss.password)
    page = f"/admin/schools/{fresh.school_id}/import"
    upload = httpx.Request(
        "POST",
        "http://upload.example",
        data={"form_token": await browser.form_token(page)},
        files={"file": ("a.csv", b"student_name\nKim\n", "text/csv")},
    )

    async def between_parts() -> None:
        if ended:
            await end_access(database, None, boss.staff_id, None)

    response = await _post(browser, page, upload.read(), upload.headers["content-type"], between_parts)
    assert response.headers["location"].startswith("/admin/login" if ended else page)
    assert len(services.commands) == (not ended)


async def test_a_change_needs_the_current_roles_of_who_makes_it(database: Database) -> None:
    boss = await add_member(database, "boss@example.org", Role.OWNER)
    other = await add_member(database, "other@example.org", Role.OWNER)
    await change_role(database, None, boss.staff_id, Role.VIEWER, None)
    with pytest.raises(StaffError, match="school_not_found"):
        await add_staff_member(database, boss.staff, "friend@example.org", {None: Role.VIEWER})
    await end_access(database, None, boss.staff_id, None)
    with pytest.raises(StaffError, match="ended"):
        await add_staff_member(database, boss.staff, "friend@example.org", {None: Role.VIEWER})
    with pytest.raises(StaffError, match="ended"):
        await change_role(database, boss.staff, other.staff_id, Role.VIEWER, None)


@pytest.mark.parametrize("change", ["password", "end"])
async def test_a_sign_in_in_progress_does_not_outlive_the_old_password(
    database: Database, change: str
) -> None:
    boss = await add_member(database, "boss@example.org", Role.OWNER)
    await add_member(database, "other@example.org", Role.OWNER)
    attempt = SignInAttempt("boss@example.org", boss.password, "127.0.0.1")
    async with database.transaction() as tx:
        if change == "password":
            await storage.save_password(tx, boss.staff_id, "another")
        else:
            await storage.end_account(tx, boss.staff_id)
        sign_in_task = asyncio.create_task(check_password(database, attempt, timedelta(hours=1)))
        await _wait_for_blocked_statement(database)
    assert await sign_in_task is None
    async with database.transaction() as tx:
        assert await tx.scalar("SELECT count(*) FROM staff_sessions") == 0


async def test_two_replicas_that_start_at_once_make_one_owner(database: Database) -> None:
    async with database.transaction() as tx:
        await storage.claim_all_staff(tx)
        starting = asyncio.create_task(ensure_owner(database, "boss@example.org", "of the second replica"))
        await _wait_for_blocked_statement(database)
        owner = Staff(uuid4(), "boss@example.org", {None: Role.OWNER})
        await storage.save_account(tx, owner, await hash_password(PASSWORD))
    await starting
    attempt = SignInAttempt("boss@example.org", PASSWORD, "127.0.0.1")
    assert isinstance(await check_password(database, attempt, timedelta(hours=1)), SignedIn)
    assert [member.staff_id for member in await list_staff(database, None)] == [owner.staff_id]
