"""Preparation of API tokens before the services start.

The token of credentials.json is entered into the register of tokens. Services read revoked tokens from the broker
when they start, and the embedded broker loses its content with every restart, so the revocations in the register are
published to an empty broker first.
"""

from __future__ import annotations

import asyncio

from services.dashboard.use_cases.create_token import register_token
from services.dashboard.use_cases.republish_revocations import (
    are_revocations_published,
    republish_revocations,
)
from shared.runtime.core import ServiceSettings
from shared.runtime.database import Database
from shared.runtime.messaging import Kafka, Lane
from shared.runtime.messaging.outbox.relay import Relay
from shared.runtime.observability import Health

CREDENTIALS_TOKEN_NAME = "credentials.json"  # noqa: S105 - the name under which the register lists the token
PUBLISH_TIMEOUT_SECONDS = 30.0
_RELEASE_RELAY_LEASES = "DELETE FROM relay_lease"


async def prepare_access(settings: ServiceSettings, api_token: str, *, broker_is_empty: bool) -> None:
    """Enter `api_token` (if not empty) into the register and publish pending revocations.

    With `broker_is_empty` all revocations of the register are published again. Call it only while no service runs,
    because it ends the leases of the relays. Raises TimeoutError if the broker does not accept the revocations.
    """
    secret = settings.auth_secret.get_secret_value()
    async with Database(settings.database_url, schema="dashboard", pool_size=2) as database:
        async with database.transaction() as tx:
            await tx.execute(_RELEASE_RELAY_LEASES)
            if api_token:
                await register_token(tx, secret, api_token, CREDENTIALS_TOKEN_NAME)
            if broker_is_empty:
                await republish_revocations(tx, (), after_seconds=0)
        await _publish_revocations(database, Kafka.from_settings(settings))


async def _publish_revocations(database: Database, kafka: Kafka) -> None:
    relay = asyncio.create_task(Relay(database, kafka, Lane.SINGLE, Health(), poll_milliseconds=20).run())
    try:
        async with asyncio.timeout(PUBLISH_TIMEOUT_SECONDS):
            while True:
                async with database.transaction() as tx:
                    if await are_revocations_published(tx):
                        return
                await asyncio.sleep(0.02)
    finally:
        relay.cancel()
        await asyncio.gather(relay, return_exceptions=True)
