"""List of messages: scoped to a school, paged, with clear errors for bad input."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.notifier.app import create_app
from services.notifier.settings import Settings
from shared.runtime.core import load_settings, new_id
from shared.runtime.web import mint_token
from tests.integration.notifier.builders import SCHOOL, command
from tests.integration.notifier.driver import NotifierDriver
from tests.support.apps import AUTH_SECRET, COMMON_ENVIRONMENT, bearer, running

MESSAGES = f"/notifier/v1/schools/{SCHOOL}/messages"
OTHER_SCHOOL = UUID("00000000-0000-7000-8000-00000000000b")


@pytest.fixture
async def client(notifier_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx.AsyncClient]:
    """Run the API alone, with no broker; yield a client."""
    environment = {
        **COMMON_ENVIRONMENT,
        "KINVITE_DATABASE_URL": notifier_url,
        "KINVITE_KAFKA_BOOTSTRAP": "127.0.0.1:1",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    async with running(create_app(load_settings(Settings), worker=False), headers=bearer()) as opened:
        yield opened


async def _ids(client: httpx.AsyncClient, **params: Any) -> list[str]:
    return [item["message_id"] for item in (await client.get(MESSAGES, params=params)).json()["items"]]


async def test_pages_come_newest_first_and_miss_nothing(
    client: httpx.AsyncClient, driver: NotifierDriver
) -> None:
    commands = [command() for _ in range(7)]
    await driver.put(*commands[:4])
    for data in commands[4:]:
        await driver.put(data)
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(4):
        body = (
            await client.get(MESSAGES, params={"limit": 2, **({"cursor": cursor} if cursor else {})})
        ).json()
        seen += [item["message_id"] for item in body["items"]]
        cursor = body["next"]
    assert cursor is None
    assert sorted(seen) == sorted(str(data.message_id) for data in commands)
    assert seen[:3] == [str(data.message_id) for data in reversed(commands[4:])]


async def test_an_item_shows_state_and_recipient_but_no_link(
    client: httpx.AsyncClient, driver: NotifierDriver
) -> None:
    data = command()
    await driver.put(data)
    [item] = (await client.get(MESSAGES)).json()["items"]
    assert item["recipient"] == {"address": "maria@example.org", "name": "Maria Lopez"}
    assert (item["state"], item["attempts"], item["template"]) == ("queued", [], "verify")
    assert not {"link", "token", "token_key_id", "token_digest"} & item.keys()


async def test_the_filter_by_parent(client: httpx.AsyncClient, driver: NotifierDriver) -> None:
    data = command()
    await driver.put(data, command())
    assert await _ids(client, parent_id=str(data.parent_id)) == [str(data.message_id)]
    assert await _ids(client, parent_id=str(new_id())) == []


async def test_i38_another_schools_messages_are_not_shown(
    client: httpx.AsyncClient, driver: NotifierDriver
) -> None:
    await driver.put(command(), school_id=OTHER_SCHOOL)
    assert await _ids(client) == []
    token = mint_token(
        AUTH_SECRET, schools=frozenset({OTHER_SCHOOL}), rights=frozenset({"notifier:read"}), actor="b"
    )
    answer = await client.get(MESSAGES, headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["code"]) == (404, "school_not_found")


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ({"limit": "0"}, 422, "limit"),
        ({"limit": "many"}, 422, "limit"),
        ({"limit": "100000"}, 422, "limit"),
        ({"parent_id": "x"}, 422, "parent_id"),
        ({"cursor": "rubbish"}, 400, "cursor"),
        ({"cursor": "WyJ4IiwieSJd"}, 400, "cursor"),
        ({"cursor": "WyIyMDI2LTAxLTAxIiwieSJd"}, 400, "cursor"),
        ({"cursor": "WzEsMl0"}, 400, "cursor"),
        ({"cursor": ""}, 400, "cursor"),
        ({"cursor": "é"}, 400, "cursor"),
        ({"cursor": "x" * 600}, 422, "cursor"),
    ],
)
async def test_bad_input_names_its_field(
    client: httpx.AsyncClient, query: dict[str, str], status: int, field: str
) -> None:
    answer = await client.get(MESSAGES, params=query)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_a_bad_school_id_is_named(client: httpx.AsyncClient) -> None:
    answer = await client.get("/notifier/v1/schools/none/messages")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "school_id")


async def test_only_who_may_read_may_read(client: httpx.AsyncClient) -> None:
    assert (await client.get(MESSAGES, headers={"Authorization": ""})).status_code == 401
    assert (await client.get(MESSAGES, headers=bearer("roster:read"))).status_code == 403
    assert (await client.post(MESSAGES)).status_code == 405


async def test_the_next_attempt_is_shown_while_waiting(
    client: httpx.AsyncClient, driver: NotifierDriver
) -> None:
    await driver.put(command())
    await driver.run("UPDATE messages SET state = 'failed_temporary', due_at = now() + interval '1 hour'")
    [item] = (await client.get(MESSAGES)).json()["items"]
    assert item["next_attempt_at"] > item["queued_at"]
