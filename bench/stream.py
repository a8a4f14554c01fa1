"""Reader of server-sent events, line by line, over a connection of its own."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection
from urllib.parse import urlsplit

_QUIET_SECONDS = 60.0


class Stream:
    """Open stream.

    Raises RuntimeError if the response is not a stream. A stream silent for a minute counts as dead.
    """

    def __init__(self, url: str, path: str, headers: Mapping[str, str]) -> None:
        self._connection = HTTPConnection(urlsplit(url).netloc, timeout=_QUIET_SECONDS)
        self._connection.request("GET", path, headers=dict(headers))
        answer = self._connection.getresponse()
        if answer.status != 200:
            raise RuntimeError(f"GET {path}: {answer.status} {answer.read(500)!r}")
        self._answer = answer

    def line(self) -> str:
        """Return the next line without its end.

        Raises EOFError at the end of the stream, and TimeoutError if it is silent.
        """
        line = self._answer.readline()
        if not line:
            raise EOFError("the stream has ended")
        return line.decode().rstrip("\n")

    def close(self) -> None:
        """Close the stream; a thread that waits for a line gets EOFError."""
        with suppress(OSError):
            self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._connection.close()
