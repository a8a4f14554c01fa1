"""The newest version of each replica in a batch."""

from __future__ import annotations

from typing import NamedTuple

from shared.runtime.database.replica import newest_versions


class _Replica(NamedTuple):
    number: int
    version: int
    name: str


def test_the_highest_version_of_each_key_counts() -> None:
    replicas = [
        _Replica(1, 2, "second"),
        _Replica(2, 7, "other"),
        _Replica(1, 3, "third"),
        _Replica(1, 1, "first"),
    ]
    assert newest_versions(replicas, "number") == [_Replica(1, 3, "third"), _Replica(2, 7, "other")]


def test_of_equal_versions_the_first_counts() -> None:
    replicas = [_Replica(1, 2, "first"), _Replica(1, 2, "second")]
    assert newest_versions(replicas, "number") == replicas[:1]


def test_no_replicas_give_none() -> None:
    assert newest_versions([], "number") == []
