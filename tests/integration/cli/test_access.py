"""`kinvite token` and `kinvite admin`: who may work with an installation."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from deploy.cli import tokens
from services.dashboard.service.staff import Attempt, SignedIn, sign_in, staff_of_session
from shared.runtime.database import Database
from shared.runtime.web import mint_token, verify_token
from shared.runtime.web.bearer_auth import ALL_RIGHTS
from tests.integration.cli.test_on_the_database import installation, kinvite
from tests.support.apps import AUTH_SECRET

__all__ = ["installation"]


@pytest.fixture
async def dashboard(installation: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Database]:
    """The database that the commands work on. No relay runs, so that waiting for one is in vain."""
    monkeypatch.setattr(tokens, "ANNOUNCED_WITHIN_SECONDS", 0.1)
    async with Database(installation, schema="dashboard") as database:
        yield database


async def _json(*arguments: str) -> Any:
    done = await kinvite(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


async def _school(database: Database) -> str:
    school_id = str(uuid4())
    async with database.transaction() as tx:
        values = "(:id, 1, 'Elm', 'GB', 'en', 'Europe/London', 7)"
        await tx.execute(f"INSERT INTO schools VALUES {values}", {"id": school_id})
    return school_id


async def test_a_token_is_minted_listed_and_revoked(dashboard: Database) -> None:
    school = await _school(dashboard)
    made = await _json("token", "mint", "nightly", "--right", "roster:write", "-s", school, "--days", "9")
    principal = verify_token(AUTH_SECRET, made["token"])
    assert [str(one) for one in principal.schools or ()] == [school]
    assert (principal.id, principal.rights) == (made["token_id"], frozenset({"roster:write"}))
    [listed] = await _json("token", "list")
    assert (listed["token_id"], listed["state"], listed["made_by"]) == (made["token_id"], "valid", "operator")
    assert made["token"] not in str(listed)
    revoked = await kinvite("token", "revoke", made["token_id"])
    assert revoked.exit_code == 1, "no relay runs here, and it says so"
    assert "the bus does not have it yet" in revoked.output
    async with dashboard.transaction() as tx:
        await tx.execute("DELETE FROM outbox_pending")
    assert (await _json("token", "revoke", made["token_id"]))["announced"] is True
    assert await _json("token", "list") == []
    assert [one["state"] for one in await _json("token", "list", "--all")] == ["revoked"]


async def test_a_token_that_leaked_can_be_revoked_as_it_is_also_one_of_no_register(
    dashboard: Database,
) -> None:
    leaked = mint_token(AUTH_SECRET, schools=None, rights=ALL_RIGHTS, actor="an old one")
    await kinvite("token", "revoke", leaked)
    async with dashboard.transaction() as tx:
        assert await tx.scalar("SELECT key FROM outbox") == verify_token(AUTH_SECRET, leaked).id
    [listed] = await _json("token", "list", "--all")
    assert (listed["name"], listed["state"]) == ("an old one", "revoked")


@pytest.mark.parametrize(
    "arguments",
    [
        ("token", "revoke", "nonsense"),
        ("token", "revoke", "kv1_nonsense"),
        ("token", "revoke", str(uuid4())),
        ("token", "mint", "a", "--right", "admin", "--school", str(uuid4())),
        ("admin", "end", "nobody@hill.example"),
        ("admin", "role", "nobody@hill.example", "--role", "viewer"),
        ("admin", "password", "nobody@hill.example"),
        ("admin", "add", "nobody"),
    ],
)
async def test_what_is_not_there_is_1(installation: str, arguments: tuple[str, ...]) -> None:
    del installation
    done = await kinvite(*arguments)
    assert done.exit_code == 1, done.output
    assert "Traceback" not in done.output


async def test_staff_come_change_and_go(dashboard: Database) -> None:
    school = await _school(dashboard)
    boss = await _json("admin", "add", "boss@hill.example", "--role", "owner")
    await _json("admin", "add", "desk@hill.example", "--role", "front_desk", "-s", school)
    await _json("admin", "role", "desk@hill.example", "--role", "viewer", "-s", school)
    listed = {one["email"]: (one["role"], one["school"]) for one in await _json("admin", "list")}
    assert listed == {"boss@hill.example": ("owner", "all"), "desk@hill.example": ("viewer", school)}
    assert (await kinvite("admin", "add", "desk@hill.example")).exit_code == 1
    assert (await _json("admin", "end", "desk@hill.example"))["valid_tokens_made"] == 0
    last = await kinvite("admin", "end", "boss@hill.example")
    assert last.exit_code == 1
    assert "last owner" in last.output
    assert [one["email"] for one in await _json("admin", "list")] == ["boss@hill.example"]
    attempt = Attempt("boss@hill.example", boss["password"], "127.0.0.1")
    signed_in = await sign_in(dashboard, attempt, timedelta(hours=1))
    assert isinstance(signed_in, SignedIn)
    fresh = await _json("admin", "password", "boss@hill.example")
    async with dashboard.transaction(schools=()) as tx:
        assert await staff_of_session(tx, signed_in.session) is None
    attempt = Attempt("boss@hill.example", fresh["password"], "127.0.0.1")
    assert isinstance(await sign_in(dashboard, attempt, timedelta(hours=1)), SignedIn)
