"""Tokens of programs, before services start: the own one is in the register, and an empty broker hears what is revoked.

Services read the revoked tokens from the broker as they start, and this broker forgets. So it is told first: by the
register, which forgets nothing.
"""

from __future__ import annotations

import asyncio

from services.dashboard.service.tokens import enter_token, is_announced, say_again
from shared.runtime.core import ServiceSettings
from shared.runtime.database import Database
from shared.runtime.messaging import Kafka, Lane
from shared.runtime.messaging.outbox.relay import Relay
from shared.runtime.observability import Health

NAME = "credentials.json"
WITHIN_SECONDS = 30.0
_FREE_THE_RELAY = "DELETE FROM relay_lease"


async def prepare_access(settings: ServiceSettings, api_token: str, *, broker_is_empty: bool) -> None:
    """To be called while no service runs. Raises TimeoutError when the broker does not take what is to be said."""
    secret = settings.auth_secret.get_secret_value()
    async with Database(settings.database_url, schema="dashboard", pool_size=2) as database:
        async with database.transaction() as transaction:
            await transaction.execute(_FREE_THE_RELAY)
            if api_token:
                await enter_token(transaction, secret, api_token, NAME)
            if broker_is_empty:
                await say_again(transaction, (), after_seconds=0)
        await _until_announced(database, Kafka.from_settings(settings))


async def _until_announced(database: Database, kafka: Kafka) -> None:
    relay = asyncio.create_task(Relay(database, kafka, Lane.SINGLE, Health(), poll_milliseconds=20).run())
    try:
        async with asyncio.timeout(WITHIN_SECONDS):
            while True:
                async with database.transaction() as transaction:
                    if await is_announced(transaction):
                        return
                await asyncio.sleep(0.02)
    finally:
        relay.cancel()
        await asyncio.gather(relay, return_exceptions=True)
