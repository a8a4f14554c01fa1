"""Migrations go one way, and say so in one sentence."""

import importlib.util
from pathlib import Path

import pytest

from shared.runtime.migrations import irreversible

_VERSIONS = sorted((Path(__file__).parents[2] / "services").glob("*/migrations/versions/*.py"))


@pytest.mark.parametrize("path", _VERSIONS, ids=lambda path: f"{path.parents[2].name}-{path.stem}")
def test_no_migration_can_be_undone_and_all_say_it_in_the_same_words(path: Path) -> None:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.downgrade is irreversible
    with pytest.raises(NotImplementedError, match="restore a backup"):
        module.downgrade()
