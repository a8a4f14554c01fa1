"""API tokens: made and shown once, listed and revoked, over HTTP and on the page."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from services.dashboard.domain.api_tokens import Grant
from services.dashboard.domain.staff import Role
from services.dashboard.use_cases.create_token import OPERATOR, create_token
from services.dashboard.use_cases.staff_admin import find_staff_member
from services.dashboard.views.actors import list_actor_names
from shared.runtime.database import Database
from shared.runtime.web import mint_token, verify_token
from tests.integration.dashboard.conftest import SignInAs
from tests.integration.dashboard.driver import DashboardDriver, deliver
from tests.support.apps import AUTH_SECRET, bearer
from tests.unit.dashboard.builders import Story

TOKENS = "/dashboard/v1/tokens"
PAGE = "/admin/tokens"


async def _admin(database: Database, *schools: UUID) -> dict[str, str]:
    """Register a token with the right admin, for all schools if none is given, and return its header."""
    grant = Grant("an admin", frozenset({"admin"}), frozenset(schools) or None, 10)
    async with database.transaction() as tx:
        _, text = await create_token(tx, AUTH_SECRET, grant, OPERATOR)
    return {"Authorization": f"Bearer {text}"}


async def _make(client: httpx.AsyncClient, token: dict[str, str], **body: Any) -> Any:
    response = await client.post(TOKENS, json={"name": "a", "rights": ["roster:read"], **body}, headers=token)
    assert response.status_code == 201, response.text
    return response.json()


async def _names(client: httpx.AsyncClient, token: dict[str, str]) -> list[str]:
    return [token["name"] for token in (await client.get(TOKENS, headers=token)).json()["items"]]


async def _read_events(database: Database) -> list[Any]:
    async with database.transaction() as tx:
        return list(await tx.rows("SELECT key, headers, data FROM outbox WHERE topic = 'dashboard.access'"))


async def test_a_token_is_shown_once_and_stored_nowhere(guest: httpx.AsyncClient, database: Database) -> None:
    admin = await _admin(database)
    new_token = await _make(guest, admin, name="nightly import", rights=["roster:write"], days=30)
    principal = verify_token(AUTH_SECRET, new_token["token"])
    assert (principal.id, principal.schools) == (new_token["token_id"], None)
    assert principal.actor == "program:nightly import"
    assert principal.rights == {"roster:write"}
    assert new_token["token"] not in (await guest.get(TOKENS, headers=admin)).text
    async with database.transaction() as tx:
        stored = await tx.scalar("SELECT string_agg(t::text, '') FROM access_tokens t")
    assert new_token["token"].partition(".")[2] not in stored


async def test_no_name_of_a_token_passes_for_a_person_or_a_service(
    guest: httpx.AsyncClient, database: Database
) -> None:
    admin = await _admin(database)
    owner = await find_staff_member(database, "owner@example.org")
    assert owner
    for name in (owner.actor, "operator", "service:roster", "owner@example.org"):
        actor = verify_token(AUTH_SECRET, (await _make(guest, admin, name=name))["token"]).actor
        assert actor == f"program:{name}"
        async with database.transaction() as tx:
            assert await list_actor_names(tx, [actor]) == {actor: f"the program “{name}”"}


async def test_lists_have_pages(guest: httpx.AsyncClient, database: Database) -> None:
    admin = await _admin(database)
    for number in range(4):
        await _make(guest, admin, name=f"n{number}")
    names: list[str] = []
    cursor = ""
    while True:
        page = (await guest.get(f"{TOKENS}?limit=2{cursor}", headers=admin)).json()
        names += [token["name"] for token in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert names == ["n3", "n2", "n1", "n0", "an admin"]
    assert (await guest.get(f"{TOKENS}?cursor=x", headers=admin)).status_code == 400


async def test_revoking_emits_one_event_and_ends_tokens_made_with_it(
    guest: httpx.AsyncClient, database: Database, fresh: Story
) -> None:
    admin = await _admin(database)
    new_token = await _make(guest, admin, rights=["admin"], school_ids=[str(fresh.school_id)])
    child = await _make(
        guest, {"Authorization": f"Bearer {new_token['token']}"}, school_ids=[str(fresh.school_id)]
    )
    other = await _make(guest, admin)
    for _ in range(2):
        response = await guest.delete(f"{TOKENS}/{new_token['token_id']}", headers=admin)
        assert (response.status_code, response.json()["state"]) == (200, "revoked")
        assert response.json()["announced"] is False  # these tests have no broker
    events = await _read_events(database)
    assert {event.key for event in events} == {new_token["token_id"], child["token_id"]}
    assert all(f'"ce_schoolid":"{fresh.school_id}"' in event.headers for event in events)
    assert len(events) == 2
    states = {
        token["token_id"]: token["state"]
        for token in (await guest.get(TOKENS, headers=admin)).json()["items"]
    }
    assert [states[token["token_id"]] for token in (new_token, child, other)] == [
        "revoked",
        "revoked",
        "valid",
    ]
    assert (await guest.delete(f"{TOKENS}/{uuid4()}", headers=admin)).status_code == 404


async def test_a_token_makes_nothing_beyond_itself(
    guest: httpx.AsyncClient, database: Database, fresh: Story
) -> None:
    stranger = Story()
    await deliver(database, [stranger.school()])
    own = await _admin(database, fresh.school_id)
    body = {"name": "a", "rights": ["roster:read"]}
    for schools in (None, [str(stranger.school_id)], [str(uuid4())]):
        response = await guest.post(TOKENS, json={**body, "school_ids": schools}, headers=own)
        assert (response.status_code, response.json()["code"]) == (404, "school_not_found")
    new_token = await _make(guest, own, school_ids=[str(fresh.school_id)], days=1_000)
    ends = {
        token["name"]: token["expires_at"] for token in (await guest.get(TOKENS, headers=own)).json()["items"]
    }
    assert new_token["expires_at"] == ends["an admin"]
    unregistered = bearer("admin")
    assert (await guest.post(TOKENS, json=body, headers=unregistered)).json()["code"] == "not_registered"


async def test_another_schools_tokens_do_not_exist(
    guest: httpx.AsyncClient, database: Database, fresh: Story
) -> None:
    stranger = Story()
    await deliver(database, [stranger.school()])
    everywhere = await _admin(database)
    foreign = await _make(guest, everywhere, name="theirs", school_ids=[str(stranger.school_id)])
    both = [str(stranger.school_id), str(fresh.school_id)]
    shared = await _make(guest, everywhere, name="both", school_ids=both)
    own = await _admin(database, fresh.school_id)
    assert await _names(guest, own) == ["an admin"]
    for token in (foreign, shared):
        assert (await guest.delete(f"{TOKENS}/{token['token_id']}", headers=own)).status_code == 404
    assert await _read_events(database) == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "", "rights": ["admin"]},
        {"name": "a", "rights": []},
        {"name": "a", "rights": ["everything"]},
        {"name": "a", "rights": ["admin"], "days": 0},
        {"name": "a", "rights": ["admin"], "school_ids": []},
        {"name": "a\x07", "rights": ["admin"]},
        {"name": "a", "rights": ["admin"], "schools": []},
    ],
)
async def test_a_wrong_field_is_named(
    guest: httpx.AsyncClient, database: Database, body: dict[str, Any]
) -> None:
    response = await guest.post(TOKENS, json=body, headers=await _admin(database))
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"]


async def test_only_the_right_admin_manages_tokens(guest: httpx.AsyncClient) -> None:
    assert (await guest.get(TOKENS)).status_code == 401
    for right in ("roster:write", "dashboard:read"):
        assert (await guest.get(TOKENS, headers=bearer(right))).status_code == 403
    service = mint_token(AUTH_SECRET, schools=None, rights=frozenset({"admin"}), actor="x", kind="service")
    assert (await guest.get(TOKENS, headers={"Authorization": f"Bearer {service}"})).status_code == 200


async def test_the_page_shows_a_token_once_and_makes_one_however_often_it_is_sent(
    dashboard: DashboardDriver, database: Database
) -> None:
    page = (await dashboard.get(PAGE)).text
    key = re.search(r'name="key" value="([\w-]+)"', page)
    assert key
    fields: dict[str, str | list[str]] = {
        "name": "nightly <b>import",
        "rights": ["roster:read", "roster:write"],
        "every_school": "true",
        "days": "365",
        "key": key[1],
    }
    shown = await dashboard.post(PAGE, on=PAGE, **fields)
    assert shown.status_code == 200
    assert "no-store" in shown.headers["cache-control"]
    text = re.search(r"kv1_[\w.-]+", shown.text)
    assert text
    assert verify_token(AUTH_SECRET, text[0]).rights == {"roster:read", "roster:write"}
    again = await dashboard.post(PAGE, on=PAGE, **fields)
    assert again.status_code == 422
    assert "made already" in again.text
    listed = (await dashboard.get(PAGE)).text
    assert "nightly &lt;b&gt;import" in listed
    assert "kv1_" not in listed
    assert "owner@example.org" in listed
    token_id = verify_token(AUTH_SECRET, text[0]).id
    revoked = await dashboard.post(f"{PAGE}/{token_id}/revoke", on=PAGE)
    assert revoked.status_code == 303
    assert "does not answer now" in (await dashboard.get(PAGE)).text
    assert [event.key for event in await _read_events(database)] == [token_id]


async def test_roles_without_tokens_get_no_page_and_admins_their_schools_only(
    as_role: SignInAs, database: Database, fresh: Story
) -> None:
    stranger = Story()
    await deliver(database, [stranger.school()])
    for role in (Role.VIEWER, Role.FRONT_DESK):
        assert (await (await as_role(role)).get(PAGE)).status_code == 403
    foreign = Grant("theirs", frozenset({"admin"}), frozenset({stranger.school_id}))
    async with database.transaction() as tx:
        token, _ = await create_token(tx, AUTH_SECRET, foreign, OPERATOR)
    admin = await as_role(Role.ADMIN)
    assert "theirs" not in (await admin.get(PAGE)).text
    assert (await admin.post(f"{PAGE}/{token.token_id}/revoke", on=PAGE)).status_code == 404
    fields: dict[str, str | list[str]] = {"name": "mine", "rights": ["roster:read"], "key": str(uuid4())}
    refused = await admin.post(PAGE, on=PAGE, **fields, every_school="true")
    assert refused.status_code == 422
    created = await admin.post(PAGE, on=PAGE, **fields, school_ids=str(fresh.school_id))
    assert "The token of mine" in created.text
