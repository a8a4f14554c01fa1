"""Bad input and other schools: a 4xx that names the field, never a 5xx, nothing half-written."""

from typing import Any
from uuid import uuid4

import httpx

from shared.contracts.notifier import SendMessage
from shared.runtime.web import mint_token
from tests.integration.invitations.scene import Scene
from tests.support.apps import AUTH_SECRET

SOME_ID = "018f0000-0000-7000-8000-000000000000"


def fields(answer: httpx.Response) -> set[str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return {error["field"] for error in answer.json().get("errors", [])}


BAD_INVITATIONS: list[tuple[dict[str, Any], str]] = [
    ({}, "parent_id"),
    ({"parent_id": "x"}, "parent_id"),
    ({"parent_id": None}, "parent_id"),
    ({"parent_id": SOME_ID, "contact_id": 7}, "contact_id"),
    ({"parent_id": SOME_ID, "channel": "pigeon"}, "channel"),
    ({"parent_id": SOME_ID, "channel": "sms"}, "channel"),
    ({"parent_id": SOME_ID, "channel": "whatsapp"}, "channel"),
    ({"parent_id": SOME_ID, "override_reason": ""}, "override_reason"),
    ({"parent_id": SOME_ID, "override_reason": "a\x00b"}, "override_reason"),
    ({"parent_id": SOME_ID, "override_reason": "x" * 501}, "override_reason"),
    ({"parent_id": SOME_ID, "parent": "typo"}, "parent"),
]
BAD_RUNS: list[object] = [
    {"select": {"all": True}},
    {"select": {}, "channel": "email"},
    {"select": {"all": False}, "channel": "email"},
    {"select": {"all": True, "parent_ids": [SOME_ID]}, "channel": "email"},
    {"select": {"parent_ids": []}, "channel": "email"},
    {"select": {"parent_ids": ["x"]}, "channel": "email"},
    {"select": {"filter": {}}, "channel": "email"},
    {"select": {"filter": {"colour": "red"}}, "channel": "email"},
    {"select": {"all": True}, "channel": "whatsapp"},
    {"select": {"all": True}, "channel": "email", "not_before": "tomorrow"},
    {"select": {"all": True}, "channel": "email", "not_before": "2030-01-01T00:00:00"},
    {"select": {"all": True}, "channel": "email", "not_before": "9999-12-31T23:59:59-14:00"},
    {"select": {"all": True}, "channel": "email", "dry_run": "perhaps"},
    [],
    "text",
]


async def test_a_bad_invitation_names_its_field(school: Scene) -> None:
    for body, field in BAD_INVITATIONS:
        answer = await school.client.post(f"{school.root}/invitations", json=body)
        assert answer.status_code == 422, body
        assert fields(answer) == {field}


async def test_a_bad_run_names_its_field_and_makes_nothing(school: Scene) -> None:
    for body in BAD_RUNS:
        answer = await school.client.post(f"{school.root}/bulk", json=body)
        assert answer.status_code == 422, body
        assert fields(answer)
    assert (await school.sql("SELECT count(*) FROM bulk_runs"))[0][0] == 0


async def test_what_is_no_json_is_a_400(school: Scene) -> None:
    answer = await school.client.post(
        f"{school.root}/invitations", content=b"{", headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 400


async def test_an_unknown_parent_is_awaited_then_409_with_retry_after(school: Scene) -> None:
    answer = await school.client.post(f"{school.root}/invitations", json={"parent_id": SOME_ID})
    assert (answer.status_code, answer.json()["code"]) == (409, "not_known_yet")
    assert answer.headers["Retry-After"] == "2"


async def test_a_contact_that_is_not_the_parents_names_contact_id(school: Scene) -> None:
    family, other = await school.family(), await school.family()
    answer = await school.invite(family, contact_id=str(other.contact_id))
    assert (answer.status_code, fields(answer)) == (422, {"contact_id"})


async def test_i38_another_schools_parents_and_runs_do_not_exist(school: Scene) -> None:
    family = await school.family()
    await school.invite(family)
    run = (
        await school.client.post(f"{school.root}/bulk", json={"select": {"all": True}, "channel": "email"})
    ).json()
    mine = school.root
    school.school_id = uuid4()
    await school.open_school()
    theirs = school.root
    paths = [f"/invitations/{family.parent_id}", f"/bulk/{run['bulk_id']}"]
    for path in paths:
        assert (await school.client.get(mine + path)).status_code == 200
        assert (await school.client.get(theirs + path)).status_code == 404
    assert (await school.client.delete(theirs + paths[0])).status_code == 404
    assert (await school.client.post(f"{theirs}{paths[1]}/cancel")).status_code == 404
    assert (await school.invite(family)).json()["code"] == "not_known_yet"
    assert (await school.client.get(f"{theirs}/invitations")).json() == {"items": [], "next": None}
    assert (await school.client.get(f"{theirs}/bulk")).json() == {"items": [], "next": None}


async def test_i38_a_token_of_another_school_sees_nothing(school: Scene) -> None:
    family = await school.family()
    rights = frozenset({"invitations:read", "invitations:write"})
    token = mint_token(AUTH_SECRET, schools=frozenset({uuid4()}), rights=rights, actor="other")
    headers = {"Authorization": f"Bearer {token}"}
    body = {"parent_id": str(family.parent_id)}
    answers = [
        await school.client.post(f"{school.root}/invitations", json=body, headers=headers),
        await school.client.get(f"{school.root}/invitations", headers=headers),
        await school.client.get(f"{school.root}/invitations/{family.parent_id}", headers=headers),
        await school.client.delete(f"{school.root}/invitations/{family.parent_id}", headers=headers),
        await school.client.post(f"{school.root}/bulk", json={"select": {"all": True}}, headers=headers),
    ]
    assert [one.status_code for one in answers][:4] == [404] * 4
    assert answers[4].status_code in {404, 422}
    assert await school.emitted(SendMessage) == []


async def test_without_a_token_or_the_right_nothing_works(school: Scene) -> None:
    read = mint_token(AUTH_SECRET, schools=None, rights=frozenset({"invitations:read"}), actor="reader")
    url, body = f"{school.root}/invitations", {"parent_id": SOME_ID}
    assert (await school.client.post(url, json=body, headers={"Authorization": ""})).status_code == 401
    reader = {"Authorization": f"Bearer {read}"}
    assert (await school.client.post(url, json=body, headers=reader)).status_code == 403


async def test_unknown_schools_are_404(school: Scene) -> None:
    root = f"/invitations/v1/schools/{uuid4()}"
    run = {"select": {"all": True}, "channel": "email"}
    assert (await school.client.post(f"{root}/bulk", json=run)).status_code == 404
    assert (await school.client.get(f"{root}/invitations")).status_code == 404
    assert (await school.client.get("/invitations/v1/schools/x/invitations")).status_code == 422


BAD_QUERIES = [
    "cursor=x",
    "cursor=WyJ4Il0",
    "cursor=WzFd",
    "limit=0",
    "limit=x",
    "limit=1001",
    "status=happy",
]


async def test_bad_queries_are_4xx(school: Scene) -> None:
    for query in BAD_QUERIES:
        answer = await school.client.get(f"{school.root}/invitations?{query}")
        assert answer.status_code in {400, 422}, query
        assert fields(answer)


async def test_lists_are_paged_to_the_end(school: Scene) -> None:
    families = [await school.family() for _ in range(5)]
    for family in families:
        await school.invite(family)
    seen, cursor = [], ""
    while True:
        page = (await school.client.get(f"{school.root}/invitations?limit=2{cursor}")).json()
        seen += [one["parent_id"] for one in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == [str(family.parent_id) for family in families]
    filtered = await school.client.get(f"{school.root}/invitations?status=invited")
    assert filtered.json()["items"] == []


async def test_one_key_invites_once(school: Scene) -> None:
    family = await school.family()
    headers = {"Idempotency-Key": "click"}
    body = {"parent_id": str(family.parent_id)}
    answers = [
        await school.client.post(f"{school.root}/invitations", json=body, headers=headers) for _ in range(3)
    ]
    assert {one.status_code for one in answers} == {202}
    assert answers[0].json() == answers[1].json() == answers[2].json()
    assert len(await school.emitted(SendMessage)) == 1


async def test_the_cap_on_messages_is_lifted_by_a_reason_that_the_timeline_keeps(school: Scene) -> None:
    family = await school.family()
    await school.invite(family)
    await school.sql("UPDATE contact_usages SET messages = 10")
    refused = await school.invite(family)
    assert (refused.status_code, refused.json()["code"], fields(refused)) == (
        409,
        "message_cap",
        {"override_reason"},
    )
    assert (await school.invite(family, override_reason="She lost the mail.")).status_code == 202
    assert (await school.show(family))["timeline"][-1]["detail"] == "staff: She lost the mail."


async def test_withdrawing_what_is_not_there_or_over(school: Scene) -> None:
    family = await school.family()
    path = f"{school.root}/invitations/{family.parent_id}"
    assert (await school.client.delete(path)).status_code == 404
    await school.invite(family)
    await school.verify(family)
    await school.join(family)
    answer = await school.client.delete(path)
    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_withdraw")
