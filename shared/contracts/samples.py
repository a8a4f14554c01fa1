"""One sample of every message, for documentation, snapshots and tests. The people in it do not exist."""

from __future__ import annotations

import types
from datetime import UTC, datetime, time
from typing import Annotated, Any, Union, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel

from shared.contracts.envelope import Attributes, Received
from shared.contracts.message import Message

_MOMENT = datetime(2026, 9, 1, 7, 30, tzinfo=UTC)
_BY_NAME: dict[str, Any] = {
    "name": "Ada Example",
    "country": "DE",
    "language": "de",
    "timezone": "Europe/Berlin",
    "credentials_mode": "self_service",
    "number": "2041",
    "class_name": "3b",
    "kind": "email",
    "address": "ada@family.example",
    "relation": "mother",
    "rights": "full",
    "channel": "email",
    "school_name": "Hill School",
    "token_key_id": "k1",
    "token_digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "address_digest": "b008a409b86c3f208c6bb2185498c3901ee2421a4ff0c9d8ca54c1e5c3389385",
    "code": "5.1.1",
    "template": "verify",
    "reminder_days": (3, 6),
    "quiet_from": time(20),
    "quiet_until": time(8),
    "invitation_lifetime_days": 7,
}
_BY_TYPE: dict[type, Any] = {datetime: _MOMENT, bool: True, int: 2}
_REASONS = {
    "ChildLink": "phone and e-mail equal",
    "SiblingsLinked": "phone and e-mail equal",
    "SiblingsUnlinked": "undone by staff",
    "InvitationRefused": "expired",
    "InvitationBlocked": "parent removed",
    "MessageFailed": "The mailbox does not exist.",
    "MessageOutcomeUnknown": "The mail server's answer was lost.",
}


def sample(message: type[Message]) -> Message:
    """Return a complete message of this class, the same at every call."""
    built = _model(message)
    assert isinstance(built, Message)
    return built


def sample_event(message: type[Message]) -> Received[Message]:
    """Return the sample with its attributes."""
    data = sample(message)
    contract = message.contract
    attributes = Attributes(
        id="01990f5e-5d80-7000-8000-000000000001",
        source=f"/kinvite/{contract.type.partition('.')[0]}",
        type=contract.type,
        subject=data.key,
        school_id=_uuid("school_id"),
        version=3,
        time=_MOMENT,
        actor="office@hill.example",
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )
    return Received(data, attributes)


def structured(event: Received[Message]) -> dict[str, Any]:
    """Return the event as a structured-mode CloudEvent, ready for JSON."""
    attributes = event.attributes
    return {
        "specversion": "1.0",
        "id": attributes.id,
        "source": attributes.source,
        "type": attributes.type,
        "subject": attributes.subject,
        "time": attributes.time.isoformat(),
        "datacontenttype": "application/json",
        "schoolid": str(attributes.school_id),
        "aggregateversion": str(attributes.version),
        "actor": attributes.actor,
        "traceparent": attributes.traceparent,
        "data": event.data.model_dump(mode="json"),
    }


def _model(model: type[BaseModel]) -> BaseModel:
    return model(
        **{name: _value(model, name, field.annotation) for name, field in model.model_fields.items()}
    )


def _value(model: type[BaseModel], name: str, annotation: Any) -> Any:
    if name == "reason":
        return _REASONS[model.__name__]
    if model.__name__ == "School" and name == "name":
        return "Hill School"
    return _BY_NAME[name] if name in _BY_NAME else _by_type(model, name, annotation)


def _by_type(model: type[BaseModel], name: str, annotation: Any) -> Any:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return _value(model, name, next(item for item in arguments if item is not type(None)))
    if origin is Annotated:
        return _by_type(model, name, arguments[0])
    if origin is tuple:
        return (_value(model, name.removesuffix("s"), arguments[0]),)
    if annotation is UUID:
        return _uuid(name)
    if annotation in _BY_TYPE:
        return _BY_TYPE[annotation]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _model(annotation)
    raise TypeError(f"no sample for {model.__name__}.{name}")


def _uuid(name: str) -> UUID:
    names = (
        "school_id",
        "student_id",
        "parent_id",
        "contact_id",
        "sibling_group_id",
        "invitation_id",
        "message_id",
        "submission_id",
        "account_id",
        "token_id",
    )
    return UUID(f"01990f5e-5d80-7000-8000-0000000000{names.index(name) + 16:02x}")
