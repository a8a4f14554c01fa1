"""The frame around every route: problems instead of stack traces, limits, health, one answer per idempotency key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

import pytest
from fastapi import APIRouter, Body, FastAPI, Header

from shared.runtime.core import ServiceSettings, load_settings
from shared.runtime.database import Database
from shared.runtime.service import create_service_app
from shared.runtime.web import UploadLimit, WriteRoster, find_stored_response, keyed_request, store_response
from tests.support.apps import bearer, running
from tests.support.brokers.base import Broker
from tests.support.brokers.topics import create_topics
from tests.support.waiting import eventually


def _app() -> FastAPI:
    settings = load_settings(ServiceSettings)
    database = Database(settings.database_url, schema="roster")
    router = APIRouter()

    @router.post("/roster/v1/schools/{school_id}/things")
    async def store(
        school_id: UUID,
        caller: WriteRoster,
        body: Annotated[dict[str, Any], Body()],
        idempotency_key: Annotated[str | None, Header()] = None,
    ) -> Any:
        request = keyed_request(caller, "things", idempotency_key, body.pop("idempotency_key", None), body)
        assert request is not None
        async with database.transaction(schools=[school_id]) as tx:
            found = await find_stored_response(tx, request)
            if found is not None:
                return found.body
            count = await tx.scalar("SELECT count(*) FROM idempotency_keys")
            await tx.scalar("SELECT CAST(:text AS text)", {"text": body.get("text")})
            answer = {"number": count}
            await store_response(tx, request, 200, answer)
            return answer

    @router.get("/roster/boom")
    async def boom() -> None:
        raise KeyError("ada@family.example")

    @router.get("/roster/unreachable")
    async def unreachable() -> None:
        raise ConnectionRefusedError

    @router.post("/roster/v1/schools/{school_id}/things/upload")
    async def upload(school_id: UUID, caller: WriteRoster, body: Annotated[dict[str, Any], Body()]) -> int:
        return len(body)

    uploads = UploadLimit("/roster/v1/schools/{school_id}/things/upload", 5_000)
    return create_service_app(
        "roster", settings, database=database, routers=[router], max_body_bytes=2_000, uploads=uploads
    )


URL = "/roster/v1/schools/01990f5e-5d80-7000-8000-000000000010/things"


async def test_bad_requests_get_problem_details(environment: dict[str, str], broker: Broker) -> None:
    await create_topics(broker)
    async with running(_app(), headers=bearer()) as client:
        for answer, status in [
            (await client.get("/nowhere"), 404),
            (await client.delete(URL), 405),
            (await client.post(URL.replace("0199", "x"), json={}), 422),
            (await client.post(URL, content=b"{", headers={"content-type": "application/json"}), 400),
            (await client.post(URL, json=[]), 422),
            (await client.post(URL, json={"text": "x" * 3_000}), 413),
            (await client.post(URL, json={}, headers={"Authorization": "Bearer kv1_x"}), 401),
            (await client.post(URL, json={}, headers=bearer("roster:read")), 403),
            (await client.post(URL, json={"text": "\x00", "idempotency_key": "k"}), 422),
            (await client.post(URL, json={"idempotency_key": "k"}, headers={"Idempotency-Key": "l"}), 400),
        ]:
            assert answer.status_code == status, answer.text
            assert answer.headers["content-type"] == "application/problem+json"
            assert {"type", "title", "status", "code", "detail"} <= answer.json().keys()


async def test_too_large_is_called_the_same_whether_it_was_announced_or_not(
    environment: dict[str, str], broker: Broker
) -> None:
    await create_topics(broker)

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b" " * 1_000

    async with running(_app(), headers=bearer()) as client:
        for content in (b" " * 3_000, parts()):
            answer = await client.post(URL, content=content, headers={"content-type": "application/json"})
            assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


async def test_only_the_route_of_uploads_takes_more(environment: dict[str, str], broker: Broker) -> None:
    await create_topics(broker)
    many, type_ = b" " * 3_000, {"content-type": "application/json"}
    async with running(_app(), headers=bearer()) as client:
        assert (await client.post(f"{URL}/upload", content=many, headers=type_)).status_code == 400
        assert (await client.post(f"{URL}/upload/x", content=many, headers=type_)).status_code == 413
        assert (await client.put(f"{URL}/upload", content=many, headers=type_)).status_code == 413
        assert (await client.post(f"{URL}/upload", content=many * 2, headers=type_)).status_code == 413


async def test_an_answer_is_stored_nowhere_and_repeats_no_host(
    environment: dict[str, str], broker: Broker
) -> None:
    await create_topics(broker)
    async with running(_app(), headers=bearer()) as client:
        for answer in (await client.get("/healthz"), await client.get("/nowhere")):
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["x-content-type-options"] == "nosniff"
        slash = await client.get("/roster/boom/", headers={"host": "evil.example"})
        assert (slash.status_code, "location" in slash.headers) == (404, False)


@pytest.mark.parametrize(("url", "expected"), [("https://kin.example", True), ("http://kin.example", False)])
async def test_hsts_is_sent_where_the_public_url_is_https(
    environment: dict[str, str], broker: Broker, monkeypatch: pytest.MonkeyPatch, url: str, expected: bool
) -> None:
    await create_topics(broker)
    monkeypatch.setenv("KINVITE_PUBLIC_URL", url)
    async with running(_app()) as client:
        headers = (await client.get("/healthz")).headers
    assert ("strict-transport-security" in headers) is expected


async def test_a_body_that_is_no_json_names_the_body(environment: dict[str, str], broker: Broker) -> None:
    await create_topics(broker)
    async with running(_app(), headers=bearer() | {"content-type": "application/json"}) as client:
        for content in (b"{", b"\xff\xfe", b'{"a":"\xff"}', b"[" * 1_900, b'{"a":' + b"9" * 1_900 + b"."):
            answer = await client.post(URL, content=content)
            assert (answer.status_code, answer.json()["code"]) == (400, "not_json"), content[:20]
            assert answer.json()["errors"][0]["field"] == "body"


async def test_a_part_that_does_not_answer_is_503_and_no_crash(
    environment: dict[str, str], broker: Broker
) -> None:
    await create_topics(broker)
    async with running(_app(), headers=bearer()) as client:
        answer = await client.get("/roster/unreachable")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")


async def test_the_same_key_answers_the_same_and_another_body_is_refused(
    environment: dict[str, str], broker: Broker
) -> None:
    await create_topics(broker)
    async with running(_app(), headers=bearer() | {"Idempotency-Key": "once"}) as client:
        answers = await asyncio.gather(*(client.post(URL, json={"text": "a"}) for _ in range(8)))
        assert {answer.status_code for answer in answers} <= {200, 409}
        assert {answer.json()["number"] for answer in answers if answer.status_code == 200} == {0}
        assert (await client.post(URL, json={"text": "a"})).json() == {"number": 0}
        assert (await client.post(URL, json={"text": "b"})).status_code == 422


async def test_ready_when_every_loop_has_beaten(environment: dict[str, str], broker: Broker) -> None:
    await create_topics(broker)
    async with running(_app()) as client:
        assert (await client.get("/healthz")).json() == {"service": "roster", "dead": []}

        async def ready() -> bool:
            return (await client.get("/roster/readyz")).status_code == 200

        await eventually(ready)
        assert (await client.head("/readyz")).status_code == 200
