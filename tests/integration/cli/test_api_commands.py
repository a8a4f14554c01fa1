"""The `kinvite` command against an API stub with fixed answers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from typer.testing import Result

from shared.runtime.web import mint_token
from shared.runtime.web.bearer_auth import ALL_RIGHTS
from tests.integration.cli.driver import run_kinvite
from tests.integration.dashboard.service_stub import ServiceStub, service_stub
from tests.support.apps import AUTH_SECRET
from tests.support.processes import free_port

SCHOOL = "0199a1c2-0000-7000-8000-000000000001"
SCHOOLS = {"items": [{"school_id": SCHOOL, "name": "Hill School", "country": "DE"}], "next": None}
COUNTS = {"rows": 2, "rows_refused": 1, "students_new": 1}
RUN = {
    "bulk_id": "b1",
    "state": "done",
    "selected": 3,
    "pending": 0,
    "messaged": 2,
    "skipped": {"no_contact": 1},
}


@pytest.fixture
async def stub() -> AsyncIterator[ServiceStub]:
    async with service_stub() as running:
        running.responses["GET schools"] = (200, SCHOOLS)
        yield running


async def _kinvite(stub: ServiceStub, *arguments: str) -> Result:
    token = mint_token(AUTH_SECRET, schools=None, rights=ALL_RIGHTS, actor="test")
    return await run_kinvite(*arguments, "--url", stub.url, "--token", token)


def _set_import(stub: ServiceStub, state: str, errors: list[Any]) -> None:
    answer = {"import_id": "i1", "state": state, "counts": COUNTS, "errors": errors}
    stub.responses |= {"POST imports": (202, answer), "GET i1": (200, answer)}


async def test_import_follows_to_the_end_and_prints_what_was_refused(
    stub: ServiceStub, tmp_path: Path
) -> None:
    file = tmp_path / "families.csv"
    file.write_text("student_name\nKim\n")
    _set_import(stub, "applied", [])
    result = await _kinvite(stub, "import", str(file))
    assert result.exit_code == 0, result.output
    assert "1 students new" in result.output
    posted = next(request for request in stub.commands if request.method == "POST")
    assert posted.path == f"/roster/v1/schools/{SCHOOL}/imports"
    assert posted.body["file"] == b"student_name\nKim\n"
    _set_import(
        stub, "refused", [{"row": 2, "column": "x", "value": "y", "code": "c", "message": "No such date."}]
    )
    refused = await _kinvite(stub, "import", str(file))
    assert refused.exit_code == 1
    assert "No such date." in refused.output


async def test_bulk_previews_and_runs(stub: ServiceStub) -> None:
    stub.responses |= {"POST bulk": (202, RUN), "GET b1": (200, RUN)}
    result = await _kinvite(stub, "bulk", "--status", "expired", "--key", "k1")
    assert result.exit_code == 0, result.output
    assert "skipped: no_contact 1" in result.output
    posted = next(request for request in stub.commands if request.method == "POST")
    assert posted.body == {
        "select": {"filter": {"status": ["expired"]}},
        "channel": "email",
        "dry_run": False,
    }
    assert posted.key == "k1"


async def test_a_refusal_is_printed_with_its_reason(stub: ServiceStub) -> None:
    problem = {
        "title": "Conflict",
        "detail": "The parent signed up.",
        "code": "signed_up",
        "field": "parent_id",
    }
    stub.responses["POST invitations"] = (409, problem)
    result = await _kinvite(stub, "invite", "p1")
    assert result.exit_code == 1
    assert "The parent signed up (409) [parent_id]" in result.output


async def test_every_wrong_field_is_named_with_its_error(stub: ServiceStub) -> None:
    errors = [
        {"field": "country", "code": "c", "message": "Use two letters."},
        {"field": "timezone", "code": "t", "message": "There is no such time zone."},
    ]
    problem = {"detail": "Please correct: country, timezone", "field": "country", "errors": errors}
    stub.responses["POST schools"] = (422, problem)
    result = await _kinvite(stub, "school", "add", "X", "--country", "ZZZ")
    assert result.exit_code == 1
    assert "country: Use two letters." in result.output
    assert "timezone: There is no such time zone." in result.output


async def test_status_counts_and_lists(stub: ServiceStub) -> None:
    row = {
        "name": "Ada Example",
        "status": "invited",
        "delivery": "sent",
        "reason": "Invited.",
        "next_step": "Wait.",
    }
    stub.responses["GET summary"] = (
        200,
        {"total": 1, "status": {"invited": 1, "signed_up": 0}, "delivery": {}},
    )
    stub.responses["GET parents"] = (200, {"items": [row], "next": None})
    result = await _kinvite(stub, "status", "--parents")
    assert "status: invited 1" in result.output
    assert "Ada Example" in result.output
    as_json = json.loads((await _kinvite(stub, "status", "--parents", "--json")).stdout)
    assert as_json["parents"] == [row]


async def test_a_school_is_found_by_name_or_by_being_the_only_one(stub: ServiceStub) -> None:
    stub.responses[f"GET {SCHOOL}"] = (200, SCHOOLS["items"][0])  # type: ignore[index]
    assert "Hill School" in (await _kinvite(stub, "school", "show")).output
    assert (await _kinvite(stub, "school", "show", "Dale School")).exit_code == 1
    two = {"items": [{"school_id": "a", "name": "A"}, {"school_id": "b", "name": "B"}], "next": None}
    stub.responses["GET schools"] = (200, two)
    several = await _kinvite(stub, "status")
    assert several.exit_code == 1
    assert "--school" in several.output


async def test_a_server_that_fails_is_69(stub: ServiceStub) -> None:
    stub.responses["GET schools"] = (503, {})
    assert (await _kinvite(stub, "school", "list")).exit_code == 69


async def test_doctor_names_what_is_not_well() -> None:
    async def readyz(_: web.Request) -> web.StreamResponse:
        return web.json_response({"problems": {"database": "OSError"}}, status=503)

    service = web.Application()
    service.router.add_get("/{service}/readyz", readyz)
    runner, port = web.AppRunner(service), free_port()
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    command = ["doctor", "--url", f"http://127.0.0.1:{port}"]
    result = await run_kinvite(*command)
    await runner.cleanup()
    assert result.exit_code == 1
    assert "database: OSError" in result.output
    assert (await run_kinvite(*command)).exit_code == 69
