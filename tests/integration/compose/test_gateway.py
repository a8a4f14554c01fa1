"""The gateway: routing by path, refused requests, and the answers while a service is down."""

from __future__ import annotations

import httpx
import pytest

from deploy.embedded.dispatcher import PREFIXES
from services.dashboard.domain.staff import ACCOUNT_LIMIT, PAIR_LIMIT
from tests.integration.compose.driver import ComposeDriver
from tests.integration.compose.project import ComposeProject
from tests.support.waiting import eventually

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(2400)]
MEBIBYTE = 1024 * 1024
# A server that answers with one event and then keeps the connection open.
ONE_EVENT = """
import asyncio
HEAD = b"HTTP/1.1 200 OK\\r\\nContent-Type: text/event-stream\\r\\n\\r\\n"
async def answer(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    writer.write(HEAD + b"data: now\\n\\n")
    await reader.read()
async def main():
    await (await asyncio.start_server(answer, "0.0.0.0", 8000)).serve_forever()
asyncio.run(main())
"""


async def test_each_prefix_reaches_its_service(driver: ComposeDriver) -> None:
    for service in sorted(set(PREFIXES.values()) - {"mailbox"}):
        assert (await driver.get(f"/{service}/readyz"))["service"] == service
    assert (await driver.client.get("/")).headers["location"] == "/admin"
    unknown = await driver.client.get("/mailbox")
    assert unknown.status_code == 404
    assert unknown.json()["code"] == "not_found"


async def test_a_body_may_be_large_for_an_import_only(driver: ComposeDriver) -> None:
    body = b"x" * (2 * MEBIBYTE)
    refused = await driver.client.post("/join/anything", content=body)
    assert refused.status_code == 413
    assert refused.json()["code"] == "body_too_large"
    school_id = await driver.create_school("Large School")
    rows = "student_name,parents_email\n" + f'"{"x" * 100}",\n' * 20_000
    accepted = await driver.client.post(
        f"/roster/v1/schools/{school_id}/imports", files={"file": ("large.csv", rows.encode(), "text/csv")}
    )
    assert accepted.status_code == 202, accepted.text


async def test_a_caller_cannot_choose_the_address_that_rate_limits_count(driver: ComposeDriver) -> None:
    assert PAIR_LIMIT + 1 < ACCOUNT_LIMIT
    statuses = [
        (
            await driver.client.post(
                "/admin/login",
                data={"email": "nobody@school.example", "password": "a wrong password"},
                headers={"X-Forwarded-For": f"203.0.113.{number}"},
            )
        ).status_code
        for number in range(PAIR_LIMIT + 1)
    ]
    assert statuses == [401] * PAIR_LIMIT + [429]


async def test_a_stopped_service_is_reported_and_used_again_after_its_start(
    project: ComposeProject, driver: ComposeDriver
) -> None:
    project.compose("stop", "signup")
    try:
        page = await driver.client.get("/join/anything", headers={"Accept": "text/html"})
        assert page.status_code == 503
        assert page.headers["retry-after"] == "2"
        assert "your link stays good" in page.text
        assert (await driver.client.get("/login")).json()["code"] == "not_available"
        assert (await driver.get("/roster/readyz"))["service"] == "roster"
    finally:
        project.compose("start", "signup")

    async def is_back() -> httpx.Response:
        answer = await driver.client.get("/login", headers={"Accept": "text/html"})
        assert answer.status_code == 200
        return answer

    await eventually(is_back, within_seconds=120, every_seconds=0.5)


async def test_an_event_arrives_when_it_is_sent(project: ComposeProject, driver: ComposeDriver) -> None:
    project.compose("stop", "notifier")
    stand_in = project.compose(
        "run", "--detach", "--use-aliases", "notifier", "python", "-c", ONE_EVENT
    ).strip()

    async def read_first_line() -> str:
        async with driver.client.stream("GET", "/notifier/v1/stream") as answer:
            assert answer.status_code == 200
            return await anext(answer.aiter_lines())

    try:
        assert await eventually(read_first_line, within_seconds=60, every_seconds=0.5) == "data: now"
    finally:
        project.remove(stand_in)
        project.compose("start", "notifier")


async def test_a_killed_gateway_comes_back(project: ComposeProject, driver: ComposeDriver) -> None:
    project.kill("gateway")

    async def is_back() -> None:
        try:
            answer = await driver.client.get("/readyz")
        except httpx.TransportError as error:
            raise AssertionError("not yet") from error
        assert answer.status_code == 200

    await eventually(is_back, within_seconds=60, every_seconds=0.2)
