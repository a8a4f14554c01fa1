"""Grants of API tokens and their states."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from services.dashboard.domain.api_tokens import (
    MAX_LIFETIME_DAYS,
    MAX_NAME_LENGTH,
    RIGHTS,
    AccessToken,
    Authority,
    Grant,
    GrantError,
    TokenState,
    validate_grant,
)
from tests.unit.dashboard.builders import START

ELM, OAK = uuid4(), uuid4()
OPERATOR = Authority("operator", None)
ADMIN = frozenset({"admin"})


@pytest.mark.parametrize(
    ("grant", "field"),
    [
        (Grant(" ", frozenset({"roster:read"}), None), "name"),
        (Grant("a\x07b", frozenset({"roster:read"}), None), "name"),
        (Grant("a", frozenset(), None), "rights"),
        (Grant("a", frozenset({"everything"}), None), "rights"),
        (Grant("a", ADMIN, None, 0), "days"),
        (Grant("a", ADMIN, frozenset()), "school_ids"),
    ],
)
def test_a_wrong_grant_names_the_field(grant: Grant, field: str) -> None:
    with pytest.raises(GrantError) as caught:
        validate_grant(grant, Authority("staff:1", None))
    assert caught.value.field == field


def test_nobody_grants_more_schools_than_the_own() -> None:
    by = Authority("staff:1", frozenset({ELM}))
    assert validate_grant(Grant(" a  b ", ADMIN, frozenset({ELM})), by).name == "a b"
    for schools in (None, frozenset({ELM, OAK})):
        with pytest.raises(GrantError, match="school_not_found"):
            validate_grant(Grant("a", ADMIN, schools), by)


def test_limits_of_a_grant_are_inclusive() -> None:
    assert Grant("a", ADMIN, None).days == MAX_LIFETIME_DAYS
    for days in (1, MAX_LIFETIME_DAYS):
        assert validate_grant(Grant("a" * MAX_NAME_LENGTH, ADMIN, None, days), OPERATOR).days == days
    assert (MAX_NAME_LENGTH, MAX_LIFETIME_DAYS) == (100, 1_095)
    for grant in (
        Grant("a" * (MAX_NAME_LENGTH + 1), ADMIN, None),
        Grant("a", ADMIN, None, MAX_LIFETIME_DAYS + 1),
    ):
        with pytest.raises(GrantError):
            validate_grant(grant, OPERATOR)


def test_the_state_follows_from_expiry_and_revocation() -> None:
    token = AccessToken(uuid4(), "a", ADMIN, None, "operator", START, START + timedelta(days=1))
    assert token.state(START) is TokenState.VALID
    assert token.state(START + timedelta(days=1)) is TokenState.EXPIRED
    unlimited = AccessToken(uuid4(), "a", ADMIN, None, "operator", START, None)
    assert unlimited.state(START + timedelta(days=9_999)) is TokenState.VALID
    revoked = AccessToken(uuid4(), "a", ADMIN, None, "operator", START, START, revoked_at=START)
    assert revoked.state(START) is TokenState.REVOKED


def test_a_grant_may_have_every_right() -> None:
    every_right = frozenset(RIGHTS)
    assert validate_grant(Grant("a", every_right, None), OPERATOR).rights == every_right


def test_an_authority_covers_its_schools() -> None:
    assert OPERATOR.covers(None)
    assert Authority("staff:1", frozenset({ELM})).covers(frozenset({ELM}))
    assert not Authority("staff:1", frozenset({ELM})).covers(None)
