"""Waiting for a file to be written to, without polling (Linux: inotify)."""

import ctypes
import os
import select
from pathlib import Path

_IN_MODIFY = 0x2
_NONBLOCK = os.O_NONBLOCK | os.O_CLOEXEC
_EVENTS_BYTES = 4_096


class Changes:
    """Changes of one file since the last `wait()`; several changes in between count as one."""

    def __init__(self, path: Path) -> None:
        library = ctypes.CDLL(None, use_errno=True)
        self._events = library.inotify_init1(_NONBLOCK)
        if self._events < 0 or library.inotify_add_watch(self._events, os.fsencode(path), _IN_MODIFY) < 0:
            raise OSError(ctypes.get_errno(), "inotify")

    def wait(self, seconds: float) -> bool:
        """Wait until the file changes or time is up; return whether it changed."""
        ready, _, _ = select.select([self._events], [], [], seconds)
        if ready:
            os.read(self._events, _EVENTS_BYTES)
        return bool(ready)

    def close(self) -> None:
        """Stop watching."""
        os.close(self._events)
