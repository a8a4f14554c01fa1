"""Link tokens: 128 bits that nobody computes without the key, the same at every derivation."""

from __future__ import annotations

import re
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.runtime.core import LinkPurpose, LinkTokenKeys, token_digest
from shared.runtime.core.link_tokens import TOKEN_CHARACTERS

KEYS = LinkTokenKeys.from_setting(f"new:{'ab' * 32},old:{'cd' * 32}")


@given(st.uuids(), st.integers(1, 2**31 - 1), st.sampled_from(["verify", "join"]))
def test_i27_token_is_22_url_characters_and_stable(
    invitation_id: UUID, generation: int, purpose: LinkPurpose
) -> None:
    token = KEYS.derive(purpose, invitation_id, generation, "new")
    assert re.fullmatch(rf"[A-Za-z0-9_-]{{{TOKEN_CHARACTERS}}}", token)
    assert token == KEYS.derive(purpose, invitation_id, generation, "new")
    assert KEYS.digest(purpose, invitation_id, generation, "new") == token_digest(token)
    assert token not in token_digest(token)


def test_i27_purpose_invitation_generation_and_key_each_change_the_token() -> None:
    one, two = uuid4(), uuid4()
    tokens = {
        KEYS.derive("verify", one, 1, "new"),
        KEYS.derive("join", one, 1, "new"),
        KEYS.derive("verify", two, 1, "new"),
        KEYS.derive("verify", one, 2, "new"),
        KEYS.derive("verify", one, 1, "old"),
    }
    assert len(tokens) == 5


def test_first_key_is_current_and_a_lost_key_derives_nothing() -> None:
    assert KEYS.current_id == "new"
    with pytest.raises(KeyError):
        KEYS.derive("verify", uuid4(), 1, "lost")


@pytest.mark.parametrize("setting", ["", "k1", "k1:", "k1:xyz", "k1:abcd", f"k1:{'ab' * 32},k1:{'cd' * 32}"])
def test_wrong_settings_are_refused_without_showing_a_key(setting: str) -> None:
    with pytest.raises(ValueError, match="token key") as caught:
        LinkTokenKeys.from_setting(setting)
    assert "ab" * 32 not in str(caught.value)


def test_keys_do_not_show_in_repr() -> None:
    assert "abab" not in repr(KEYS)
    assert "\\xab" not in repr(KEYS)
