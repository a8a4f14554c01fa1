"""Static assets of the pages, and the redirect from /admin to the first page."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import RedirectResponse, Response

from services.dashboard.http.render import ICON, SCRIPT, SECURITY_HEADERS, STYLE

router = APIRouter(include_in_schema=False)
IMMUTABLE = {**SECURITY_HEADERS, "Cache-Control": "public, max-age=31536000, immutable"}
"""Headers of an asset, which browsers may keep because its address changes with its content."""


@router.get("/admin/office.css")
async def get_style() -> Response:
    return Response(STYLE, media_type="text/css", headers=IMMUTABLE)


@router.get("/admin/office.js")
async def get_script() -> Response:
    return Response(SCRIPT, media_type="text/javascript", headers=IMMUTABLE)


@router.get("/admin/icon.svg")
async def get_icon() -> Response:
    return Response(ICON, media_type="image/svg+xml", headers=IMMUTABLE)


@router.get("/admin")
@router.get("/admin/")
async def redirect_to_schools() -> Response:
    return RedirectResponse("/admin/schools", 303)
