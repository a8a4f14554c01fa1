"""What the server says before it starts."""

import os

import pytest

from deploy.embedded import server
from shared.runtime.core import ConfigurationError
from tests.support.apps import COMMON_ENVIRONMENT


def test_what_is_wrong_in_several_services_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("KINVITE_", "NOTIFIER_", "SIGNUP_"))]:
        monkeypatch.delenv(name)
    wrong = {
        "INVITATIONS_QUIET_HOURS": "25",
        "NOTIFIER_ATTEMPT_LIMIT": "0",
        "SIGNUP_PASSWORD_MIN_LENGTH": "x",
    }
    for name, value in {
        **COMMON_ENVIRONMENT,
        "KINVITE_DATABASE_URL": "postgresql+asyncpg://x/y",
        **wrong,
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as raised:
        server.settings_of_all()
    told = str(raised.value)
    for name in (*wrong, "KINVITE_KAFKA_BOOTSTRAP"):
        assert told.count(name) == 1
