"""Public pages of signup: plain HTML forms that work without JavaScript."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter

from services.signup.http import account, links, results


def routers() -> Sequence[APIRouter]:
    """Return the routers of all pages. The app needs `context.Context` as `app.state.context`."""
    return (links.router, results.router, account.router)
