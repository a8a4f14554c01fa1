"""The style sheet, the script that keeps pages live, and the way in."""

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from services.dashboard.http.render import ICON, SCRIPT, SECURITY_HEADERS, STYLE

router = APIRouter(include_in_schema=False)
FOR_EVER = {**SECURITY_HEADERS, "Cache-Control": "public, max-age=31536000, immutable"}
"""An asset's address changes with its content, so browsers may keep it."""


@router.get("/admin/office.css")
async def style() -> Response:
    return Response(STYLE, media_type="text/css", headers=FOR_EVER)


@router.get("/admin/office.js")
async def script() -> Response:
    return Response(SCRIPT, media_type="text/javascript", headers=FOR_EVER)


@router.get("/admin/icon.svg")
async def icon() -> Response:
    return Response(ICON, media_type="image/svg+xml", headers=FOR_EVER)


@router.get("/admin")
@router.get("/admin/")
async def start(request: Request) -> Response:
    del request
    return RedirectResponse("/admin/schools", 303)
