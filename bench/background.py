"""A thread that looks again and again, and keeps for its caller why it could not go on."""

import threading
from collections.abc import Callable


class Background:
    """Calls `look`, then rests for `every_seconds`, from `start()` to `stop()`.

    What `look` raises ends the thread and stays in `failure`; `failed` is called then, so that nobody waits in vain.
    """

    def __init__(
        self, look: Callable[[], None], *, every_seconds: float, failed: Callable[[], None] = lambda: None
    ) -> None:
        self.failure: Exception | None = None
        self._look = look
        self._every_seconds = every_seconds
        self._failed = failed
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no longer; a look that is under way ends first."""
        self._ended.set()
        self._thread.join()

    def check(self) -> None:
        """Raise what ended it, if anything has."""
        if self.failure is not None:
            raise self.failure

    def _run(self) -> None:
        try:
            while not self._ended.is_set():
                self._look()
                self._ended.wait(self._every_seconds)
        except Exception as failure:  # noqa: BLE001 (raised again where it is waited for)
            self.failure = failure
            self._failed()
