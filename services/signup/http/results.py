"""Route of the result page, which shows the state of a submission and reloads itself until the decision."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request, Response

from services.signup.domain.links import Purpose, SubmissionState
from services.signup.http.context import AppContext, Context
from services.signup.http.errors import PageRoute
from services.signup.http.forms import PageError
from services.signup.http.link_pages import render_dead_page
from services.signup.use_cases.find_result import find_result, list_visible_schools, schools_of_result
from services.signup.views import ResultView, SchoolView
from shared.contracts.values import RefusalReason

SLOW_AFTER = timedelta(seconds=20)
LATE_AFTER = timedelta(minutes=3)
_QUICK_RELOAD_SECONDS, _SLOW_RELOAD_SECONDS = 1, 10
router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.api_route("/signup/result/{secret}", methods=["GET", "HEAD"])
async def show_result(request: Request, context: AppContext, secret: str) -> Response:
    """Show the state of the submission. Raises PageError 404 if the page has expired."""
    schools: tuple[SchoolView, ...] = ()
    async with context.database.transaction(schools=schools_of_result(secret)) as tx:
        lifetime_minutes = context.settings.result_lifetime_minutes
        result = await find_result(tx, secret, lifetime_minutes=lifetime_minutes)
        if result is not None:
            schools = await list_visible_schools(tx, result)
        now = tx.now
    if result is None:
        raise PageError(404, "old_result")
    return _render(context, request, result, schools, now)


def _render(
    context: Context, request: Request, result: ResultView, schools: tuple[SchoolView, ...], now: datetime
) -> Response:
    common: dict[str, Any] = {"language": result.language, "school": result.school_name}
    match result.state:
        case SubmissionState.PENDING:
            return _render_waiting(context, request, result, now - result.submitted_at)
        case SubmissionState.REFUSED:
            key = _refusal_key(result)
            offers_sign_in = key == "dead.used_join"
            return render_dead_page(
                context, request, key, language=result.language, offers_sign_in=offers_sign_in
            )
        case SubmissionState.ACCEPTED:
            if result.purpose is Purpose.VERIFY:
                return context.pages.render(request, "verified.html", **common)
            if not result.first_attempt:
                return render_dead_page(
                    context, request, "dead.used_join", language=result.language, offers_sign_in=True
                )
            return context.pages.render(request, "done.html", schools=schools, **common)


def _render_waiting(context: Context, request: Request, result: ResultView, age: timedelta) -> Response:
    delay = "late" if age > LATE_AFTER else "slow" if age > SLOW_AFTER else ""
    return context.pages.render(
        request,
        "waiting.html",
        purpose=result.purpose.value,
        delay=delay,
        seconds=_SLOW_RELOAD_SECONDS if delay else _QUICK_RELOAD_SECONDS,
        language=result.language,
        school=result.school_name,
    )


def _refusal_key(result: ResultView) -> str:
    if result.reason is None:
        return "dead.withdrawn"
    if result.reason is RefusalReason.USED:
        return f"dead.used_{result.purpose.value}"
    return f"dead.{result.reason.value}"
