"""The register of tokens against the bus: what the bus has lost is said again."""

from collections.abc import Awaitable, Callable

from services.dashboard.service.tokens import say_again
from shared.runtime.background import PeriodicTask
from shared.runtime.core import is_transient
from shared.runtime.database import Database
from shared.runtime.observability import describe_error, get_logger

EVERY_SECONDS = 60.0
log = get_logger("tokens")


def announcing(database: Database, on_the_bus: Callable[[], Awaitable[set[str]]]) -> PeriodicTask:
    """Looks every minute. `on_the_bus` reads the ids of revoked tokens that the topic holds."""

    async def look() -> bool:
        try:
            known = await on_the_bus()
        except Exception as error:
            if not is_transient(error):
                raise
            # A bus that is away is not this timer's to report: it would make the whole worker unready.
            log.info("revocations.not_compared", **describe_error(error))
            return False
        async with database.transaction() as tx:
            said = await say_again(tx, known)
        if said:
            log.warning("revocations.said_again", count=said)
        return False

    return PeriodicTask("revocations", EVERY_SECONDS, look)
