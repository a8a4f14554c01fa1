"""`make up` as a person runs it, without the installation: a process tree, and what an API caller can do with it."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.support.processes import free_port
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[2]
READY_SECONDS = 180.0


class KinviteUp:
    """One installation on a data folder; may be started, killed and started again."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", timeout=30)

    async def start(self) -> None:
        """Start and wait until it says that it is ready."""
        self.process = self._launch()
        assert self.process.stdout is not None
        line = await asyncio.wait_for(asyncio.to_thread(self.process.stdout.readline), READY_SECONDS)
        assert b"ready" in line, f"it ended with {self.process.poll()}"
        self.client.headers["Authorization"] = f"Bearer {self.credentials['api_token']}"

    @property
    def credentials(self) -> dict[str, str]:
        """What it wrote down for people: `url`, `admin_email`, `admin_password`, `api_token`."""
        read: dict[str, str] = json.loads((self.data / "credentials.json").read_text())
        return read

    def _launch(self) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "KINVITE_DATA": str(self.data),
            "KINVITE_PORT": str(self.port),
            "PYTHONPATH": "",
        }
        return subprocess.Popen(
            [sys.executable, "-m", "deploy.embedded"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def tree(self) -> list[psutil.Process]:
        """The supervisor and everything below it."""
        assert self.process is not None
        top = psutil.Process(self.process.pid)
        return [top, *top.children(recursive=True)]

    def kill_all(self) -> None:
        """Kill -9 of the whole process tree at once."""
        tree = self.tree()
        for process in tree:
            with suppress(psutil.NoSuchProcess):  # the kernel ends the parts of a killed supervisor
                process.kill()
        psutil.wait_procs(tree, timeout=10)
        assert self.process is not None
        self.process.wait(timeout=10)

    async def stop(self) -> None:
        """Ctrl-C; kill what is left after a while."""
        await self.client.aclose()
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGINT)
        try:
            await asyncio.to_thread(self.process.wait, 15)
        except subprocess.TimeoutExpired:
            self.kill_all()

    async def kinvite(self, *arguments: str) -> str:
        """Run the `kinvite` command on this installation, to its end; its standard output."""
        environment = {**os.environ, "KINVITE_DATA": str(self.data), "PYTHONPATH": ""}
        command = [sys.executable, "-m", "deploy.cli", *arguments]
        done = await asyncio.to_thread(
            subprocess.run, command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    async def post(
        self, path: str, body: Any = None, *, status: int | tuple[int, ...] = (200, 201, 202)
    ) -> Any:
        """POST JSON; the answer's JSON."""
        answer = await self.client.post(path, json=body)
        wanted = (status,) if isinstance(status, int) else status
        assert answer.status_code in wanted, f"{path}: {answer.status_code} {answer.text[:500]}"
        return answer.json() if answer.content else None

    async def get(self, path: str, **parameters: Any) -> Any:
        """GET; the answer's JSON."""
        answer = await self.client.get(path, params=parameters)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:500]}"
        return answer.json()

    async def items(self, path: str, **parameters: Any) -> list[Any]:
        """All items of a list, page by page."""
        found: list[Any] = []
        cursor: str | None = None
        while True:
            given = {**parameters, "limit": 200} | ({"cursor": cursor} if cursor else {})
            page = await self.get(path, **given)
            found += page["items"]
            cursor = page["next"]
            if cursor is None:
                return found

    async def school(self, name: str = "Hill School") -> str:
        """A new school's id."""
        made = await self.post(
            "/roster/v1/schools",
            {
                "name": name,
                "country": "DE",
                "language": "en",
                "timezone": "Europe/Berlin",
                "credentials_mode": "self_service",
            },
        )
        return str(made["school_id"])

    async def import_csv(self, school_id: str, text: str) -> Any:
        """Upload a file and wait until it is applied."""
        path = f"/roster/v1/schools/{school_id}/imports"
        answer = await self.client.post(path, files={"file": ("families.csv", text.encode(), "text/csv")})
        assert answer.status_code == 202, answer.text
        import_id = answer.json()["import_id"]

        async def applied() -> Any:
            state = await self.get(f"{path}/{import_id}")
            assert state["state"] in ("applied", "refused", "failed"), state["state"]
            return state

        return await eventually(applied, within_seconds=60)

    async def mails(self, **filters: str) -> list[Any]:
        """What the mailbox holds."""
        return await self.items("/mailbox/v1/messages", **filters)

    async def link(self, to: str, kind: str) -> str:
        """The newest link of a kind (`verify`, `join`) that an address got, waited for."""

        async def newest() -> str:
            found = [
                (mail["received_at"], link)
                for mail in await self.mails(to=to)
                for link in mail["links"]
                if re.search(rf"/{kind}/[\w-]{{22}}$", link)
            ]
            assert found, f"no {kind} link yet"
            return str(max(found)[1])

        return await eventually(newest, within_seconds=60)


@asynccontextmanager
async def kinvite_up(data: Path) -> AsyncIterator[KinviteUp]:
    """Started, and stopped at the end."""
    running = KinviteUp(data)
    try:
        await running.start()
        yield running
    finally:
        await running.stop()


def families_csv(count: int, *, tag: str = "fam", first_number: int = 0) -> str:
    """`count` families of one pupil each, in the four Classe365 columns; phones count up from `first_number`."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["student_name", "father_name", "mother_name", "parents_contact", "parents_email"])
    for number in range(count):
        writer.writerow(
            [
                f"Pupil {number}",
                f"Father {number}",
                "",
                f"+4930{5_000_000 + first_number + number}",
                f"{tag}{number}@family.example",
            ]
        )
    return text.getvalue()
