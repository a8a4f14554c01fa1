"""Versions of replicas."""

from __future__ import annotations

from operator import attrgetter
from uuid import UUID

from services.signup.domain.replicas import Parent, School, Student, newest_versions

FIRST, SECOND = UUID(int=1), UUID(int=2)


def test_the_highest_version_of_each_key_counts() -> None:
    replicas = [
        School(FIRST, 2, "Second", "en"),
        School(SECOND, 7, "Other", "de"),
        School(FIRST, 3, "Third", "en"),
        School(FIRST, 1, "First", "en"),
    ]
    newest = newest_versions(replicas, key=attrgetter("school_id"))
    assert newest == [School(FIRST, 3, "Third", "en"), School(SECOND, 7, "Other", "de")]


def test_of_equal_versions_the_first_counts() -> None:
    replicas = [School(FIRST, 2, "First", "en"), School(FIRST, 2, "Second", "en")]
    assert newest_versions(replicas, key=attrgetter("school_id")) == replicas[:1]


def test_no_replicas_give_none() -> None:
    assert newest_versions([], key=attrgetter("school_id")) == []


def test_replicas_are_not_removed_by_default() -> None:
    assert not Student(FIRST, SECOND, 1).removed
    assert not Parent(FIRST, SECOND, 1).removed
