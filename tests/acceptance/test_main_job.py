"""The main job over HTTP on the embedded run: import, invite all, verify, join, and kill -9 in between."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.cli.services import embedded_settings
from shared.runtime.database import Database
from tests.acceptance.kinvite_up import KinviteUp, families_csv, kinvite_up
from tests.integration.dashboard.source_services import empty_projection, read_projection
from tests.support.waiting import eventually

FAMILIES = 200


@pytest.fixture
async def up(tmp_path: Path) -> AsyncIterator[KinviteUp]:
    async with kinvite_up(tmp_path / "data") as installation:
        yield installation


async def _find_row(up: KinviteUp, school_id: str, name: str) -> Any:
    rows = await up.items(f"/dashboard/v1/schools/{school_id}/parents", q=name)
    assert rows, "not in the status view yet"
    return rows[0]


async def _invite_all(up: KinviteUp, school_id: str) -> Any:
    return await up.post(
        f"/invitations/v1/schools/{school_id}/bulk", {"select": {"all": True}, "channel": "email"}, status=202
    )


async def _sign_up(link: str, username: str) -> httpx.Response:
    """Post the sign-up form and follow redirects, as a browser without scripts does."""
    async with httpx.AsyncClient(follow_redirects=True, timeout=30) as parent:
        return await parent.post(link, data={"username": username, "password": "correct horse battery 1"})


async def test_c1_c3_c4_two_students_of_the_same_parents_are_one_parent_with_two_children(
    up: KinviteUp,
) -> None:
    school_id = await up.create_school()
    family = {
        "father_name": "Sam Sample",
        "mother_name": "Alex Sample",
        "parents_contact": "030 555 0101",
        "parents_email": "Sample@Family.example ",
    }
    for name in ("Kim Sample", "Robin Sample"):
        await up.post(f"/roster/v1/schools/{school_id}/students", {"name": name, **family})

    async def has_one_parent_with_two_children() -> None:
        rows = await up.items(f"/dashboard/v1/schools/{school_id}/parents")
        assert len(rows) == 1
        assert len(rows[0]["children"]) == 2
        assert rows[0]["status"] == "not_invited"

    await eventually(has_one_parent_with_two_children)
    assert await up.messages() == []


async def test_the_whole_story_of_two_hundred_families(up: KinviteUp) -> None:
    school_id = await up.create_school()
    state = await up.import_csv(school_id, families_csv(FAMILIES))
    assert state["state"] == "applied", state
    assert await up.messages() == [], "P18: an import sends nothing"

    await _invite_all(up, school_id)

    async def list_all_messages() -> list[Any]:
        messages = await up.messages()
        assert len(messages) >= FAMILIES
        return messages

    messages = await eventually(list_all_messages, within_seconds=60)
    assert Counter(message["to"] for message in messages) == {
        f"fam{n}@family.example": 1 for n in range(FAMILIES)
    }
    assert {message["copies"] for message in messages} == {1}

    verify = await up.wait_for_link("fam7@family.example", "verify")
    async with httpx.AsyncClient(timeout=30) as parent:
        for _ in range(10):
            assert (await parent.head(verify)).status_code == 200
            assert (await parent.get(verify)).status_code == 200
    assert len(await up.messages(to="fam7@family.example")) == 1, "a GET changes nothing"
    async with httpx.AsyncClient(timeout=30, follow_redirects=True) as parent:
        assert (await parent.post(verify)).status_code == 200

    join = await up.wait_for_link("fam7@family.example", "join")
    assert (await _sign_up(join, "father.seven")).status_code == 200

    async def is_signed_up() -> None:
        assert (await _find_row(up, school_id, "Father 7"))["status"] == "signed_up"

    await eventually(is_signed_up, within_seconds=60)
    used = await _sign_up(join, "father.seven.again")
    assert used.status_code in (409, 410)
    assert "already" in used.text.lower()
    assert (await up.get(f"/dashboard/v1/schools/{school_id}/summary"))["total"] == FAMILIES
    await eventually(partial(_all_are_sent, up, school_id), within_seconds=60)
    await _rebuild_twice(up)


async def _all_are_sent(up: KinviteUp, school_id: str) -> None:
    rows = await up.items(f"/dashboard/v1/schools/{school_id}/parents")
    assert {row["delivery"] for row in rows} == {"sent"}


async def _rebuild_twice(up: KinviteUp) -> None:
    """Assert that a rebuilt projection equals the live one, also when it starts empty."""
    url = embedded_settings(up.data)["KINVITE_DATABASE_URL"]
    async with Database(url, schema="dashboard") as database:
        live = await read_projection(database)
        assert len(live["timeline"]) > 3 * FAMILIES
        for start_empty in (False, True):
            if start_empty:
                await empty_projection(database)
            await up.kinvite("dashboard", "rebuild")
            assert await read_projection(database) == live


async def test_p11_dead_links_each_have_their_page(up: KinviteUp) -> None:
    school_id = await up.create_school()
    await up.import_csv(school_id, families_csv(1))
    parent_id = (await eventually(lambda: _find_row(up, school_id, "Father 0")))["parent_id"]
    invite = f"/invitations/v1/schools/{school_id}/invitations"
    await up.post(invite, {"parent_id": parent_id})
    old = await up.wait_for_link("fam0@family.example", "verify")
    await up.post(invite, {"parent_id": parent_id})

    async def find_new_link() -> str:
        fresh = await up.wait_for_link("fam0@family.example", "verify")
        assert fresh != old
        return fresh

    fresh = await eventually(find_new_link)
    async with httpx.AsyncClient(timeout=30) as visitor:

        async def get_dead_page() -> httpx.Response:
            answer = await visitor.get(old)
            assert answer.status_code == 410
            return answer

        dead = await eventually(get_dead_page)
        assert "Father" not in dead.text
        assert (await visitor.get(fresh)).status_code == 200
        unknown = await visitor.get(fresh[:-22] + "A" * 22)
        assert unknown.status_code == 404
        assert unknown.text != dead.text


async def _revoked_token(up: KinviteUp) -> dict[str, str]:
    """Return the header of a token that was accepted and has then been revoked."""
    created = await up.post("/dashboard/v1/tokens", {"name": "a feed", "rights": ["roster:read"]})
    token = {"Authorization": f"Bearer {created['token']}"}
    assert (await up.client.get("/roster/v1/schools", headers=token)).status_code == 200
    answer = await up.client.delete(f"/dashboard/v1/tokens/{created['token_id']}")
    assert answer.json()["announced"] is True
    return token


async def test_kill_9_of_everything_during_a_bulk_run_loses_no_message(up: KinviteUp) -> None:
    school_id = await up.create_school()
    await up.import_csv(school_id, families_csv(FAMILIES))
    run = await _invite_all(up, school_id)

    async def has_messages() -> None:
        assert await up.messages()

    await eventually(has_messages, within_seconds=30)
    revoked = await _revoked_token(up)
    up.kill_all()
    await up.start()
    answer = await up.client.get("/roster/v1/schools", headers=revoked)
    assert answer.status_code == 401

    async def list_all_messages() -> list[Any]:
        messages = await up.messages()
        assert len({message["to"] for message in messages}) == FAMILIES, len(messages)
        return messages

    messages = await eventually(list_all_messages, within_seconds=90)
    assert Counter(message["to"] for message in messages) == {
        f"fam{n}@family.example": 1 for n in range(FAMILIES)
    }

    async def is_done() -> None:
        progress = await up.get(f"/invitations/v1/schools/{school_id}/bulk/{run['bulk_id']}")
        assert progress["state"] == "done", progress

    await eventually(is_done, within_seconds=60)
