"""Preparation of API tokens: revocations are published to an empty broker before any service starts."""

from __future__ import annotations

import pytest

from deploy.embedded.access import CREDENTIALS_TOKEN_NAME, prepare_access
from services.dashboard.domain.api_tokens import Grant
from services.dashboard.use_cases.create_token import OPERATOR, create_token
from services.dashboard.use_cases.revoke_token import revoke_token
from services.dashboard.views.tokens import list_tokens
from shared.runtime.core import ServiceSettings, load_settings
from shared.runtime.database import Database
from shared.runtime.web import bearer_auth, read_revocations
from shared.runtime.web.bearer_auth import ALL_RIGHTS
from tests.support.apps import AUTH_SECRET, COMMON_ENVIRONMENT
from tests.support.brokers.base import Broker
from tests.support.brokers.tansu import Tansu
from tests.support.brokers.topics import create_topics, kafka_of


@pytest.mark.parametrize("empty", [True, False])
async def test_revocations_are_on_the_broker_before_any_service_starts(
    database_url: str, tansu: Tansu, monkeypatch: pytest.MonkeyPatch, *, empty: bool
) -> None:
    broker = Broker(tansu.bootstrap, "embedded", tansu, prefix="")
    settings = {**COMMON_ENVIRONMENT, **broker.environment, "KINVITE_DATABASE_URL": database_url}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    await create_topics(broker)
    grant = Grant("a feed", frozenset({"roster:write"}), None)
    async with Database(database_url, schema="dashboard") as database:
        async with database.transaction() as tx:
            revoked, _ = await create_token(tx, AUTH_SECRET, grant, OPERATOR)
            await revoke_token(tx, revoked.token_id, OPERATOR)
            # The lease of a killed holder. With an empty broker the outbox has no pending messages.
            await tx.execute("INSERT INTO relay_lease VALUES ('single', gen_random_uuid(), 9, 'infinity')")
            if empty:
                await tx.execute("DELETE FROM outbox_runs")
                await tx.execute("UPDATE access_tokens SET revoked_at = now() - interval '1 day'")
        own = bearer_auth.mint_token(AUTH_SECRET, schools=None, rights=ALL_RIGHTS, actor="credentials.json")
        for _ in range(2):
            await prepare_access(load_settings(ServiceSettings), own, broker_is_empty=empty)
        assert await read_revocations(kafka_of(broker)) == {str(revoked.token_id)}
        async with database.transaction() as tx:
            tokens, _ = await list_tokens(tx, limit=10)
    assert [(token.name, token.revoked_at is None) for token in tokens] == [
        (CREDENTIALS_TOKEN_NAME, True),
        ("a feed", False),
    ]
