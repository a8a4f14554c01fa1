"""The embedded broker forgets what is revoked; before services start it is told again by the register."""

import pytest

from deploy.embedded.access import NAME, prepare_access
from services.dashboard.domain.tokens import Grant
from services.dashboard.service.tokens import OPERATOR, mint_token, revoke_token
from services.dashboard.views.tokens import list_tokens
from shared.runtime.core import ServiceSettings, load_settings
from shared.runtime.database import Database
from shared.runtime.web import mint_token, read_revocations
from shared.runtime.web.bearer_auth import ALL_RIGHTS
from tests.support.apps import AUTH_SECRET, COMMON_ENVIRONMENT
from tests.support.brokers.base import Broker
from tests.support.brokers.tansu import Tansu
from tests.support.brokers.topics import create_topics, kafka_of


@pytest.mark.parametrize("empty", [True, False])
async def test_what_is_revoked_is_on_the_bus_before_any_service_starts(
    database_url: str, tansu: Tansu, monkeypatch: pytest.MonkeyPatch, *, empty: bool
) -> None:
    broker = Broker(tansu.bootstrap, "embedded", tansu, prefix="")
    given = {**COMMON_ENVIRONMENT, **broker.environment, "KINVITE_DATABASE_URL": database_url}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    await create_topics(broker)
    grant = Grant("a feed", frozenset({"roster:write"}), None)
    async with Database(database_url, schema="dashboard") as database:
        async with database.transaction() as tx:
            token, _ = await mint_token(tx, AUTH_SECRET, grant, OPERATOR)
            await revoke_token(tx, token.token_id, OPERATOR)
            # Of a holder that was killed; and with an empty broker the outbox says that all was sent.
            await tx.execute("INSERT INTO relay_lease VALUES ('single', gen_random_uuid(), 9, 'infinity')")
            if empty:
                await tx.execute("DELETE FROM outbox_pending")
                await tx.execute("UPDATE access_tokens SET revoked_at = now() - interval '1 day'")
        own = mint_token(AUTH_SECRET, schools=None, rights=ALL_RIGHTS, actor="credentials.json")
        for _ in range(2):
            await prepare_access(load_settings(ServiceSettings), own, broker_is_empty=empty)
        assert await read_revocations(kafka_of(broker)) == {str(token.token_id)}
        async with database.transaction() as tx:
            listed, _ = await list_tokens(tx, limit=10)
    assert [(one.name, one.revoked_at is None) for one in listed] == [(NAME, True), ("a feed", False)]
