"""Forms of the pages: bounded in size, and bound to the session for which the page was rendered."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qs
from uuid import UUID

from fastapi import Depends, Request
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from services.dashboard.domain.staff import Schools
from services.dashboard.http.context import Session, SignedInSession, get_context, get_session
from shared.runtime.web import Problem

MAX_FORM_BYTES = 256 * 1024
MAX_FORM_FIELDS = 2_000


@dataclass(frozen=True, slots=True)
class Form:
    """Values of a form by field name."""

    values: dict[str, list[str]]

    def text(self, name: str) -> str:
        """Return the first value of a field without surrounding blanks, or an empty string."""
        return self.values.get(name, [""])[0].strip()

    def all(self, name: str) -> list[str]:
        """Return all values of a field."""
        return self.values.get(name, [])

    def channel(self, usable: Sequence[str]) -> str:
        """Return the chosen channel, by default the first usable one. Raises Problem 422 for an unusable one."""
        chosen = self.text("channel") or usable[0]
        if chosen not in usable:
            raise Problem(
                422, "channel_not_configured", "This way of sending is not set up.", field="channel"
            )
        return chosen

    def is_ticked(self, name: str) -> bool:
        """Return whether a tick box was ticked."""
        return name in self.values


async def read_form(request: Request) -> Form:
    """Return a form without files. Raises Problem 413, 415 or 400."""
    content_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if content_type not in ("application/x-www-form-urlencoded", ""):
        raise Problem(415, "not_a_form", "Send the form of this page.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            raise Problem(413, "body_too_large", "The form holds too much. Select fewer at a time.")
    try:
        values = parse_qs(
            body.decode(), keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS, errors="strict"
        )
    except ValueError:
        raise Problem(400, "unreadable_form", "The form could not be read. Please send it again.") from None
    if any("\x00" in value for field_values in values.values() for value in field_values):
        raise Problem(400, "unreadable_form", "The form holds characters that cannot be stored.")
    return Form(values)


async def read_signed_form(request: Request, session: SignedInSession) -> Form:
    """Return a form of a signed-in page. Raises Problem 403 for a wrong form token or a changed role."""
    form = await read_form(request)
    _check_form_token(request, session, form.text("form_token"))
    await _check_role_unchanged(request, session)
    return form


async def read_upload(request: Request, session: Session) -> tuple[UploadFile, Form]:
    """Return the file of an upload form, spooled to disk, and the other values. Raises Problem."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise Problem(415, "not_a_form", "Send the form of this page.")
    try:
        fields = await request.form(max_files=1, max_fields=20)
    except HTTPException:
        raise Problem(400, "unreadable_form", "The upload could not be read. Please try again.") from None
    form = Form({name: [value] for name, value in fields.items() if isinstance(value, str)})
    _check_form_token(request, session, form.text("form_token"))
    await _check_role_unchanged(request, session)
    file = fields.get("file")
    if not isinstance(file, UploadFile) or not file.filename:
        raise Problem(422, "file_missing", "Choose a file first.", field="file")
    return file, form


def parse_schools(form: Form) -> Schools:
    """Return the schools ticked in `school_ids`, or None if `every_school` is ticked. Raises Problem 422."""
    if form.is_ticked("every_school"):
        return None
    try:
        return frozenset(UUID(school_id) for school_id in form.all("school_ids"))
    except ValueError:
        raise Problem(422, "bad_selection", "The schools could not be read.", field="school_ids") from None


def form_token(secret: str, session_id: str) -> str:
    """Return the token that every form of a signed-in page carries; it is valid for this session only."""
    return hmac.new(secret.encode(), f"dashboard.form:{session_id}".encode(), hashlib.sha256).hexdigest()


def _check_form_token(request: Request, session: Session, token: str) -> None:
    expected = form_token(get_context(request).secret, session.id)
    if not hmac.compare_digest(token.encode(), expected.encode()):
        raise Problem(403, "stale_form", "This form is out of date. Go back, reload the page and try again.")


async def _check_role_unchanged(request: Request, session: Session) -> None:
    """Raise Problem 403 if the session or the role changed while the body arrived, which can take long."""
    if (await get_session(request)).staff != session.staff:
        raise Problem(403, "role_changed", "Your role has changed meanwhile. Reload the page and try again.")


SignedForm = Annotated[Form, Depends(read_signed_form)]
PlainForm = Annotated[Form, Depends(read_form)]
