"""Connections to a service's schema: the settings of every session, and the pool of `Database`."""

from __future__ import annotations

import json
from typing import Any, Literal

from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

RoleKind = Literal["api", "worker"]


def role_name(schema: str, kind: RoleKind) -> str:
    """Return the database role of a service's routes (`api`) or of everything else it runs (`worker`)."""
    return f"{schema}_{kind}"


def create_engine(
    url: str, *, schema: str, pool_size: int = 2, role: str | None = None, autocommit: bool = False
) -> AsyncEngine:
    """Create an engine whose connections search the service's schema first and have `role`.

    A role set when the connection starts is the one that RESET ROLE and RESET ALL return to. With `autocommit` the
    user of a connection begins and ends transactions by statements. Errors never show parameters.
    """
    return create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=10,
        **({"isolation_level": "AUTOCOMMIT"} if autocommit else {"pool_pre_ping": True}),
        hide_parameters=True,
        json_serializer=lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")),
        connect_args={
            "timeout": 10,
            "server_settings": {
                "search_path": schema,
                "application_name": f"kinvite-{schema}",
                "jit": "off",
                # With the default of 4, made for spinning disks, a batch that names 500 rows reads the whole table.
                "random_page_cost": "1.1",
                "idle_in_transaction_session_timeout": "60000",
                **({} if role is None else {"role": role}),
                # Workers find all their rows by an index. A plan made while a table was empty stays until autovacuum
                # analyses it, and would scan all of what the table has become.
                **({"enable_seqscan": "off"} if role == role_name(schema, "worker") else {}),
            },
        },
    )


def create_pool(url: str, schema: str, size: int, kind: RoleKind) -> AsyncEngine:
    """Create the pool of connections on which `Database` begins and ends transactions itself."""
    engine = create_engine(url, schema=schema, pool_size=size, role=role_name(schema, kind), autocommit=True)

    @event.listens_for(engine.sync_engine, "checkout")
    def refuse_closed(connection: Any, *_: object) -> None:
        # The driver learns at once that the server closed a connection; a ping would cost three round trips.
        if connection.driver_connection.is_closed():
            raise DisconnectionError

    return engine
