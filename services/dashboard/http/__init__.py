"""The JSON status view under /dashboard and the office's pages under /admin."""

from fastapi import APIRouter

from services.dashboard.http import (
    api,
    assets,
    bulk,
    imports,
    parent,
    parents,
    schools,
    signing_in,
    staff,
    stream,
    students,
    tokens,
    tokens_api,
)

ROUTERS: tuple[APIRouter, ...] = (
    api.router,
    tokens_api.router,
    stream.router,
    assets.router,
    signing_in.router,
    schools.router,
    staff.router,
    tokens.router,
    students.router,
    parents.router,
    parent.router,
    bulk.router,
    imports.router,
)
