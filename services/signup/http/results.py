"""The page that tells what became of a pressed button; while that is open it refreshes itself."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request, Response

from services.signup.domain.accounts import RefusalReason, SubmissionState
from services.signup.domain.links import Purpose
from services.signup.http.desk import Desk
from services.signup.http.errors import PageRoute
from services.signup.http.forms import PageError
from services.signup.service.results import find_result, schools_of, schools_of_page
from services.signup.views import ResultView, SchoolOfParent

SLOW_AFTER = timedelta(seconds=20)
LATE_AFTER = timedelta(minutes=3)
_QUICK_REFRESH_SECONDS, _SLOW_REFRESH_SECONDS = 1, 10


def result_routes(desk: Desk) -> APIRouter:
    """`/signup/result/{secret}`."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)

    @router.api_route("/signup/result/{secret}", methods=["GET", "HEAD"])
    async def show_result(request: Request, secret: str) -> Response:
        schools: tuple[SchoolOfParent, ...] = ()
        async with desk.database.transaction(schools=schools_of_page(secret)) as transaction:
            lifetime = desk.settings.result_lifetime_minutes
            result = await find_result(transaction, secret, lifetime_minutes=lifetime)
            if result is not None and _shows_children(result) and result.account_id is not None:
                schools = await schools_of(transaction, result.account_id)
            now = transaction.now
        if result is None:
            raise PageError(404, "old_result")
        return _page(desk, request, result, schools, now)

    return router


def _shows_children(result: ResultView) -> bool:
    return result.first_attempt and result.state is SubmissionState.ACCEPTED


def _page(
    desk: Desk, request: Request, result: ResultView, schools: tuple[SchoolOfParent, ...], now: datetime
) -> Response:
    shared: dict[str, Any] = {"language": result.language, "school": result.school_name}
    match result.state:
        case SubmissionState.PENDING:
            return _waiting(desk, request, result, now - result.submitted_at)
        case SubmissionState.REFUSED:
            key = _refusal_key(result.purpose, result.reason)
            signed_up = key == "dead.used_join"
            return desk.dead_page(request, key, language=result.language, offers_sign_in=signed_up)
        case SubmissionState.ACCEPTED:
            if result.purpose is Purpose.VERIFY:
                return desk.pages.render(request, "verified.html", **shared)
            if not result.first_attempt:
                return desk.dead_page(
                    request, "dead.used_join", language=result.language, offers_sign_in=True
                )
            return desk.pages.render(request, "done.html", schools=schools, **shared)


def _waiting(desk: Desk, request: Request, result: ResultView, waited: timedelta) -> Response:
    how = "late" if waited > LATE_AFTER else "slow" if waited > SLOW_AFTER else ""
    return desk.pages.render(
        request,
        "waiting.html",
        purpose=result.purpose.value,
        how=how,
        seconds=_SLOW_REFRESH_SECONDS if how else _QUICK_REFRESH_SECONDS,
        language=result.language,
        school=result.school_name,
    )


def _refusal_key(purpose: Purpose, reason: RefusalReason | None) -> str:
    if reason is None:
        return "dead.withdrawn"
    if reason is RefusalReason.USED:
        return f"dead.used_{purpose.value}"
    return f"dead.{reason.value}"
