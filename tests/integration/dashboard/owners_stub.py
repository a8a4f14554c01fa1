"""Stands where roster and invitations stand: records the commands that staff's forms became, and answers as told."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from shared.runtime.web import Principal, verify_token
from tests.support.apps import AUTH_SECRET
from tests.support.processes import free_port


@dataclass(frozen=True)
class Command:
    method: str
    path: str
    body: Any
    key: str | None
    principal: Principal


@dataclass
class OwnersStub:
    """`answers` maps "METHOD last-part-of-path" to status and JSON; what is not there is 202 with `{}`."""

    url: str
    commands: list[Command] = field(default_factory=list)
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        token = request.headers["Authorization"].removeprefix("Bearer ")
        if request.content_type.startswith("multipart/"):
            form = await request.post()
            file = form["file"]
            assert isinstance(file, web.FileField)
            body: Any = {**form, "file": file.file.read()}
        else:
            body = await request.json() if request.can_read_body else None
        key = request.headers.get("Idempotency-Key")
        self.commands.append(
            Command(request.method, request.path, body, key, verify_token(AUTH_SECRET, token))
        )
        status, answer = self.answers.get(f"{request.method} {request.path.rpartition('/')[2]}", (202, {}))
        return web.json_response(answer, status=status)


@asynccontextmanager
async def owners_stub() -> AsyncIterator[OwnersStub]:
    stub = OwnersStub(f"http://127.0.0.1:{free_port()}")
    app = web.Application(client_max_size=16 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", stub.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(stub.url.rpartition(":")[2])).start()
    try:
        yield stub
    finally:
        await runner.cleanup()
