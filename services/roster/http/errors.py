"""Answers to errors of the use cases, as problem details."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from services.roster.domain.errors import Conflict, InvalidInput, NotFound, RosterError
from shared.runtime.web import Problem

_STATUS = {NotFound: 404, Conflict: 409, InvalidInput: 422}


def install_errors(app: FastAPI) -> None:
    """Answer each RosterError that a route raises."""
    app.add_exception_handler(RosterError, _answer)


async def _answer(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RosterError)
    errors = [{"field": item.field, "code": item.code, "message": item.message} for item in error.errors]
    problem = Problem(_STATUS[type(error)], error.code, error.detail, field=error.field, errors=errors)
    return problem.response()
