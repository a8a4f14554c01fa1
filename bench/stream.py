"""Server-sent events, line by line, over a connection of their own."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection
from urllib.parse import urlsplit

_QUIET_SECONDS = 60.0


class Stream:
    """Opened at once; raises RuntimeError where the answer is none. A stream that is silent for a minute is dead."""

    def __init__(self, url: str, path: str, headers: Mapping[str, str]) -> None:
        self._connection = HTTPConnection(urlsplit(url).netloc, timeout=_QUIET_SECONDS)
        self._connection.request("GET", path, headers=dict(headers))
        answer = self._connection.getresponse()
        if answer.status != 200:
            raise RuntimeError(f"GET {path}: {answer.status} {answer.read(500)!r}")
        self._answer = answer

    def line(self) -> str:
        """The next one, without its end.

        Raises EOFError at the end of the stream, TimeoutError where it is silent.
        """
        line = self._answer.readline()
        if not line:
            raise EOFError("the stream has ended")
        return line.decode().rstrip("\n")

    def close(self) -> None:
        """End it; who waits for a line in another thread gets EOFError."""
        with suppress(OSError):
            self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._connection.close()
