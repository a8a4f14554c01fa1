"""Settings of the notifier: `NOTIFIER_*`, beside the common `KINVITE_*`."""

from __future__ import annotations

from dataclasses import dataclass, field
from email import policy
from email.headerregistry import Address
from typing import Literal, Self
from urllib.parse import unquote, urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from shared.runtime.core import ServiceSettings

Security = Literal["plain", "starttls", "tls"]
_SID = r"(verify|invite|verify_reminder|invite_reminder)(/[a-z]{2,3}(-[a-z0-9]{2,8})*)?=HX[0-9A-Za-z]{8,64}"
_SCHEMES: dict[str, tuple[Security, int]] = {
    "smtp": ("plain", 25),
    "smtps": ("tls", 465),
    "smtp+starttls": ("starttls", 587),
}


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Address, protection and credentials of the SMTP server."""

    host: str
    port: int
    security: Security
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, url: str) -> Self:
        """Parse `smtp://`, `smtps://` (TLS from the first byte) or `smtp+starttls://` `[user:password@]host[:port]`.

        Raises ValueError for any other text, and for a password that would be sent without encryption; the text of the
        error never contains the URL.
        """
        parts = urlsplit(url)
        if parts.scheme not in _SCHEMES or not parts.hostname or parts.path.strip("/") or parts.query:
            raise ValueError("write smtp://host:port, smtps://host:port or smtp+starttls://host:port")
        security, default_port = _SCHEMES[parts.scheme]
        if parts.username and security == "plain":
            raise ValueError("a password needs smtps:// or smtp+starttls://")
        return cls(
            parts.hostname,
            parts.port or default_port,
            security,
            unquote(parts.username) if parts.username else None,
            unquote(parts.password or "") if parts.username else None,
        )


class Settings(ServiceSettings):
    """Settings of the notifier.

    Without `smtp_url` e-mail is not set up, and every e-mail message fails with that reason; the same holds for SMS and
    WhatsApp without Twilio. `smtp_connections` and `twilio_connections` (for SMS and for WhatsApp each) are shared by
    both lanes: a quarter of them, at least one, is reserved for single messages.
    """

    model_config = SettingsConfigDict(env_prefix="NOTIFIER_")

    smtp_url: SecretStr | None = None
    smtp_ca_file: str | None = None
    smtp_helo_name: str | None = Field(None, pattern=r"^[A-Za-z0-9.\[\]:-]+$", max_length=253)
    smtp_connections: int = Field(8, ge=2, le=200)
    smtp_connect_seconds: float = Field(10.0, gt=0, le=300)
    smtp_command_seconds: float = Field(30.0, gt=0, le=300)
    smtp_data_seconds: float = Field(60.0, gt=0, le=600)
    mail_from: str = "Kinvite <no-reply@kinvite.invalid>"
    twilio_account_sid: str = Field("", pattern=r"^(AC[0-9A-Za-z]{8,64})?$")
    twilio_auth_token: SecretStr = SecretStr("")
    twilio_base_url: str = Field("https://api.twilio.com", pattern=r"^https?://[^\s/]+$")
    """Base URL of the API, for an edge location or for tests."""
    twilio_sms_from: str = Field(
        "", pattern=r"^(\+[1-9][0-9]{4,14}|MG[0-9A-Za-z]{8,64}|[A-Za-z][0-9A-Za-z ]{0,10})?$"
    )
    """A number in E.164, a messaging service (MG…) or a sender name; if empty, SMS is not set up."""
    twilio_whatsapp_from: str = Field("", pattern=r"^(\+[1-9][0-9]{4,14}|MG[0-9A-Za-z]{8,64})?$")
    """A number in E.164 or a messaging service (MG…); if empty, WhatsApp is not set up."""
    twilio_content_sids: str = Field("", pattern=f"^({_SID}(,{_SID})*)?$")
    """Approved WhatsApp templates: `verify=HX…,verify/de=HX…,invite=HX…`."""
    twilio_connections: int = Field(8, ge=2, le=200)
    twilio_request_seconds: float = Field(10.0, gt=0, le=60)
    text_countries: str = Field("", pattern=r"^([A-Z]{2}(,[A-Z]{2})*)?$")
    """Countries to which SMS and WhatsApp messages may be sent, `DE,AT,CH`; if empty, to any."""
    texts_per_school_hour: int = Field(3_000, ge=0)
    """SMS and WhatsApp messages that a school may send in an hour; further ones wait for the next. 0 means no limit."""
    attempt_limit: int = Field(20, ge=1, le=100)
    lease_seconds: float = Field(20.0, ge=2, le=600)
    poll_milliseconds: int = Field(200, ge=10, le=60_000)
    report_poll_milliseconds: int = Field(1_000, ge=10, le=60_000)
    """Interval at which reports received by other processes are applied; those received here are applied at once."""

    @field_validator("smtp_url")
    @classmethod
    def _check_smtp_url(cls, url: SecretStr | None) -> SecretStr | None:
        if url is None or not url.get_secret_value():
            return None
        SmtpServer.parse(url.get_secret_value())
        return url

    @field_validator("mail_from")
    @classmethod
    def _check_mail_from(cls, text: str) -> str:
        _address(text)
        return text

    @model_validator(mode="after")
    def _check_twilio(self) -> Self:
        """Reject a partial Twilio account, which could send nothing and would report no error."""
        token = self.twilio_auth_token.get_secret_value()
        parts = (self.twilio_account_sid, token, self.twilio_sms_from or self.twilio_whatsapp_from)
        if any(parts) and not all(parts):
            raise ValueError(
                "NOTIFIER_TWILIO_ACCOUNT_SID, NOTIFIER_TWILIO_AUTH_TOKEN and one of NOTIFIER_TWILIO_SMS_FROM and "
                "NOTIFIER_TWILIO_WHATSAPP_FROM go together"
            )
        return self

    @property
    def content_sids(self) -> dict[str, str]:
        """Approved WhatsApp templates by `template` or `template/language`."""
        return dict(part.split("=") for part in self.twilio_content_sids.split(",") if part)

    @property
    def phone_countries(self) -> frozenset[str]:
        """Countries of the phones that may be sent to; empty means any."""
        return frozenset(part for part in self.text_countries.split(",") if part)

    @property
    def smtp_server(self) -> SmtpServer | None:
        """SMTP server, or None where e-mail is not set up."""
        return None if self.smtp_url is None else SmtpServer.parse(self.smtp_url.get_secret_value())

    @property
    def sender(self) -> Address:
        """Sender (From) of every e-mail message."""
        return _address(self.mail_from)

    @property
    def helo_name(self) -> str:
        """Host name in EHLO: `smtp_helo_name`, otherwise the host of the public URL."""
        return self.smtp_helo_name or urlsplit(self.public_url).hostname or "localhost"


def _address(text: str) -> Address:
    """Parse one address with an optional display name. Raises ValueError for anything else."""
    if not text.isprintable():
        raise ValueError("write Name <address@domain>")
    header = policy.SMTP.header_factory("From", text)
    addresses: tuple[Address, ...] = header.addresses
    if (
        len(addresses) != 1
        or header.defects
        or not addresses[0].domain
        or not addresses[0].addr_spec.isascii()
    ):
        raise ValueError("write Name <address@domain>, with one address")
    return addresses[0]
