from dataclasses import replace
from uuid import uuid4

import httpx
import pytest

from services.dashboard.domain.staff import Role
from shared.runtime.database import Database
from shared.runtime.web import encode_cursor, mint_token
from tests.integration.dashboard.conftest import Browser, SignIn
from tests.integration.dashboard.feed import deliver
from tests.support.apps import AUTH_SECRET, bearer
from tests.unit.dashboard.facts import Story

READ = bearer("dashboard:read")
ROW = {
    "parent_id", "name", "children", "contacts", "status", "delivery", "reason", "next_step", "action",
    "last_invited_at", "signed_up_at",
}  # fmt: skip


@pytest.fixture
async def school(database: Database, story: Story) -> str:
    """A school with one family that signed up and one that was never invited."""
    other = replace(
        Story(), school_id=story.school_id, name="Bea Stone", child="Ben Stone", address="b@example.org"
    )
    await deliver(database, [story.school(), *story.all(), *other.roster()])
    return f"/dashboard/v1/schools/{story.school_id}"


async def test_c14_the_status_view_shows_status_reason_and_next_step(
    guest: httpx.AsyncClient, school: str
) -> None:
    body = (await guest.get(f"{school}/parents", headers=READ)).json()
    assert body["next"] is None
    amal, bea = body["items"]
    assert set(amal) == ROW
    assert (amal["status"], amal["action"], amal["delivery"]) == ("signed_up", "Signed Up", "delivered")
    assert amal["signed_up_at"] == "2026-11-20T09:41:00Z"
    assert amal["children"][0]["name"] == "Yara Haddad"
    assert (bea["status"], bea["action"], bea["delivery"]) == ("not_invited", "Invite", None)
    assert bea["reason"]
    assert bea["next_step"] == "Invite this parent."


async def test_p18_parents_nobody_invited_read_invite(guest: httpx.AsyncClient, school: str) -> None:
    body = (await guest.get(f"{school}/parents?status=not_invited", headers=READ)).json()
    assert [(row["name"], row["action"]) for row in body["items"]] == [("Bea Stone", "Invite")]


FILTERS = {
    "status=signed_up": ["Amal Haddad"],
    "status=expired": [],
    "delivery=delivered": ["Amal Haddad"],
    "delivery=delivered&status=not_invited": [],
    "q=STONE": ["Bea Stone"],
    "q=amal%40example": ["Amal Haddad"],
    "q=haddad+amal": ["Amal Haddad"],
    "q=amal+stone": [],
    "q=%25": [],
    "q=_": [],
    "q=%27%3B--": [],
    "": ["Amal Haddad", "Bea Stone"],
}


async def test_the_filters(guest: httpx.AsyncClient, school: str) -> None:
    for query, names in FILTERS.items():
        body = (await guest.get(f"{school}/parents?{query}", headers=READ)).json()
        assert [row["name"] for row in body["items"]] == names, query


async def test_the_pages_follow_the_cursor(guest: httpx.AsyncClient, school: str) -> None:
    first = (await guest.get(f"{school}/parents?limit=1", headers=READ)).json()
    second = (await guest.get(f"{school}/parents?limit=1&cursor={first['next']}", headers=READ)).json()
    assert [first["items"][0]["name"], second["items"][0]["name"]] == ["Amal Haddad", "Bea Stone"]
    assert second["next"] is None


async def test_the_summary_adds_up(guest: httpx.AsyncClient, school: str) -> None:
    body = (await guest.get(f"{school}/summary", headers=READ)).json()
    assert body["total"] == sum(body["status"].values()) == 2
    assert body["status"]["signed_up"] == body["status"]["not_invited"] == 1
    assert body["status"]["expired"] == 0
    assert body["delivery"]["delivered"] == 1


async def test_c08_a_parent_is_shown_with_children_and_timeline(
    guest: httpx.AsyncClient, school: str, story: Story
) -> None:
    body = (await guest.get(f"{school}/parents/{story.parent_id}", headers=READ)).json()
    assert [child["name"] for child in body["children"]] == ["Yara Haddad"]
    assert body["timeline"][0]["text"] == "Signed up"
    assert body["timeline"][-1]["kind"] == "parent_added"
    assert "Could not deliver the request to confirm the contact: no such mailbox" in {
        entry["text"] for entry in body["timeline"]
    }


BAD_CURSORS = ("rubbish", "%00", "W10", "WyJ4Il0", "WyIwMDAiXQ", "a" * 150, "%C3%A9")
BAD_QUERIES = {
    "status=nonsense": "status",
    "delivery=nonsense": "delivery",
    "limit=0": "limit",
    "limit=1001": "limit",
    "limit=x": "limit",
    "q=%00": "q",
    f"q={'x' * 201}": "q",
    f"cursor={'x' * 201}": "cursor",
}


async def test_a_rubbish_cursor_is_400(guest: httpx.AsyncClient, school: str) -> None:
    unknown = encode_cursor(str(uuid4()))
    for cursor in (*BAD_CURSORS, unknown):
        answer = await guest.get(f"{school}/parents?cursor={cursor}", headers=READ)
        assert answer.status_code == 400, cursor
        assert answer.json()["errors"][0]["field"] == "cursor"


async def test_bad_input_names_the_field(guest: httpx.AsyncClient, school: str) -> None:
    for query, field in BAD_QUERIES.items():
        answer = await guest.get(f"{school}/parents?{query}", headers=READ)
        assert answer.status_code == 422, query
        assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_an_unknown_school_or_parent_is_404(guest: httpx.AsyncClient, school: str) -> None:
    for path in (f"/dashboard/v1/schools/{uuid4()}/parents", f"{school}/parents/{uuid4()}"):
        answer = await guest.get(path, headers=READ)
        assert answer.status_code == 404, path
        assert answer.headers["content-type"] == "application/problem+json"
    assert (await guest.get("/dashboard/v1/schools/x/parents", headers=READ)).status_code == 422


async def test_who_may_read(guest: httpx.AsyncClient, school: str) -> None:
    elsewhere = mint_token(
        AUTH_SECRET, schools=frozenset({uuid4()}), rights=frozenset({"dashboard:read"}), actor="elsewhere"
    )
    expected = [
        ({}, 401),
        ({"Authorization": "Bearer nonsense"}, 401),
        ({"Authorization": "Basic eDp5"}, 401),
        (bearer("roster:read"), 403),
        ({"Authorization": f"Bearer {elsewhere}"}, 404),
        (READ, 200),
    ]
    for headers, status in expected:
        for path in ("parents", "summary"):
            assert (await guest.get(f"{school}/{path}", headers=headers)).status_code == status


async def test_staff_read_with_their_session(office: Browser, school: str) -> None:
    assert (await office.get(f"{school}/summary")).json()["total"] == 2


async def test_c07_only_admin_staff_get_the_parents_list(as_role: SignIn, school: str, story: Story) -> None:
    pages = f"/admin/schools/{story.school_id}"
    expected = {Role.OWNER: 200, Role.ADMIN: 200, Role.VIEWER: 403, Role.FRONT_DESK: 403}
    for role, status in expected.items():
        browser = await as_role(role)
        assert (await browser.get(f"{pages}/parents")).status_code == status
        assert (await browser.get(f"{school}/parents")).status_code == status
        assert ('/parents"' in (await browser.get(pages)).text) is (status == 200)
        assert (await browser.get(f"{pages}/students")).status_code == 200
        browser.client.cookies.clear()
