"""Context of the routes: the parts that they share, given by the composition root."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from services.signup.http.pages import Pages
from services.signup.settings import Settings
from services.signup.use_cases.decision_waiter import DecisionWaiter
from services.signup.use_cases.hash_passwords import PasswordHasher
from shared.runtime.database import Database


@dataclass(frozen=True, slots=True)
class Context:
    """Parts that the routes share; `app.state.context` of the app."""

    settings: Settings
    database: Database
    pages: Pages
    passwords: PasswordHasher
    decisions: DecisionWaiter

    @property
    def session_cookie(self) -> str:
        """Name of the session cookie. Browsers accept the prefix only over HTTPS and only for the whole origin."""
        return "__Host-kinvite_parent" if self.settings.secure else "kinvite_parent"

    @property
    def browser_cookie(self) -> str:
        """Name of the cookie of a browser in which an account has signed in before."""
        return "__Host-kinvite_browser" if self.settings.secure else "kinvite_browser"


async def get_context(request: Request) -> Context:
    """Return the context of the app that serves the request."""
    context: Context = request.app.state.context
    return context


AppContext = Annotated[Context, Depends(get_context)]
