"""Composition root of signup."""

from __future__ import annotations

from fastapi import FastAPI

from services.signup.consumers import subscriptions
from services.signup.http import routers
from services.signup.http.context import Context
from services.signup.http.errors import install_error_pages
from services.signup.http.pages import Pages
from services.signup.schedule import periodic_tasks
from services.signup.settings import Settings
from services.signup.use_cases.decision_waiter import DecisionWaiter
from services.signup.use_cases.hash_passwords import PasswordHasher
from shared.runtime.core import load_settings
from shared.runtime.database import Database
from shared.runtime.service import create_service_app

# `http/forms.py` limits forms to 16 KiB while it reads them, so that a longer one is answered with a page.
_UNLIMITED_BYTES = 2**40


def create_app(settings: Settings | None = None, *, api: bool = True, worker: bool = True) -> FastAPI:
    """Return the ASGI app: `api` serves the pages, `worker` consumes and runs the periodic tasks.

    Without `settings` they are read from the environment; raises ConfigurationError if they are wrong.
    """
    settings = settings or load_settings(Settings)
    database = Database(settings.database_url, schema="signup", pool_size=settings.database_pool_size)
    context = create_context(settings, database)
    app = create_service_app(
        "signup",
        settings,
        database=database,
        routers=routers(),
        subscriptions=subscriptions(on_decisions=context.decisions.wake),
        periodic_tasks=periodic_tasks(database, settings),
        resources=[context.passwords, context.decisions],
        accepts_api_tokens=False,
        api=api,
        worker=worker,
        max_body_bytes=_UNLIMITED_BYTES,
    )
    app.state.context = context
    install_error_pages(app)
    return app


def create_context(settings: Settings, database: Database) -> Context:
    """Return the context of the routes. The caller opens and closes its `passwords` and `decisions`."""
    passwords = PasswordHasher(
        memory_kibibytes=settings.hash_memory_kibibytes,
        passes=settings.hash_passes,
        threads=settings.hash_threads,
    )
    return Context(settings, database, Pages(), passwords, DecisionWaiter(database))
