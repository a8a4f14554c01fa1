"""Closing of several parts at the same time, where each may take long and none needs another."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Self


class ParallelClose:
    """Context manager that opens its parts in order and closes all of them at once."""

    def __init__(self, parts: Sequence[AbstractAsyncContextManager[Any]]) -> None:
        self._parts = parts
        self._opened: list[AbstractAsyncContextManager[Any]] = []

    async def __aenter__(self) -> Self:
        try:
            for part in self._parts:
                await part.__aenter__()
                self._opened.append(part)
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def _close(self) -> None:
        """Close the open parts, then raise the first error that one of them raised."""
        opened, self._opened = self._opened, []
        ends = await asyncio.gather(
            *(part.__aexit__(None, None, None) for part in opened), return_exceptions=True
        )
        for end in ends:
            if isinstance(end, BaseException):
                raise end
