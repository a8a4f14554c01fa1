"""Queries to the database between measurements, as its administrator."""

from __future__ import annotations

from typing import Any, Protocol

import asyncpg

from tests.support.postgres import Cluster
from tests.support.stack.stack import DATABASE


class Rows(Protocol):
    """Function that runs a statement with parameters `$1`, `$2`, … and returns its rows."""

    async def __call__(self, statement: str, *arguments: Any) -> list[Any]: ...


def query_runner(cluster: Cluster) -> Rows:
    """Return a function that opens a connection for each query, so that none is open while something is measured."""

    async def rows(statement: str, *arguments: Any) -> list[Any]:
        address = f"postgresql://postgres@127.0.0.1:{cluster.port}/{DATABASE}"
        connection = await asyncpg.connect(address)
        try:
            return list(await connection.fetch(statement, *arguments))
        finally:
            await connection.close()

    return rows
