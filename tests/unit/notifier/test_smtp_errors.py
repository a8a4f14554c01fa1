"""Meaning of SMTP replies."""

from __future__ import annotations

import pytest

from services.notifier.channels.base import Refused, SendError, TryLater, Unavailable
from services.notifier.channels.email.smtp_errors import Stage, error_for, find_enhanced_code

_CASES = [
    *[
        (Stage.RECIPIENT, 550, f"{code} gone", Refused, code)
        for code in ("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1", "5.4.4")
    ],
    (Stage.DATA, 550, "5.1.1 no such user", Refused, "5.1.1"),
    (Stage.RECIPIENT, 550, "No such user here", Refused, "550"),
    (Stage.RECIPIENT, 552, "5.2.2 mailbox full", TryLater, "5.2.2"),
    (Stage.RECIPIENT, 452, "4.2.2 mailbox full", TryLater, "4.2.2"),
    (Stage.RECIPIENT, 552, "over quota", TryLater, "552"),
    (Stage.RECIPIENT, 450, "4.7.1 greylisted", TryLater, "4.7.1"),
    (Stage.RECIPIENT, 451, "try again", TryLater, "451"),
    (Stage.RECIPIENT, 421, "4.3.2 shutting down", TryLater, "4.3.2"),
    (Stage.DATA, 451, "4.4.1 no answer from host", TryLater, "4.4.1"),
    (Stage.DATA, 554, "5.7.1 spam", Refused, "policy_5.7.1"),
    (Stage.RECIPIENT, 550, "5.7.26 unauthenticated sender", Refused, "policy_5.7.26"),
    (Stage.RECIPIENT, 550, "5.1.8 sender's domain does not exist", Refused, "policy_5.1.8"),
    (Stage.RECIPIENT, 530, "Authentication required", Refused, "policy_530"),
    (Stage.DATA, 554, "we do not like this", Refused, "policy_554"),
    (Stage.RECIPIENT, 550, "5.4.1 access denied", Refused, "5.4.1"),
    (Stage.RECIPIENT, -1, "what?", TryLater, "-1"),
    (Stage.CONNECT, 554, "5.7.1 you are on a list", Unavailable, "5.7.1"),
    (Stage.CONNECT, 421, "too many connections", Unavailable, "421"),
    (Stage.SENDER, 550, "5.7.1 sender refused", Unavailable, "5.7.1"),
    (Stage.SENDER, 451, "4.3.0 disk full", Unavailable, "4.3.0"),
]


@pytest.mark.parametrize(("stage", "code", "text", "expected", "shown"), _CASES)
def test_replies_are_classified(
    stage: Stage, code: int, text: str, expected: type[SendError], shown: str
) -> None:
    error = error_for(stage, code, text)
    assert type(error) is expected
    assert error.code == shown
    assert error.detail == f"{code} {text}"


def test_c14_the_reason_is_a_sentence_and_never_the_servers_text() -> None:
    error = error_for(Stage.RECIPIENT, 550, "5.1.1 <maria@example.org> unknown")
    assert error.reason == "There is no mailbox with this address."
    assert "maria" not in str(error)


def test_a_policy_refusal_blames_the_sender_not_the_parent() -> None:
    assert "not about the parent's address" in error_for(Stage.DATA, 554, "5.7.1 no").reason


def test_an_enhanced_code_of_another_class_is_not_believed() -> None:
    assert find_enhanced_code(550, "4.2.2 odd") is None
    assert find_enhanced_code(250, "2.0.0 fine") == "2.0.0"
    assert find_enhanced_code(550, "host [10.5.1.1] said no") is None
    assert find_enhanced_code(550, "Sorry, no mailbox here by that name. (#5.1.1)") == "5.1.1"
