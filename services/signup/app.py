"""The composition root of signup."""

from __future__ import annotations

from fastapi import FastAPI

from services.signup.consumers import subscriptions
from services.signup.http.account import account_routes
from services.signup.http.desk import Desk
from services.signup.http.errors import install
from services.signup.http.links import link_routes
from services.signup.http.pages import Pages
from services.signup.http.results import result_routes
from services.signup.service.decision_watch import DecisionWatch
from services.signup.service.passwords import Passwords
from services.signup.settings import Settings
from services.signup.timers import timers
from shared.runtime.core import load_settings
from shared.runtime.database import Database
from shared.runtime.service import create_service_app

# Forms are limited to 16 KiB while they are read (http/forms.py), so that the answer is a page in plain words.
_NO_LIMIT_BEFORE_THE_PAGES = 2**40


def create_app(settings: Settings | None = None, *, api: bool = True, worker: bool = True) -> FastAPI:
    """The ASGI app. Without settings they are read from the environment (ConfigurationError when wrong)."""
    settings = settings or load_settings(Settings)
    database = Database(settings.database_url, schema="signup", pool_size=settings.database_pool_size)
    passwords = Passwords(
        memory_kibibytes=settings.hash_memory_kibibytes,
        passes=settings.hash_passes,
        threads=settings.hash_threads,
    )
    pages, decisions = Pages(), DecisionWatch(database)
    desk = Desk(settings, database, pages, passwords, decisions)
    app = create_service_app(
        "signup",
        settings,
        database=database,
        routers=[link_routes(desk), result_routes(desk), account_routes(desk)],
        subscriptions=subscriptions(after_decision=decisions.wake),
        periodic_tasks=timers(database, settings),
        resources=[passwords, decisions],
        accepts_api_tokens=False,
        api=api,
        worker=worker,
        max_body_bytes=_NO_LIMIT_BEFORE_THE_PAGES,
    )
    install(app, pages)
    return app
