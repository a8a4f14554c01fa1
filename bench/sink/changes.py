"""Waits for a file to be written to, without looking at it again and again (Linux: inotify)."""

import ctypes
import os
import select
from pathlib import Path

_IN_MODIFY = 0x2
_NONBLOCK = os.O_NONBLOCK | os.O_CLOEXEC
_EVENTS_BYTES = 4_096


class Changes:
    """Changes of one file since the last `wait()`; equal ones that nobody waited for are told once."""

    def __init__(self, path: Path) -> None:
        library = ctypes.CDLL(None, use_errno=True)
        self._events = library.inotify_init1(_NONBLOCK)
        if self._events < 0 or library.inotify_add_watch(self._events, os.fsencode(path), _IN_MODIFY) < 0:
            raise OSError(ctypes.get_errno(), "inotify")

    def wait(self, seconds: float) -> bool:
        """Until the file changes or time is up; whether it changed."""
        ready, _, _ = select.select([self._events], [], [], seconds)
        if ready:
            os.read(self._events, _EVENTS_BYTES)
        return bool(ready)

    def close(self) -> None:
        """Watch no longer."""
        os.close(self._events)
