"""Tokens of programs: made and shown once, listed, revoked; over HTTP and on the page."""

import re
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from services.dashboard.domain.staff import Role
from services.dashboard.domain.tokens import Grant
from services.dashboard.service.office import find_person
from services.dashboard.service.staff import names_of_actors
from services.dashboard.service.tokens import OPERATOR, mint_token
from shared.runtime.database import Database
from shared.runtime.web import mint_token, verify_token
from tests.integration.dashboard.conftest import Browser, SignIn
from tests.integration.dashboard.feed import deliver
from tests.support.apps import AUTH_SECRET, bearer
from tests.unit.dashboard.facts import Story

TOKENS = "/dashboard/v1/tokens"
PAGE = "/admin/tokens"


async def _admin(database: Database, *schools: UUID) -> dict[str, str]:
    """A registered token with the right admin; for all schools where none is named."""
    grant = Grant("an admin", frozenset({"admin"}), frozenset(schools) or None, 10)
    async with database.transaction() as tx:
        _, text = await mint_token(tx, AUTH_SECRET, grant, OPERATOR)
    return {"Authorization": f"Bearer {text}"}


async def _make(client: httpx.AsyncClient, token: dict[str, str], **body: Any) -> Any:
    answer = await client.post(TOKENS, json={"name": "a", "rights": ["roster:read"], **body}, headers=token)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def _names(client: httpx.AsyncClient, token: dict[str, str]) -> list[str]:
    return [one["name"] for one in (await client.get(TOKENS, headers=token)).json()["items"]]


async def _facts(database: Database) -> list[Any]:
    async with database.transaction() as tx:
        return list(await tx.rows("SELECT key, headers, data FROM outbox WHERE topic = 'dashboard.access'"))


async def test_a_token_is_shown_once_and_kept_nowhere(guest: httpx.AsyncClient, database: Database) -> None:
    admin = await _admin(database)
    made = await _make(guest, admin, name="nightly import", rights=["roster:write"], days=30)
    principal = verify_token(AUTH_SECRET, made["token"])
    assert (principal.id, principal.schools) == (made["token_id"], None)
    assert principal.actor == "program:nightly import"
    assert principal.rights == {"roster:write"}
    assert made["token"] not in (await guest.get(TOKENS, headers=admin)).text
    async with database.transaction() as tx:
        stored = await tx.scalar("SELECT string_agg(t::text, '') FROM access_tokens t")
    assert made["token"].partition(".")[2] not in stored


async def test_no_name_of_a_token_passes_for_a_person_or_a_service(
    guest: httpx.AsyncClient, database: Database
) -> None:
    admin = await _admin(database)
    owner = await find_person(database, "owner@example.org")
    assert owner
    for name in (owner.actor, "operator", "service:roster", "owner@example.org"):
        actor = verify_token(AUTH_SECRET, (await _make(guest, admin, name=name))["token"]).actor
        assert actor == f"program:{name}"
        async with database.transaction() as tx:
            assert await names_of_actors(tx, [actor]) == {actor: f"the program “{name}”"}


async def test_lists_have_pages(guest: httpx.AsyncClient, database: Database) -> None:
    admin = await _admin(database)
    for number in range(4):
        await _make(guest, admin, name=f"n{number}")
    found: list[str] = []
    cursor = ""
    while True:
        page = (await guest.get(f"{TOKENS}?limit=2{cursor}", headers=admin)).json()
        found += [one["name"] for one in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert found == ["n3", "n2", "n1", "n0", "an admin"]
    assert (await guest.get(f"{TOKENS}?cursor=x", headers=admin)).status_code == 400


async def test_revoking_says_it_once_and_takes_what_was_made_with_it(
    guest: httpx.AsyncClient, database: Database, fresh: Story
) -> None:
    admin = await _admin(database)
    made = await _make(guest, admin, rights=["admin"], school_ids=[str(fresh.school_id)])
    child = await _make(
        guest, {"Authorization": f"Bearer {made['token']}"}, school_ids=[str(fresh.school_id)]
    )
    other = await _make(guest, admin)
    for _ in range(2):
        answer = await guest.delete(f"{TOKENS}/{made['token_id']}", headers=admin)
        assert (answer.status_code, answer.json()["state"]) == (200, "revoked")
        assert answer.json()["announced"] is False  # these tests have no bus
    facts = await _facts(database)
    assert {fact.key for fact in facts} == {made["token_id"], child["token_id"]}
    assert all(f'"ce_schoolid":"{fresh.school_id}"' in fact.headers for fact in facts)
    assert len(facts) == 2
    states = {
        one["token_id"]: one["state"] for one in (await guest.get(TOKENS, headers=admin)).json()["items"]
    }
    assert [states[one["token_id"]] for one in (made, child, other)] == ["revoked", "revoked", "valid"]
    assert (await guest.delete(f"{TOKENS}/{uuid4()}", headers=admin)).status_code == 404


async def test_a_token_makes_nothing_beyond_itself(
    guest: httpx.AsyncClient, database: Database, fresh: Story
) -> None:
    stranger = Story()
    await deliver(database, [stranger.school()])
    own = await _admin(database, fresh.school_id)
    body = {"name": "a", "rights": ["roster:read"]}
    for schools in (None, [str(stranger.school_id)], [str(uuid4())]):
        answer = await guest.post(TOKENS, json={**body, "school_ids": schools}, headers=own)
        assert (answer.status_code, answer.json()["code"]) == (404, "school_not_found")
    made = await _make(guest, own, school_ids=[str(fresh.school_id)], days=3_000)
    ends = {one["name"]: one["expires_at"] for one in (await guest.get(TOKENS, headers=own)).json()["items"]}
    assert made["expires_at"] == ends["an admin"]
    unregistered = bearer("admin")
    assert (await guest.post(TOKENS, json=body, headers=unregistered)).json()["code"] == "not_registered"


async def test_another_schools_tokens_do_not_exist(
    guest: httpx.AsyncClient, database: Database, fresh: Story
) -> None:
    stranger = Story()
    await deliver(database, [stranger.school()])
    everywhere = await _admin(database)
    theirs = await _make(guest, everywhere, name="theirs", school_ids=[str(stranger.school_id)])
    both = [str(stranger.school_id), str(fresh.school_id)]
    shared = await _make(guest, everywhere, name="both", school_ids=both)
    own = await _admin(database, fresh.school_id)
    assert await _names(guest, own) == ["an admin"]
    for token in (theirs, shared):
        assert (await guest.delete(f"{TOKENS}/{token['token_id']}", headers=own)).status_code == 404
    assert await _facts(database) == []


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
async def test_what_is_wrong_is_named(
    guest: httpx.AsyncClient, database: Database, body: dict[str, Any]
) -> None:
    answer = await guest.post(TOKENS, json=body, headers=await _admin(database))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"]


async def test_only_the_right_admin_manages_tokens(guest: httpx.AsyncClient) -> None:
    assert (await guest.get(TOKENS)).status_code == 401
    for right in ("roster:write", "dashboard:read"):
        assert (await guest.get(TOKENS, headers=bearer(right))).status_code == 403
    service = mint_token(AUTH_SECRET, schools=None, rights=frozenset({"admin"}), actor="x", kind="service")
    assert (await guest.get(TOKENS, headers={"Authorization": f"Bearer {service}"})).status_code == 200


async def test_the_page_shows_a_token_once_and_makes_one_however_often_it_is_sent(
    office: Browser, database: Database
) -> None:
    page = (await office.get(PAGE)).text
    key = re.search(r'name="key" value="([\w-]+)"', page)
    assert key
    fields: dict[str, str | list[str]] = {
        "name": "nightly <b>import",
        "rights": ["roster:read", "roster:write"],
        "every_school": "true",
        "days": "365",
        "key": key[1],
    }
    shown = await office.post(PAGE, on=PAGE, **fields)
    assert shown.status_code == 200
    assert "no-store" in shown.headers["cache-control"]
    text = re.search(r"kv1_[\w.-]+", shown.text)
    assert text
    assert verify_token(AUTH_SECRET, text[0]).rights == {"roster:read", "roster:write"}
    again = await office.post(PAGE, on=PAGE, **fields)
    assert again.status_code == 422
    assert "made already" in again.text
    listed = (await office.get(PAGE)).text
    assert "nightly &lt;b&gt;import" in listed
    assert "kv1_" not in listed
    assert "owner@example.org" in listed
    token_id = verify_token(AUTH_SECRET, text[0]).id
    told = await office.post(f"{PAGE}/{token_id}/revoke", on=PAGE)
    assert told.status_code == 303
    assert "does not answer now" in (await office.get(PAGE)).text
    assert [fact.key for fact in await _facts(database)] == [token_id]


async def test_roles_without_tokens_get_no_page_and_admins_their_schools_only(
    as_role: SignIn, database: Database, fresh: Story
) -> None:
    stranger = Story()
    await deliver(database, [stranger.school()])
    for role in (Role.VIEWER, Role.FRONT_DESK):
        assert (await (await as_role(role)).get(PAGE)).status_code == 403
    theirs = Grant("theirs", frozenset({"admin"}), frozenset({stranger.school_id}))
    async with database.transaction() as tx:
        token, _ = await mint_token(tx, AUTH_SECRET, theirs, OPERATOR)
    admin = await as_role(Role.ADMIN)
    assert "theirs" not in (await admin.get(PAGE)).text
    assert (await admin.post(f"{PAGE}/{token.token_id}/revoke", on=PAGE)).status_code == 404
    fields: dict[str, str | list[str]] = {"name": "mine", "rights": ["roster:read"], "key": str(uuid4())}
    refused = await admin.post(PAGE, on=PAGE, **fields, every_school="true")
    assert refused.status_code == 422
    made = await admin.post(PAGE, on=PAGE, **fields, school_ids=str(fresh.school_id))
    assert "The token of mine" in made.text
