"""Digests of what browsers send."""

from __future__ import annotations

import hashlib

from services.signup.use_cases.digests import client_digest, form_token, is_form_token, secret_digest
from shared.runtime.core import token_digest

UNPAIRED = "\ud800"


def test_a_link_token_has_the_digest_that_invitations_publishes() -> None:
    assert secret_digest("a-token") == token_digest("a-token")
    assert secret_digest("a-token") == hashlib.sha256(b"a-token").hexdigest()


def test_any_text_has_a_digest() -> None:
    for digest in (secret_digest, client_digest, form_token):
        assert digest(UNPAIRED) != digest("a-token")


def test_digests_of_one_text_for_different_ends_differ() -> None:
    assert len({secret_digest("x"), client_digest("x"), form_token("x")}) == 3


def test_only_the_token_of_the_session_is_its_form_token() -> None:
    assert is_form_token("secret", form_token("secret"))
    for given in ("", form_token("another secret"), "é", UNPAIRED):
        assert not is_form_token("secret", given)
