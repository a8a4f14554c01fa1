"""The `kinvite` command in a container, as docs/operations.md tells operators to use it."""

import json
from typing import Any

import pytest

from tests.acceptance.kinvite_up import families_csv
from tests.integration.compose.stack import Stack

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(2400)]


def _kinvite(stack: Stack, *arguments: str, stdin: str | None = None) -> Any:
    printed = stack.compose(
        "exec", "--no-TTY", "dashboard", "kinvite", *arguments, "--json", stdin=stdin, seconds=120
    )
    return json.loads(printed)


def test_the_command_needs_no_token_and_no_settings_in_a_container(stack: Stack) -> None:
    assert {row["well"] for row in _kinvite(stack, "doctor")} == {True}
    school_id = _kinvite(stack, "school", "add", "Command School", "--country", "DE")["school_id"]
    file = families_csv(2, tag="command")
    loaded = _kinvite(stack, "import", "/dev/stdin", "--school", school_id, stdin=file)
    assert loaded["state"] == "applied"
    assert loaded["counts"]["parents_new"] == 2
    sent_again = _kinvite(stack, "outbox", "republish", "--since", "1h")
    assert {row["service"]: row["messages"] > 0 for row in sent_again}["roster"]
    assert _kinvite(stack, "dlq", "list") == []
