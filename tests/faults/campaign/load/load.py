"""Load in a thread of its own, so that a fault that takes time does not stop the clients."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from tests.faults.campaign.ledger import Ledger
from tests.faults.campaign.load.caller import Caller
from tests.faults.campaign.load.clerk import Clerk
from tests.faults.campaign.load.memory import Memory
from tests.faults.campaign.load.parents import Parents
from tests.faults.campaign.load.schools import open_schools
from tests.faults.campaign.site import Site
from tests.support.pace import pause_for

_PAUSE_SECONDS = (0.05, 0.4)


class Load:
    """Context manager inside which clients work; on exit all their requests have a response.

    An exception in a client itself is raised at the end.
    """

    def __init__(self, site: Site, ledger: Ledger, seed: int, *, schools: int, clerks: int) -> None:
        self.ledger = ledger
        self.memory = Memory()
        self._site = site
        self._dice = random.Random(f"load {seed}")
        self._schools = schools
        self._clerks = clerks
        self._ending = threading.Event()
        self._ready = threading.Event()
        self._failures: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._thread.join()
        if error is None and self._failures:
            raise self._failures[0]

    def misbehave(self, behaviour: str, *, addresses: int, times: int | None) -> None:
        """Let the next addresses that staff enter behave in this way."""
        play = {"behaviour": behaviour} | ({} if times is None else {"times": times})
        self.memory.pending_behaviours.extend(dict(play) for _ in range(addresses))

    def _run(self) -> None:
        try:
            asyncio.run(self._work())
        except BaseException as failure:  # noqa: BLE001 - raised where the load ends
            self._failures.append(failure)
        finally:
            self._ready.set()

    async def _work(self) -> None:
        caller = Caller(self._site, self.ledger, self._dice)
        async with caller.client:
            self.memory.schools += await open_schools(caller, self._schools)
            self._ready.set()
            parents = Parents(caller)
            clerks = [Clerk(caller, self.memory) for _ in range(self._clerks)]
            await asyncio.gather(self._repeat(parents.poll), *(self._repeat(clerk.act) for clerk in clerks))
            await parents.close()

    async def _repeat(self, act: Callable[[], Awaitable[None]]) -> None:
        while not self._ending.is_set():
            await act()
            await pause_for(self._dice.uniform(*_PAUSE_SECONDS))
