"""Errors over HTTP: RFC 9457 problem details that name the field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException

from shared.runtime.core.errors import Transient, is_invalid_value, is_transient
from shared.runtime.observability.logging import get_logger

MEDIA_TYPE = "application/problem+json"
log = get_logger("http")

_CODES = {413: "body_too_large"}
_TITLES = {
    400: "Bad request",
    401: "Sign in first",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    410: "Gone",
    413: "Too large",
    415: "Unsupported media type",
    422: "Invalid input",
    429: "Too many requests",
    500: "Our mistake",
    503: "Not available at the moment",
}


class Problem(Exception):
    """Error response. `code` is for programs, `detail` for people; `field` is what has to be corrected."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        field: str | None = None,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})
        self.extra = extra
        self.errors = list(errors)
        if field is not None:
            self.errors.append({"field": field, "code": code, "message": detail})

    def body(self) -> dict[str, Any]:
        """Return the JSON object of RFC 9457, with `code` and, if fields are wrong, `errors`."""
        body: dict[str, Any] = {
            "type": f"urn:kinvite:problem:{self.code}",
            "title": _TITLES.get(self.status, "Error"),
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            **self.extra,
        }
        if self.errors:
            body["errors"] = self.errors
        return body

    def response(self) -> JSONResponse:
        """Return the HTTP response."""
        return JSONResponse(self.body(), self.status, self.headers, MEDIA_TYPE)


def install_problem_handlers(app: FastAPI) -> None:
    """Answer every failure of the app's routes with a problem."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(DBAPIError, _database)
    for unreachable in (OSError, PoolTimeoutError, Transient):
        app.add_exception_handler(unreachable, _unexpected)
    app.add_exception_handler(Exception, _unexpected)


def unavailable_problem() -> Problem:
    """Return problem 503: a needed part does not answer, and nothing was done."""
    return Problem(
        503,
        "unavailable",
        "A part of the system does not answer at the moment. Nothing was changed; please try again.",
        headers={"Retry-After": "2"},
    )


async def _problem(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return error.response()


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors = []
    for item in error.errors():
        place = [str(part) for part in item["loc"]]
        if item["type"] == "json_invalid":
            return _not_json().response()
        name = ".".join(place[1:]) or (place[0] if place else "body")
        errors.append({"field": name, "code": str(item["type"]), "message": str(item["msg"])})
    named = ", ".join(sorted({item["field"] for item in errors}))
    return Problem(422, "invalid_input", f"Please correct: {named}.", errors=errors).response()


async def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if isinstance(
        error.__cause__, (ValueError, RecursionError)
    ):  # of reading the body, which is no JSON at all
        return _not_json().response()
    code = _CODES.get(error.status_code) or _TITLES.get(error.status_code, "error").lower().replace(" ", "_")
    return Problem(error.status_code, code, str(error.detail), headers=error.headers).response()


def _not_json() -> Problem:
    return Problem(400, "not_json", "The body is not valid JSON.", field="body")


async def _database(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, DBAPIError)
    if is_invalid_value(error):
        return Problem(
            422, "invalid_value", "A value has characters or a size that cannot be stored."
        ).response()
    if is_transient(error):
        return unavailable_problem().response()
    return await _unexpected(request, error)


async def _unexpected(_: Request, error: Exception) -> JSONResponse:
    if is_transient(error):
        return unavailable_problem().response()
    log.error("request.failed", exc_info=error)
    return Problem(500, "internal", "Something went wrong on our side. It has been noted.").response()
