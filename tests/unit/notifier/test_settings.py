"""Settings of the notifier: defaults, and values that are refused."""

from __future__ import annotations

import pytest

from services.notifier.settings import Settings, SmtpServer
from shared.runtime.core import ConfigurationError, load_settings
from tests.support.apps import COMMON_ENVIRONMENT

_ENVIRONMENT = {
    **COMMON_ENVIRONMENT,
    "KINVITE_DATABASE_URL": "postgresql+asyncpg://x@127.0.0.1/x",
    "KINVITE_KAFKA_BOOTSTRAP": "x",
}


@pytest.fixture(autouse=True)
def _common(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in _ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://127.0.0.1:1025", SmtpServer("127.0.0.1", 1025, "plain")),
        ("smtp://mail.example", SmtpServer("mail.example", 25, "plain")),
        ("smtps://u:p%40ss@mail.example", SmtpServer("mail.example", 465, "tls", "u", "p@ss")),
        ("smtp+starttls://u@mail.example:25/", SmtpServer("mail.example", 25, "starttls", "u", "")),
        ("smtp://[::1]:25", SmtpServer("::1", 25, "plain")),
    ],
)
def test_good_urls(url: str, expected: SmtpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFIER_SMTP_URL", url)
    assert load_settings(Settings).smtp_server == expected


@pytest.mark.parametrize(
    "url",
    [
        "http://mail.example",
        "mail.example:25",
        "smtp://",
        "smtp://u:secret@mail.example",
        "smtp://h:99999",
        "smtp://h/x",
    ],
)
def test_bad_urls_are_refused_without_being_shown(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFIER_SMTP_URL", url)
    with pytest.raises(ConfigurationError) as caught:
        load_settings(Settings)
    assert "NOTIFIER_SMTP_URL" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_without_a_server_email_is_not_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings(Settings).smtp_server is None
    monkeypatch.setenv("NOTIFIER_SMTP_URL", "")
    assert load_settings(Settings).smtp_server is None


def test_the_sender_has_a_name_and_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFIER_MAIL_FROM", "Schule am Wald, Köln <post@schule.example>")
    with pytest.raises(ConfigurationError):
        load_settings(Settings)
    monkeypatch.setenv("NOTIFIER_MAIL_FROM", '"Schule am Wald, Köln" <post@schule.example>')
    sender = load_settings(Settings).sender
    assert (sender.display_name, sender.addr_spec) == ("Schule am Wald, Köln", "post@schule.example")


@pytest.mark.parametrize(
    "text", ["", "Kinvite", "a@b.example, c@d.example", "x\r\nBcc: y@z.example", "jörg@b.example"]
)
def test_a_bad_sender_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFIER_MAIL_FROM", text)
    with pytest.raises(ConfigurationError):
        load_settings(Settings)


def test_the_helo_name_is_the_host_that_parents_know(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings(Settings).helo_name == "kinvite.test"
    monkeypatch.setenv("NOTIFIER_SMTP_HELO_NAME", "mail.school.example")
    assert load_settings(Settings).helo_name == "mail.school.example"


def test_the_repr_shows_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFIER_SMTP_URL", "smtps://u:hunter2@mail.example")
    assert "hunter2" not in repr(load_settings(Settings)) + repr(load_settings(Settings).smtp_server)


_TWILIO = {
    "NOTIFIER_TWILIO_ACCOUNT_SID": "AC0123456789",
    "NOTIFIER_TWILIO_AUTH_TOKEN": "secret token",
    "NOTIFIER_TWILIO_SMS_FROM": "+15550100200",
}


def test_twilio_is_off_until_it_is_set_up_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings(Settings).twilio_account_sid == ""
    for name, value in _TWILIO.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("NOTIFIER_TWILIO_CONTENT_SIDS", "verify=HX12345678,invite/de-at=HXabcdefgh")
    settings = load_settings(Settings)
    assert settings.content_sids == {"verify": "HX12345678", "invite/de-at": "HXabcdefgh"}
    assert "secret token" not in repr(settings)


@pytest.mark.parametrize("missing", list(_TWILIO))
def test_half_of_twilio_is_refused_by_name(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in _TWILIO.items():
        monkeypatch.setenv(name, value if name != missing else "")
    with pytest.raises(ConfigurationError, match="NOTIFIER_TWILIO_AUTH_TOKEN") as caught:
        load_settings(Settings)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ACCOUNT_SID", "nobody"),
        ("SMS_FROM", "0151 1234"),
        ("WHATSAPP_FROM", "Hill School"),
        ("BASE_URL", "api.twilio.com"),
        ("BASE_URL", "https://api.twilio.com/path"),
        ("CONTENT_SIDS", "hello=HX12345678"),
        ("CONTENT_SIDS", "verify=12345678"),
        ("REQUEST_SECONDS", "0"),
    ],
)
def test_wrong_twilio_settings_are_named(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, good in _TWILIO.items():
        monkeypatch.setenv(variable, good)
    monkeypatch.setenv(f"NOTIFIER_TWILIO_{name}", value)
    with pytest.raises(ConfigurationError, match=f"NOTIFIER_TWILIO_{name}"):
        load_settings(Settings)
