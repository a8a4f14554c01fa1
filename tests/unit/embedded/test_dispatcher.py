"""Unit tests of the dispatcher: routing by the first segment, health, readiness, and the mailbox's host check."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from deploy.embedded.allowed_hosts import allowed_hosts
from deploy.embedded.dispatcher import Dispatcher

_EVENTS: list[str] = []


def _app(name: str, *, ready: bool = True) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, str]]:
        _EVENTS.append(f"+{name}")
        yield {"name": name}
        _EVENTS.append(f"-{name}")

    app = FastAPI(lifespan=lifespan)

    @app.get("/readyz")
    async def readyz() -> JSONResponse:
        return JSONResponse({"service": name}, 200 if ready else 503)

    @app.get("/{_:path}")  # noqa: FAST003 - it reads the path from the scope
    async def echo(request: Request) -> dict[str, str]:
        return {"app": request.state.name, "path": request.url.path}

    return app


@asynccontextmanager
async def _client(dispatcher: Dispatcher) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(dispatcher)
    async with dispatcher.lifespan(), httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        yield client


async def test_the_first_segment_chooses_the_app_and_the_path_stays() -> None:
    _EVENTS.clear()
    apps = {name: _app(name) for name in ("roster", "dashboard", "signup")}
    async with _client(Dispatcher(apps)) as client:
        for path, app in (
            ("/roster/v1/schools", "roster"),
            ("/admin", "dashboard"),
            ("/join/x%2Fy", "signup"),
        ):
            assert (await client.get(path)).json()["app"] == app
        assert (await client.get("/verify/abc")).json()["path"] == "/verify/abc"
    assert _EVENTS == ["+roster", "+dashboard", "+signup", "-signup", "-dashboard", "-roster"]


async def test_the_root_redirects_to_the_dashboard_and_unknown_paths_are_problems() -> None:
    async with _client(Dispatcher({"roster": _app("roster")})) as client:
        assert (await client.get("/")).headers["location"] == "/admin"
        for path in ("/rosters", "/admin", "/x", "/Roster"):
            answer = await client.get(path)
            assert answer.status_code == 404
            assert answer.headers["content-type"] == "application/problem+json"


async def test_it_is_ready_when_every_service_is() -> None:
    async with _client(
        Dispatcher({"roster": _app("roster"), "mailbox": _app("mailbox", ready=False)})
    ) as client:
        assert (await client.get("/readyz")).json() == {
            "status": "ok",
            "services": {"roster": {"service": "roster"}},
        }
    async with _client(
        Dispatcher({"roster": _app("roster"), "signup": _app("signup", ready=False)})
    ) as client:
        answer = await client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["status"] == "not ready"


async def test_it_is_not_ready_before_the_credentials_file_exists(tmp_path: Path) -> None:
    """Whoever waits for /readyz reads credentials.json next."""
    credentials = tmp_path / "credentials.json"
    async with _client(Dispatcher({"roster": _app("roster")}, credentials=credentials)) as client:
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()["status"]) == (503, "not ready")
        assert (await client.get("/roster/readyz")).status_code == 200, "the supervisor waits for this one"
        assert (await client.get("/healthz")).status_code == 200, "a restart would not help"
        credentials.touch()
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    async with _client(
        Dispatcher({"roster": _app("roster", ready=False)}, credentials=credentials)
    ) as client:
        assert (await client.get("/readyz")).status_code == 503


PUBLIC = allowed_hosts("https://Kinvite.School.example:8443", "0.0.0.0")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8080", 200),
        ("localhost:8080", 200),
        ("LOCALHOST", 200),
        ("[::1]:8080", 200),
        ("kinvite.school.example", 200),
        ("kinvite.school.example:8443", 200),
        ("192.0.2.5:8080", 200),
        ("evil.example", 403),
        ("evil.example:8080", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost@evil.example", 403),
        ("evil.example#localhost", 403),
        ("192.0.2.6", 403),
        ("", 403),
    ],
)
async def test_the_mailbox_answers_only_at_its_own_names_so_no_other_site_reads_it(
    host: str, status: int
) -> None:
    dispatcher = Dispatcher({"mailbox": _app("mailbox"), "roster": _app("roster")}, PUBLIC)
    transport = httpx.ASGITransport(dispatcher)
    # The transport passes the URL's host as the address at which the request arrived.
    async with (
        dispatcher.lifespan(),
        httpx.AsyncClient(transport=transport, base_url="http://192.0.2.5:8080") as client,
    ):
        for path in ("/mailbox", "/mailbox/v1/messages"):
            answer = await client.get(path, headers={"host": host})
            assert answer.status_code == status
            if status == 403:
                assert answer.headers["content-type"] == "application/problem+json"
                assert answer.json()["code"] == "foreign_host"
                assert "KINVITE_PUBLIC_URL" in answer.json()["detail"]
        assert (await client.get("/roster/x", headers={"host": host})).status_code == 200
