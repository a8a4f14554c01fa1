"""Context of the routes: what the composition root gives them, and the dependencies that read it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from services.notifier.channels.twilio.webhooks import SignatureValidator
from shared.runtime.database import Database


@dataclass(frozen=True, slots=True)
class Context:
    """Context of the routes, set by the composition root as `app.state.context`.

    `signatures` is None where Twilio is not set up. `on_report` wakes the task that applies reports and opt-outs.
    """

    database: Database
    signatures: SignatureValidator | None
    on_report: Callable[[], None]


async def get_context(request: Request) -> Context:
    """Return the context of the app that serves the request."""
    context: Context = request.app.state.context
    return context


ContextDependency = Annotated[Context, Depends(get_context)]
