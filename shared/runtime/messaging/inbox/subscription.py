"""Subscription of a consumer group: which messages it handles, and how."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.contracts.message import Message
from shared.runtime.database.transaction import Transaction

Handler = Callable[[Transaction, Sequence[Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Subscription:
    """Handlers of a consumer group by message type; its topics follow from the list of topics in the contracts.

    A handler gets `(tx, messages)`: messages of one type, in order per aggregate, none of them seen before by the
    group. `after_commit` is called after the commit of a batch that contained messages for a handler.
    """

    group: str
    handlers: Mapping[type[Message], Handler]
    after_commit: Callable[[], None] | None = None
