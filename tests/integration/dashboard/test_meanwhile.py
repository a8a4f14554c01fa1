"""What is under way when a token, a password or somebody's work ends does not outlive it."""

import asyncio

from services.dashboard.domain.tokens import Authority, Grant, TokenState
from services.dashboard.service.tokens import OPERATOR, mint_token, revoke_token
from services.dashboard.views.tokens import list_tokens
from shared.runtime.database import Database
from tests.support.apps import AUTH_SECRET
from tests.support.waiting import eventually

_WAITING = """
SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
 WHERE NOT granted AND datname = current_database()
"""


async def _somebody_waits(database: Database) -> None:
    """Returns when a statement in this database waits for what another transaction holds."""

    async def waits() -> None:
        async with database.transaction() as tx:
            assert await tx.scalar(_WAITING)

    await eventually(waits)


async def test_a_token_being_made_with_one_that_ends_by_its_maker_ends_too(database: Database) -> None:
    grant = Grant("a", frozenset({"admin"}), None)
    async with database.transaction() as tx:
        root, _ = await mint_token(tx, AUTH_SECRET, grant, OPERATOR)
        child, _ = await mint_token(tx, AUTH_SECRET, grant, Authority("a", None, root.token_id))

    async def revoke() -> None:
        async with database.transaction() as tx:
            await revoke_token(tx, root.token_id, OPERATOR)

    async with database.transaction() as tx:
        grandchild, _ = await mint_token(tx, AUTH_SECRET, grant, Authority("b", None, child.token_id))
        revoking = asyncio.create_task(revoke())
        await _somebody_waits(database)
    await revoking
    async with database.transaction() as tx:
        states = {token.token_id: token.state(tx.now) for token in (await list_tokens(tx, limit=10))[0]}
        told = await tx.scalar("SELECT count(*) FROM outbox WHERE topic = 'dashboard.access'")
    ended = [root.token_id, child.token_id, grandchild.token_id]
    assert (states, told) == (dict.fromkeys(ended, TokenState.REVOKED), 3)
