"""Reading the forms of the office's pages: bounded, and bound to the session that the page was made for."""

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
from services.dashboard.http.context import Session, SignedIn, context_of, session_of
from services.dashboard.service.staff import form_token
from shared.runtime.web import Problem

FORM_BYTES = 256 * 1024
FORM_FIELDS = 2_000


@dataclass(frozen=True, slots=True)
class Form:
    """The values sent, each stripped; never None."""

    values: dict[str, list[str]]

    def text(self, name: str) -> str:
        return self.values.get(name, [""])[0].strip()

    def optional(self, name: str) -> str | None:
        return self.text(name) or None

    def all(self, name: str) -> list[str]:
        return self.values.get(name, [])

    def channel(self, usable: Sequence[str]) -> str:
        """How to send; the first way of this installation where nothing was chosen. Raises Problem 422."""
        chosen = self.text("channel") or usable[0]
        if chosen not in usable:
            raise Problem(
                422, "channel_not_configured", "This way of sending is not set up.", field="channel"
            )
        return chosen

    def ticked(self, name: str) -> bool:
        return name in self.values


async def plain_form(request: Request) -> Form:
    """A form as browsers send it without a file; raises Problem 413, 415 or 400."""
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind not in ("application/x-www-form-urlencoded", ""):
        raise Problem(415, "not_a_form", "Send the form of this page.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_BYTES:
            raise Problem(413, "body_too_large", "The form holds too much. Select fewer at a time.")
    try:
        values = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=FORM_FIELDS, errors="strict")
    except ValueError:
        raise Problem(400, "unreadable_form", "The form could not be read. Please send it again.") from None
    if any("\x00" in value for sent in values.values() for value in sent):
        raise Problem(400, "unreadable_form", "The form holds characters that cannot be stored.")
    return Form(values)


async def signed_form(request: Request, session: SignedIn) -> Form:
    """A form of a signed-in page; raises Problem 403 without the page's own token, or when the role has changed."""
    form = await plain_form(request)
    check_token(request, session, form.text("form_token"))
    await _still(request, session)
    return form


async def _still(request: Request, session: Session) -> None:
    """A body can take long to arrive: the session and the role must be what they were when it began."""
    if (await session_of(request)).staff != session.staff:
        raise Problem(403, "role_changed", "Your role has changed meanwhile. Reload the page and try again.")


def check_token(request: Request, session: Session, token: str) -> None:
    expected = form_token(context_of(request).secret, session.id)
    if not hmac.compare_digest(token.encode(), expected.encode()):
        raise Problem(403, "stale_form", "This form is out of date. Go back, reload the page and try again.")


def chosen_schools(form: Form) -> Schools:
    """The schools ticked in `school_ids`; None where `every_school` is ticked. Raises Problem 422."""
    if form.ticked("every_school"):
        return None
    try:
        return frozenset(UUID(one) for one in form.all("school_ids"))
    except ValueError:
        raise Problem(422, "bad_selection", "The schools could not be read.", field="school_ids") from None


async def uploaded_file(request: Request, session: Session) -> tuple[UploadFile, Form]:
    """The file of an upload form, spooled to disk, and its other values; raises Problem."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise Problem(415, "not_a_form", "Send the form of this page.")
    try:
        sent = await request.form(max_files=1, max_fields=20)
    except HTTPException:
        raise Problem(400, "unreadable_form", "The upload could not be read. Please try again.") from None
    values = {name: [value] for name, value in sent.items() if isinstance(value, str)}
    form = Form(values)
    check_token(request, session, form.text("form_token"))
    await _still(request, session)
    file = sent.get("file")
    if not isinstance(file, UploadFile) or not file.filename:
        raise Problem(422, "file_missing", "Choose a file first.", field="file")
    return file, form


SignedForm = Annotated[Form, Depends(signed_form)]
PlainForm = Annotated[Form, Depends(plain_form)]
