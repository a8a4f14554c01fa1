"""Kinvite as `make up` runs it, without the installation: one process tree that sends to its own mailbox."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.school_api import SchoolApi
from tests.support.processes import free_port
from tests.support.stack import SERVICES

NAME = "kinvite embedded"
_ROOT = Path(__file__).parents[1]
_POLL_SECONDS = 0.02
_WITHIN_SECONDS = 60.0
_STOP_SECONDS = 20.0


class Embedded:
    """Context manager over an embedded Kinvite; `start` and `stop` may be called again inside, on the same data."""

    name = NAME

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="kinvite-bench-")
        self._data = Path(self._folder.name) / "data"
        self._port = free_port()
        self._click_runs = 0

    def __enter__(self) -> Self:
        Path(self._folder.name).chmod(0o755)
        try:
            self.start()
        except BaseException:
            self._folder.cleanup()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._folder.cleanup()

    def start(self) -> float:
        """Start it and return the seconds until its line of readiness.

        Raises RuntimeError if it ends before.
        """
        environment = {**os.environ, "KINVITE_DATA": str(self._data), "KINVITE_PORT": str(self._port)}
        begin = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "deploy.embedded"],
            cwd=_ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        if b"ready" not in self._process.stdout.readline():
            raise RuntimeError(f"the embedded Kinvite ended with {self._process.wait()}")
        ready = time.monotonic()
        credentials = json.loads((self._data / "credentials.json").read_text())
        url = f"http://127.0.0.1:{self._port}"
        self.api = SchoolApi(
            dict.fromkeys(SERVICES, url), {"Authorization": f"Bearer {credentials['api_token']}"}
        )
        return ready - begin

    def stop(self) -> None:
        """Send SIGINT, as Ctrl-C does, and wait for the end."""
        self.api.close()
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()  # its parts are set to end with it
            self._process.wait()

    @property
    def pid(self) -> int:
        """Return the pid of the supervisor; every other process is below it."""
        return self._process.pid

    def clicks(self, count: int) -> list[float]:
        """Invite `count` parents one after the other; return the milliseconds from each click to its email in the
        mailbox.

        The mailbox records whole milliseconds.
        """
        self._click_runs += 1
        chance = random.Random(self._click_runs)  # noqa: S311 (moments, no secrets)
        school_id, parents = self.api.create_parents(count, f"click{self._click_runs}")
        milliseconds = []
        for email, parent_id in parents.items():
            time.sleep(
                chance.uniform(0.1, 0.3)
            )  # part of the load: clicks must not fall into step with polls
            begin = time.time()
            self.api.invite(school_id, parent_id)
            milliseconds.append((self.arrival(email) - begin) * 1000)
        return milliseconds

    def arrival(self, email: str) -> float:
        """Return the time (`time.time()`) at which the email to this address arrived. Raises TimeoutError."""
        deadline = time.monotonic() + _WITHIN_SECONDS
        while (at := self.api.email_received_at(email)) is None:
            if time.monotonic() > deadline:
                raise TimeoutError("an email is missing in the mailbox")
            time.sleep(_POLL_SECONDS)
        return at
