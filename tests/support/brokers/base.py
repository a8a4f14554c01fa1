"""Broker as a test knows it."""

import uuid
from dataclasses import dataclass, field
from typing import Literal, Protocol

Profile = Literal["embedded", "kafka"]


class Unavailable(Exception):
    """This broker cannot be had on this machine; the text states why and what would help."""


class RunningBroker(Protocol):
    """A broker process, or the address of one."""

    @property
    def bootstrap(self) -> str:
        """Return `host:port`."""

    def stop(self) -> None:
        """Stop the broker."""


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker for one test. `prefix` keeps the topics and groups of this test apart from all others."""

    bootstrap: str
    profile: Profile
    running: RunningBroker
    prefix: str = field(default_factory=lambda: f"t{uuid.uuid4().hex[:10]}.")

    @property
    def environment(self) -> dict[str, str]:
        """Return the settings with which a service uses it."""
        return {
            "KINVITE_KAFKA_BOOTSTRAP": self.bootstrap,
            "KINVITE_KAFKA_PROFILE": self.profile,
            "KINVITE_KAFKA_TOPIC_PREFIX": self.prefix,
        }
