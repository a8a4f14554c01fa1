"""Asks a provider about messages that no report has come for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from services.notifier.channels.base import Refused, SendError
from services.notifier.channels.twilio import TwilioChannel
from services.notifier.channels.twilio_hooks import CopyReport
from services.notifier.domain.reports import ASK_AFTER_SECONDS, ASK_AGAIN_SECONDS, Word
from services.notifier.service.reporting import keep_report
from services.notifier.storage.asking import Question, claim_questions
from shared.runtime.background import PeriodicTask
from shared.runtime.database import Database
from shared.runtime.observability import get_logger

BATCH = 20
POLL_SECONDS = 30.0
log = get_logger("inquiries")


class Inquiries:
    """The loop of one channel. An async context manager: it has a connection of its own to the provider.

    What is answered is kept as a report that came by itself would be; `heard` wakes whoever applies it.
    """

    def __init__(
        self, database: Database, channel_name: str, channel: TwilioChannel, heard: Callable[[], None]
    ) -> None:
        self.timer = PeriodicTask(f"ask.{channel_name}", POLL_SECONDS, self.round)
        self._database = database
        self._channel_name = channel_name
        self._channel = channel
        self._heard = heard

    async def __aenter__(self) -> Self:
        await self._channel.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._channel.__aexit__(kind, error, trace)

    async def round(self) -> bool:
        """Ask about a batch, with no transaction open; answers whether there may be more."""
        async with self._database.transaction() as tx:
            questions = await claim_questions(
                tx, self._channel_name, ASK_AFTER_SECONDS, ASK_AGAIN_SECONDS, BATCH
            )
        if not questions:
            return False
        answers = await asyncio.gather(*(self._ask(question) for question in questions))
        async with self._database.transaction() as tx:
            for question, answer in zip(questions, answers, strict=True):
                if answer is not None:
                    await keep_report(tx, answer.provider_id, question.message_id, answer.word, answer.code)
        self._heard()
        return len(questions) == BATCH

    async def _ask(self, question: Question) -> CopyReport | None:
        """What the provider says; to the last question nothing is an answer, too, but not that it cannot be asked."""
        try:
            answer = await self._channel.ask(question.provider_id)
        except Refused as error:
            log.warning("provider.knows_nothing", channel=self._channel_name, code=error.code)
            answer = None
        except SendError as error:
            log.warning("provider.not_asked", channel=self._channel_name, code=error.code)
            return None
        if question.last and (answer is None or answer.word is Word.TAKEN):
            return CopyReport(question.provider_id, Word.SILENT, None)
        return answer
