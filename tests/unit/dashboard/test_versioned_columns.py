"""Upserts of versioned column groups."""

from __future__ import annotations

from uuid import uuid4

from services.dashboard.domain.schools_students import Student
from services.dashboard.storage.versioned_columns import VersionedColumns, build_upsert, newest_per_key

KEYS = (("id", "uuid"),)
NAME = VersionedColumns((("version", "bigint"), ("name", "text")))
PLACE = VersionedColumns((("major", "integer"), ("minor", "integer"), ("place", "jsonb")), rank_size=2)


def test_a_group_is_newer_if_its_rank_is_greater_or_nothing_is_stored() -> None:
    assert NAME.is_newer == (
        "(excluded.version IS NOT NULL AND "
        "(stored.version IS NULL OR ROW(stored.version) < ROW(excluded.version)))"
    )
    assert "ROW(stored.major, stored.minor) <= ROW(excluded.major, excluded.minor)" in PLACE.is_not_older


def test_one_group_is_assigned_plainly_and_several_each_by_its_rank() -> None:
    [single, several] = [
        str(build_upsert("things", KEYS, groups).bind_columns({name: [] for name in columns})[0])
        for groups, columns in (
            ((NAME,), ("id", *NAME.names)),
            ((NAME, PLACE), ("id", *NAME.names, *PLACE.names)),
        )
    ]
    assert f"DO UPDATE SET version = excluded.version, name = excluded.name WHERE {NAME.is_newer}" in single
    assert f"name = CASE WHEN {NAME.is_newer} THEN excluded.name ELSE stored.name END" in several
    assert f"WHERE {NAME.is_newer} OR {PLACE.is_newer}" in several
    assert "CAST(place AS jsonb)" in several


def test_the_newest_version_of_each_key_is_taken() -> None:
    school_id, student_id = uuid4(), uuid4()
    versions = [Student(school_id, student_id, version, f"name {version}") for version in (2, 3, 1)]
    other = Student(school_id, uuid4(), 1)
    assert newest_per_key([*versions, other], lambda student: student.student_id) == [versions[1], other]
