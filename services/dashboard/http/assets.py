"""The style sheet, and the way in."""

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from services.dashboard.http.render import SECURITY_HEADERS, STYLE

router = APIRouter(include_in_schema=False)


@router.get("/admin/office.css")
async def style() -> Response:
    """Its address changes with its content, so browsers may keep it."""
    headers = {**SECURITY_HEADERS, "Cache-Control": "public, max-age=31536000, immutable"}
    return Response(STYLE, media_type="text/css", headers=headers)


@router.get("/admin")
@router.get("/admin/")
async def start(request: Request) -> Response:
    del request
    return RedirectResponse("/admin/schools", 303)
