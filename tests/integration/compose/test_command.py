"""The `kinvite` command in a container, as docs/operations.md describes it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.acceptance.kinvite_up import families_csv
from tests.integration.compose.project import ComposeProject

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(2400)]


def _kinvite(project: ComposeProject, *arguments: str, stdin: str | None = None) -> Any:
    output = project.compose(
        "exec", "--no-TTY", "dashboard", "kinvite", *arguments, "--json", stdin=stdin, seconds=120
    )
    return json.loads(output)


def test_the_command_needs_no_token_and_no_settings_in_a_container(project: ComposeProject) -> None:
    assert {row["well"] for row in _kinvite(project, "doctor")} == {True}
    school_id = _kinvite(project, "school", "add", "Command School", "--country", "DE")["school_id"]
    file = families_csv(2, tag="command")
    state = _kinvite(project, "import", "/dev/stdin", "--school", school_id, stdin=file)
    assert state["state"] == "applied"
    assert state["counts"]["parents_new"] == 2
    sent_again = _kinvite(project, "outbox", "republish", "--since", "1h")
    assert {row["service"]: row["messages"] > 0 for row in sent_again}["roster"]
    assert _kinvite(project, "dlq", "list") == []
