"""The commands `kinvite token` and `kinvite admin` on an installation's database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import pytest

from deploy.cli import tokens
from services.dashboard.use_cases.sign_in import SignedIn, SignInAttempt, find_signed_in_staff, sign_in
from shared.runtime.database import Database
from shared.runtime.web import mint_token, verify_token
from shared.runtime.web.bearer_auth import ALL_RIGHTS
from tests.integration.cli.driver import run_json, run_kinvite
from tests.support.apps import AUTH_SECRET


@pytest.fixture
async def dashboard(installation: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Database]:
    """Open the dashboard's database and shorten the wait for a relay, because none runs."""
    monkeypatch.setattr(tokens, "PUBLISH_TIMEOUT_SECONDS", 0.1)
    async with Database(installation, schema="dashboard") as database:
        yield database


async def _insert_school(database: Database) -> str:
    school_id = str(uuid4())
    async with database.transaction() as tx:
        values = "(:id, 1, 'Elm', 'GB', 'en', 'Europe/London', 7)"
        await tx.execute(f"INSERT INTO schools VALUES {values}", {"id": school_id})
    return school_id


async def test_a_token_is_minted_listed_and_revoked(dashboard: Database) -> None:
    school = await _insert_school(dashboard)
    minted = await run_json(
        "token", "mint", "nightly", "--right", "roster:write", "-s", school, "--days", "9"
    )
    principal = verify_token(AUTH_SECRET, minted["token"])
    assert [str(school_id) for school_id in principal.schools or ()] == [school]
    assert (principal.id, principal.rights) == (minted["token_id"], frozenset({"roster:write"}))
    [listed] = await run_json("token", "list")
    assert (listed["token_id"], listed["state"], listed["made_by"]) == (
        minted["token_id"],
        "valid",
        "operator",
    )
    assert minted["token"] not in str(listed)
    revoked = await run_kinvite("token", "revoke", minted["token_id"])
    assert revoked.exit_code == 1, "no relay runs here, and the command reports that"
    assert "the broker does not have it yet" in revoked.output
    async with dashboard.transaction() as tx:
        await tx.execute("DELETE FROM outbox_runs")
    assert (await run_json("token", "revoke", minted["token_id"]))["announced"] is True
    assert await run_json("token", "list") == []
    assert [token["state"] for token in await run_json("token", "list", "--all")] == ["revoked"]


async def test_a_leaked_token_can_be_revoked_by_itself_even_if_it_is_not_registered(
    dashboard: Database,
) -> None:
    leaked = mint_token(AUTH_SECRET, schools=None, rights=ALL_RIGHTS, actor="an old one")
    await run_kinvite("token", "revoke", leaked)
    async with dashboard.transaction() as tx:
        assert await tx.scalar("SELECT key FROM outbox") == verify_token(AUTH_SECRET, leaked).id
    [listed] = await run_json("token", "list", "--all")
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
async def test_what_does_not_exist_is_1(installation: str, arguments: tuple[str, ...]) -> None:
    del installation
    result = await run_kinvite(*arguments)
    assert result.exit_code == 1, result.output
    assert "Traceback" not in result.output


async def test_staff_are_added_changed_and_removed(dashboard: Database) -> None:
    school = await _insert_school(dashboard)
    boss = await run_json("admin", "add", "boss@hill.example", "--role", "owner")
    await run_json("admin", "add", "desk@hill.example", "--role", "front_desk", "-s", school)
    await run_json("admin", "role", "desk@hill.example", "--role", "viewer", "-s", school)
    listed = {row["email"]: (row["role"], row["school"]) for row in await run_json("admin", "list")}
    assert listed == {"boss@hill.example": ("owner", "all"), "desk@hill.example": ("viewer", school)}
    assert (await run_kinvite("admin", "add", "desk@hill.example")).exit_code == 1
    assert (await run_json("admin", "end", "desk@hill.example"))["valid_tokens_made"] == 0
    last = await run_kinvite("admin", "end", "boss@hill.example")
    assert last.exit_code == 1
    assert "last owner" in last.output
    assert [row["email"] for row in await run_json("admin", "list")] == ["boss@hill.example"]
    attempt = SignInAttempt("boss@hill.example", boss["password"], "127.0.0.1")
    signed_in = await sign_in(dashboard, attempt, timedelta(hours=1))
    assert isinstance(signed_in, SignedIn)
    fresh = await run_json("admin", "password", "boss@hill.example")
    async with dashboard.transaction(schools=()) as tx:
        assert await find_signed_in_staff(tx, signed_in.session) is None
    attempt = SignInAttempt("boss@hill.example", fresh["password"], "127.0.0.1")
    assert isinstance(await sign_in(dashboard, attempt, timedelta(hours=1)), SignedIn)
