"""Defaults of replicas."""

from __future__ import annotations

from uuid import UUID

from services.signup.domain.replicas import Parent, Student

FIRST, SECOND = UUID(int=1), UUID(int=2)


def test_replicas_are_not_removed_by_default() -> None:
    assert not Student(FIRST, SECOND, 1).removed
    assert not Parent(FIRST, SECOND, 1).removed
