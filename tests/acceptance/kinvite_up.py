"""Driver of an installation as `make up` starts it: its process tree, and requests of an API client."""

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
READY_TIMEOUT_SECONDS = 180.0


class KinviteUp:
    """Installation on a data directory, which can be started, killed and started again."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", timeout=30)

    async def start(self) -> None:
        """Start the installation and wait until it reports on standard output that it is ready."""
        self.process = self._launch()
        assert self.process.stdout is not None
        line = await asyncio.wait_for(asyncio.to_thread(self.process.stdout.readline), READY_TIMEOUT_SECONDS)
        assert b"ready" in line, f"the run ended with {self.process.poll()}"
        self.client.headers["Authorization"] = f"Bearer {self.credentials['api_token']}"

    @property
    def credentials(self) -> dict[str, str]:
        """Return the content of credentials.json: `url`, `admin_email`, `admin_password` and `api_token`."""
        content: dict[str, str] = json.loads((self.data / "credentials.json").read_text())
        return content

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
        """Return the supervisor and all its descendants."""
        assert self.process is not None
        supervisor = psutil.Process(self.process.pid)
        return [supervisor, *supervisor.children(recursive=True)]

    def kill_all(self) -> None:
        """Send SIGKILL to the whole process tree."""
        tree = self.tree()
        for process in tree:
            with suppress(psutil.NoSuchProcess):  # the kernel ends the children of a killed supervisor
                process.kill()
        psutil.wait_procs(tree, timeout=10)
        assert self.process is not None
        self.process.wait(timeout=10)

    async def stop(self) -> None:
        """Send SIGINT, as Ctrl-C does, and SIGKILL to what still runs after 15 s."""
        await self.client.aclose()
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGINT)
        try:
            await asyncio.to_thread(self.process.wait, 15)
        except subprocess.TimeoutExpired:
            self.kill_all()

    async def kinvite(self, *arguments: str) -> str:
        """Run the `kinvite` command on this installation, which must succeed, and return its standard output."""
        environment = {**os.environ, "KINVITE_DATA": str(self.data), "PYTHONPATH": ""}
        command = [sys.executable, "-m", "deploy.cli", *arguments]
        result = await asyncio.to_thread(
            subprocess.run, command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    async def post(
        self, path: str, body: Any = None, *, status: int | tuple[int, ...] = (200, 201, 202)
    ) -> Any:
        """Post JSON, assert the status and return the JSON of the answer."""
        answer = await self.client.post(path, json=body)
        expected = (status,) if isinstance(status, int) else status
        assert answer.status_code in expected, f"{path}: {answer.status_code} {answer.text[:500]}"
        return answer.json() if answer.content else None

    async def get(self, path: str, **parameters: Any) -> Any:
        """Get a resource, assert the status 200 and return its JSON."""
        answer = await self.client.get(path, params=parameters)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:500]}"
        return answer.json()

    async def items(self, path: str, **parameters: Any) -> list[Any]:
        """Return all items of a paged list."""
        items: list[Any] = []
        cursor: str | None = None
        while True:
            query = {**parameters, "limit": 200} | ({"cursor": cursor} if cursor else {})
            page = await self.get(path, **query)
            items += page["items"]
            cursor = page["next"]
            if cursor is None:
                return items

    async def create_school(self, name: str = "Hill School") -> str:
        """Create a school and return its id."""
        school = await self.post(
            "/roster/v1/schools",
            {
                "name": name,
                "country": "DE",
                "language": "en",
                "timezone": "Europe/Berlin",
                "credentials_mode": "self_service",
            },
        )
        return str(school["school_id"])

    async def import_csv(self, school_id: str, text: str) -> Any:
        """Upload a file and return the state of the import once it has ended."""
        path = f"/roster/v1/schools/{school_id}/imports"
        answer = await self.client.post(path, files={"file": ("families.csv", text.encode(), "text/csv")})
        assert answer.status_code == 202, answer.text
        import_id = answer.json()["import_id"]

        async def get_final_state() -> Any:
            state = await self.get(f"{path}/{import_id}")
            assert state["state"] in ("applied", "refused", "failed"), state["state"]
            return state

        return await eventually(get_final_state, within_seconds=60)

    async def messages(self, **filters: str) -> list[Any]:
        """Return the messages in the mailbox."""
        return await self.items("/mailbox/v1/messages", **filters)

    async def wait_for_link(self, to: str, kind: str) -> str:
        """Wait for a link of a kind (`verify` or `join`) to an address and return the newest one."""

        async def find_newest() -> str:
            links = [
                (message["received_at"], link)
                for message in await self.messages(to=to)
                for link in message["links"]
                if re.search(rf"/{kind}/[\w-]{{22}}$", link)
            ]
            assert links, f"no {kind} link yet"
            return str(max(links)[1])

        return await eventually(find_newest, within_seconds=60)


@asynccontextmanager
async def kinvite_up(data: Path) -> AsyncIterator[KinviteUp]:
    """Start an installation and stop it after the block."""
    installation = KinviteUp(data)
    try:
        await installation.start()
        yield installation
    finally:
        await installation.stop()


def families_csv(count: int, *, tag: str = "fam", first_number: int = 0) -> str:
    """Return `count` families of one student each in the four Classe365 columns, with phones from `first_number` on."""
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
