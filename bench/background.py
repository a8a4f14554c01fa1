"""Background thread that polls repeatedly and keeps the exception that ended it for its caller."""

import threading
from collections.abc import Callable


class Background:
    """Thread that calls `poll`, then rests for `every_seconds`, from `start()` to `stop()`.

    An exception raised by `poll` ends the thread and is stored in `failure`; `failed` is then called, so that waiters
    can be woken.
    """

    def __init__(
        self, poll: Callable[[], None], *, every_seconds: float, failed: Callable[[], None] = lambda: None
    ) -> None:
        self.failure: Exception | None = None
        self._poll = poll
        self._every_seconds = every_seconds
        self._failed = failed
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread, after a poll that is under way."""
        self._ended.set()
        self._thread.join()

    def check(self) -> None:
        """Raise the exception that ended the thread, if there is one."""
        if self.failure is not None:
            raise self.failure

    def _run(self) -> None:
        try:
            while not self._ended.is_set():
                self._poll()
                self._ended.wait(self._every_seconds)
        except Exception as failure:  # noqa: BLE001 (raised again where it is waited for)
            self.failure = failure
            self._failed()
