"""Connections to a service's schema: what every one of them is told when it starts."""

from __future__ import annotations

import json
from typing import Any, Literal

from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

Kind = Literal["api", "worker"]


def role_of(schema: str, kind: Kind) -> str:
    """The database role of a service's routes (`api`) or of everything else it runs (`worker`)."""
    return f"{schema}_{kind}"


def create_engine(
    url: str, *, schema: str, pool_size: int = 2, role: str | None = None, autocommit: bool = False
) -> AsyncEngine:
    """An engine whose connections see the service's schema first and have `role`; errors never show parameters.

    A role taken when the connection starts is what RESET ROLE and RESET ALL go back to. With `autocommit` whoever takes
    a connection begins and ends transactions by statements of their own.
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
                # Where a batch names its 500 rows, the default of 4, made for turning disks, reads the whole table.
                "random_page_cost": "1.1",
                "idle_in_transaction_session_timeout": "60000",
                **({} if role is None else {"role": role}),
                # All that workers do goes by an index. A plan made while a table was empty is kept until autovacuum
                # looks again, and would read all of what the table has become.
                **({"enable_seqscan": "off"} if role == role_of(schema, "worker") else {}),
            },
        },
    )


def pool_of(url: str, schema: str, size: int, kind: Kind) -> AsyncEngine:
    """Connections on which `Database` itself begins and ends transactions."""
    engine = create_engine(url, schema=schema, pool_size=size, role=role_of(schema, kind), autocommit=True)

    @event.listens_for(engine.sync_engine, "checkout")
    def refuse_closed(connection: Any, *_: object) -> None:
        # The driver hears at once that the server ended it; asking the server every time took three round trips.
        if connection.driver_connection.is_closed():
            raise DisconnectionError

    return engine
