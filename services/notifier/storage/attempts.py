"""The attempts: what each provider said, for staff."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text

from services.notifier.domain.messages import Outcome
from shared.runtime.database import Transaction

_INSERT = text(
    """
    INSERT INTO attempts (message_id, number, began_at, ended_at, verdict, code, detail)
    SELECT a.message_id, a.number, a.began_at, clock_timestamp(), a.verdict, a.code, a.detail
      FROM unnest(CAST(:ids AS uuid[]), CAST(:numbers AS integer[]), CAST(:began AS timestamptz[]),
                  CAST(:verdicts AS text[]), CAST(:codes AS text[]), CAST(:details AS text[]))
           AS a (message_id, number, began_at, verdict, code, detail)
    ON CONFLICT (message_id, number) DO UPDATE
       SET began_at = EXCLUDED.began_at, ended_at = EXCLUDED.ended_at, verdict = EXCLUDED.verdict,
           code = EXCLUDED.code, detail = EXCLUDED.detail
    """
)


async def insert_attempts(tx: Transaction, outcomes: Sequence[Outcome]) -> None:
    """Note attempts that were really made; the fence of the claim numbers them.

    One that was noted as interrupted meanwhile gets its true end: its sender was only slow.
    """
    parameters = {
        "ids": [outcome.claim.message.message_id for outcome in outcomes],
        "numbers": [outcome.claim.fence for outcome in outcomes],
        "began": [outcome.began_at for outcome in outcomes],
        "verdicts": [outcome.result.verdict.value for outcome in outcomes],
        "codes": [outcome.result.code for outcome in outcomes],
        "details": [storable(outcome.result.detail) for outcome in outcomes],
    }
    await tx.execute(_INSERT, parameters)


def storable(text_: str) -> str:
    """What can be kept of a server's answer: it may hold any bytes, PostgreSQL takes no NUL and no lone surrogate."""
    return text_.encode("utf-8", "replace").decode("utf-8").replace("\x00", " ")
