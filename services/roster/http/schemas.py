"""Request bodies. Unknown fields are ignored; the use cases check what the values mean."""

from __future__ import annotations

import re
from datetime import date, time
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

from services.roster.spreadsheet.normalise import ParentInput, StudentInput
from services.roster.use_cases.parents import ContactInput, ParentChange
from services.roster.use_cases.schools import MAX_LIFETIME_DAYS, SchoolInput

Text = Annotated[str, Field(max_length=2000)]
MAX_PARENTS = 20


def _hours_and_minutes(value: object) -> object:
    """Accept only text such as `20:00`: no seconds, no zone, no number of seconds since midnight."""
    if not isinstance(value, str) or not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
        raise ValueError("write hours and minutes, such as 20:00")
    return value


LocalTime = Annotated[time, BeforeValidator(_hours_and_minutes)]


class Body(BaseModel):
    """JSON object. Errors never repeat the values that were sent."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, populate_by_name=True)


class Keyed(Body):
    """Body that may contain its idempotency key."""

    idempotency_key: Annotated[str | None, Field(max_length=200)] = None


class SchoolBody(Keyed):
    """School to register, or the settings to change."""

    name: Annotated[Text | None, Field(examples=["Primarschule Seefeld"])] = None
    country: Annotated[Text | None, Field(description="ISO 3166, two letters.", examples=["CH"])] = None
    language: Annotated[Text | None, Field(examples=["de"])] = None
    timezone: Annotated[Text | None, Field(examples=["Europe/Zurich"])] = None
    credentials_mode: Literal["self_service", "issued"] | None = None
    invitation_lifetime_days: Annotated[int | None, Field(ge=1, le=MAX_LIFETIME_DAYS)] = None
    reminder_days: Annotated[tuple[int, ...] | None, Field(max_length=10)] = None
    quiet_from: Annotated[
        LocalTime | None,
        Field(
            description="No SMS and WhatsApp from then, local time, hours and minutes.", examples=["20:00"]
        ),
    ] = None
    quiet_until: Annotated[
        LocalTime | None,
        Field(description="Until then; the same as `quiet_from`: no quiet hours.", examples=["08:00"]),
    ] = None
    phone: Annotated[Text | None, Field(description="The school's own number: never a family's.")] = None
    email: Annotated[Text | None, Field(description="The school's own address: never a family's.")] = None

    def as_input(self) -> SchoolInput:
        return SchoolInput(**self.model_dump(exclude={"idempotency_key"}))


class ParentBody(Keyed):
    """Parent named with a student."""

    name: Annotated[Text | None, Field(examples=["Anna Muster"])] = None
    first_name: Text | None = None
    last_name: Text | None = None
    relation: Annotated[Text | None, Field(examples=["mother"])] = None
    email: Annotated[Text | None, Field(examples=["anna@example.com"])] = None
    phone: Annotated[Text | None, Field(examples=["+41 79 123 45 67"])] = None
    language: Text | None = None

    def as_input(self) -> ParentInput:
        return ParentInput(
            self.name, self.first_name, self.last_name, self.relation, self.email, self.phone, self.language
        )


class AddParentBody(ParentBody):
    """Parent to add to a student; invited unless `invite` is false (P9, P10)."""

    invite: bool = True


class StudentChangeBody(Body):
    """Fields of a student to change."""

    name: Annotated[Text | None, Field(examples=["Mia Muster"])] = None
    first_name: Text | None = None
    last_name: Text | None = None
    number: Annotated[Text | None, Field(examples=["2041"])] = None
    class_name: Annotated[
        Text | None, Field(validation_alias=AliasChoices("class_name", "class", "grade"))
    ] = None
    birth_date: date | None = None


class StudentBody(StudentChangeBody, Keyed):
    """Student to add, with named parents, the four Classe365 fields, or both."""

    parents: Annotated[tuple[ParentBody, ...], Field(max_length=MAX_PARENTS)] = ()
    father_name: Text | None = None
    mother_name: Text | None = None
    parents_contact: Text | None = None
    parents_email: Text | None = None
    invite: bool = False

    def as_input(self) -> StudentInput:
        return StudentInput(
            **self.model_dump(exclude={"idempotency_key", "invite", "parents"}),
            parents=tuple(parent.as_input() for parent in self.parents),
        )


class ContactBody(Body):
    """Contact in a list that replaces all contacts of a parent."""

    kind: Literal["email", "phone"]
    address: Text
    preferred: bool = False


class ParentChangeBody(ParentBody):
    """Fields of a parent to change.

    `email` and `phone` replace the preferred contact of their kind; `contacts` replaces all contacts.
    """

    contacts: Annotated[tuple[ContactBody, ...] | None, Field(max_length=20)] = None

    def as_change(self) -> ParentChange:
        contacts = None
        if self.contacts is not None:
            contacts = tuple(
                ContactInput(contact.kind, contact.address, contact.preferred) for contact in self.contacts
            )
        return ParentChange(self.as_input(), frozenset(self.model_fields_set), contacts)


class SiblingsBody(Keyed):
    """Parents whose families are one, or students who are siblings."""

    parent_ids: Annotated[tuple[UUID, ...], Field(max_length=20)] = ()
    student_ids: Annotated[tuple[UUID, ...], Field(max_length=20)] = ()


class ApplyBody(Body):
    """Confirmation of a previewed import."""

    skip_bad_rows: bool = False
