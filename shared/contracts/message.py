"""Base of all messages, and the annotation that every message type carries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.topics import TOPICS_BY_NAME, Topic

Kind = Literal["event", "command"]
Generation = Annotated[int, Field(ge=1, le=2**31 - 1)]


class Payload(BaseModel):
    """Frozen value inside a message. Unknown fields are ignored, so that an older reader accepts a newer writer."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Personal(Payload):
    """Payload with personal data; its repr shows no value, so that no log can show one."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(redacted)"

    def __str__(self) -> str:
        return repr(self)

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        return []


@dataclass(frozen=True, slots=True)
class Contract:
    """Annotation of a message type.

    With `whole` the message carries the whole state of its aggregate, so that older events add nothing to it.
    """

    type: str
    topic: Topic
    key: str
    kind: Kind
    triggered_by: str
    whole: bool = False


class Message(Payload):
    """Base of every message; `@contract` sets `contract`."""

    contract: ClassVar[Contract]

    @property
    def key(self) -> str:
        """Id of the aggregate as text: the Kafka key and the CloudEvents subject."""
        return str(getattr(self, self.contract.key))


M = TypeVar("M", bound=Message)
_REGISTRY: dict[str, type[Message]] = {}


def contract(
    type_: str, *, topic: Topic, key: str, triggered_by: str, kind: Kind = "event", whole: bool = False
) -> Callable[[type[M]], type[M]]:
    """Annotate a message class and register it under its type.

    Raises ValueError for a type that is registered already.
    """

    def annotate(message: type[M]) -> type[M]:
        if type_ in _REGISTRY:
            raise ValueError(f"two messages of type {type_}")
        if key not in message.model_fields:
            raise ValueError(f"{message.__name__} has no field {key}")
        message.contract = Contract(type_, TOPICS_BY_NAME[topic.name], key, kind, triggered_by, whole)
        _REGISTRY[type_] = message
        return message

    return annotate


def message_for(type_: str) -> type[Message] | None:
    """Return the class that reads messages of this type, or None for an unknown type."""
    if type_ not in _REGISTRY:
        _register_all()
    return _REGISTRY.get(type_)


def all_messages() -> list[type[Message]]:
    """Return every message class, ordered by type."""
    _register_all()
    return [_REGISTRY[name] for name in sorted(_REGISTRY)]


@cache
def _register_all() -> None:
    """Import the modules of all services' messages, whose classes register themselves."""
    for owner in ("dashboard", "invitations", "notifier", "roster", "signup"):
        import_module(f"shared.contracts.{owner}")
