"""Settings that all services share. Each service adds a class of its own with its own prefix."""

from __future__ import annotations

import re
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

S = TypeVar("S", bound="ServiceSettings")


def _database_url(value: str) -> str:
    if not re.fullmatch(r"postgresql\+asyncpg://(\S+@)?[^\s/@]*/[^\s/]+", value):
        raise ValueError("use postgresql+asyncpg://user:password@host:5432/name")
    return value


DatabaseUrl = Annotated[str, AfterValidator(_database_url)]


class ConfigurationError(Exception):
    """Missing or invalid settings; the text lists every problem, one per line, and no value."""


class ServiceSettings(BaseSettings):
    """Settings of every service, read from `KINVITE_*`."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
        populate_by_name=True,
        use_attribute_docstrings=True,
    )

    database_url: DatabaseUrl = Field(validation_alias="KINVITE_DATABASE_URL", repr=False)
    """The database as the services' own user, who owns nothing: `postgresql+asyncpg://user:password@host:5432/name`.
    `migrate` makes the user where there is none."""

    database_owner_url: DatabaseUrl | None = Field(
        None, validation_alias="KINVITE_DATABASE_OWNER_URL", repr=False
    )
    """The same database as the user who owns the tables and may make roles. Only `migrate` reads it: leave it out
    wherever a service runs."""

    database_pool_size: int = Field(8, ge=2, le=100, validation_alias="KINVITE_DATABASE_POOL_SIZE")
    kafka_bootstrap: str = Field(validation_alias="KINVITE_KAFKA_BOOTSTRAP")
    kafka_profile: Literal["kafka", "embedded"] = Field("kafka", validation_alias="KINVITE_KAFKA_PROFILE")
    kafka_topic_prefix: str = Field("", validation_alias="KINVITE_KAFKA_TOPIC_PREFIX")
    relay_poll_milliseconds: int = Field(
        100, ge=10, le=60_000, validation_alias="KINVITE_RELAY_POLL_MILLISECONDS"
    )
    outbox_retention_days: int = Field(7, ge=1, validation_alias="KINVITE_OUTBOX_RETENTION_DAYS")
    """How long a published message is kept after it was emitted, so that a lost broker can be refilled."""

    dead_letter_limit_per_hour: int = Field(
        1_000, ge=1, validation_alias="KINVITE_DEAD_LETTER_LIMIT_PER_HOUR"
    )
    public_url: str = Field(pattern=r"^https?://[^\s/]+$", validation_alias="KINVITE_PUBLIC_URL")
    token_keys: SecretStr = Field(validation_alias="KINVITE_TOKEN_KEYS")
    auth_secret: SecretStr = Field(min_length=32, validation_alias="KINVITE_AUTH_SECRET")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", validation_alias="KINVITE_LOG_LEVEL"
    )
    http_host: str = Field("127.0.0.1", validation_alias="KINVITE_HTTP_HOST")
    http_port: int = Field(8000, ge=1, le=65_535, validation_alias="KINVITE_HTTP_PORT")

    channels: str = Field(
        "email",
        pattern=r"^(email|sms|whatsapp)(,(email|sms|whatsapp))*$",
        validation_alias="KINVITE_CHANNELS",
    )
    """What this installation sends by, comma-separated: `email`, `sms`, `whatsapp`; the notifier has to be set up for
    each of them."""

    trusted_proxies: str = Field("", validation_alias="KINVITE_TRUSTED_PROXIES")
    """Addresses whose X-Forwarded-For is believed, comma-separated; empty: nobody's, the peer is the caller."""

    @property
    def secure(self) -> bool:
        """Whether parents and staff use https, so that cookies can require it."""
        return self.public_url.startswith("https://")


def load_settings(settings_class: type[S]) -> S:
    """Read the settings from the environment. Raises ConfigurationError, which names every invalid one at once."""
    try:
        return settings_class()
    except ValidationError as error:
        lines = []
        for item in error.errors(include_input=False, include_url=False):
            name = variable_name(settings_class, str(item["loc"][0]) if item["loc"] else "")
            lines.append(f"{name}: {item['msg']}")
        raise ConfigurationError("\n".join(sorted(lines))) from None


def variable_name(settings_class: type[ServiceSettings], name: str) -> str:
    """Return the environment variable of a field; an alias is its own variable."""
    field = settings_class.model_fields.get(name)
    if field is None:
        return name
    alias = field.validation_alias
    return (
        alias
        if isinstance(alias, str)
        else f"{settings_class.model_config.get('env_prefix', '')}{name}".upper()
    )
