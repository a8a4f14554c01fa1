"""One origin: who answers at which path, what is refused at the door, and what callers see when a service is away."""

import httpx
import pytest

from deploy.embedded.dispatcher import PREFIXES
from services.dashboard.domain.staff import ACCOUNT_LIMIT, PAIR_LIMIT
from tests.integration.compose.office import ComposeOffice
from tests.integration.compose.stack import Stack
from tests.support.waiting import eventually

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(2400)]
MEBIBYTE = 1024 * 1024


async def test_each_prefix_reaches_its_service(office: ComposeOffice) -> None:
    for service in sorted(set(PREFIXES.values()) - {"mailbox"}):
        assert (await office.get(f"/{service}/readyz"))["service"] == service
    assert (await office.client.get("/")).headers["location"] == "/admin"
    unknown = await office.client.get("/mailbox")
    assert unknown.status_code == 404
    assert unknown.json()["code"] == "not_found"


async def test_a_body_may_be_large_for_an_import_only(office: ComposeOffice) -> None:
    body = b"x" * (2 * MEBIBYTE)
    refused = await office.client.post("/join/anything", content=body)
    assert refused.status_code == 413
    assert refused.json()["code"] == "body_too_large"
    school_id = await office.school("Large School")
    rows = "student_name,parents_email\n" + f'"{"x" * 100}",\n' * 20_000
    taken = await office.client.post(
        f"/roster/v1/schools/{school_id}/imports", files={"file": ("large.csv", rows.encode(), "text/csv")}
    )
    assert taken.status_code == 202, taken.text


async def test_a_caller_cannot_choose_the_address_that_brakes_count(office: ComposeOffice) -> None:
    assert PAIR_LIMIT + 1 < ACCOUNT_LIMIT
    statuses = [
        (
            await office.client.post(
                "/admin/login",
                data={"email": "nobody@school.example", "password": "a wrong password"},
                headers={"X-Forwarded-For": f"203.0.113.{number}"},
            )
        ).status_code
        for number in range(PAIR_LIMIT + 1)
    ]
    assert statuses == [401] * PAIR_LIMIT + [429]


async def test_a_service_that_is_away_is_said_so_and_found_again(stack: Stack, office: ComposeOffice) -> None:
    stack.compose("stop", "signup")
    try:
        page = await office.client.get("/join/anything", headers={"Accept": "text/html"})
        assert page.status_code == 503
        assert page.headers["retry-after"] == "2"
        assert "your link stays good" in page.text
        assert (await office.client.get("/login")).json()["code"] == "not_available"
        assert (await office.get("/roster/readyz"))["service"] == "roster"
    finally:
        stack.compose("start", "signup")

    async def back() -> httpx.Response:
        answer = await office.client.get("/login", headers={"Accept": "text/html"})
        assert answer.status_code == 200
        return answer

    await eventually(back, within_seconds=120, every_seconds=0.5)


async def test_a_killed_gateway_comes_back(stack: Stack, office: ComposeOffice) -> None:
    stack.kill("gateway")

    async def back() -> None:
        try:
            answer = await office.client.get("/readyz")
        except httpx.TransportError as error:
            raise AssertionError("not yet") from error
        assert answer.status_code == 200

    await eventually(back, within_seconds=60, every_seconds=0.2)
