"""Unit tests of the `kinvite` command without an installation: commands, help texts and exit codes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from deploy.cli.main import app

COMMANDS = [
    *("up", "demo", "serve", "migrate", "topics", "doctor", "school", "admin", "token"),
    *("import", "invite", "bulk", "status", "dlq", "outbox", "contracts"),
]
_PREFIXES = ("KINVITE_", "ROSTER_", "INVITATIONS_", "NOTIFIER_", "SIGNUP_", "DASHBOARD_")


@pytest.fixture(autouse=True)
def without_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Remove all settings of the environment and point to an empty data directory."""
    for name in [name for name in os.environ if name.startswith(_PREFIXES)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KINVITE_DATA", str(tmp_path))


def kinvite(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_help_names_every_command() -> None:
    shown = kinvite("--help").output
    for command in COMMANDS:
        assert f"\n  {command} " in shown


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example_and_json(command: str) -> None:
    result = kinvite(command, "--help")
    assert result.exit_code == 0
    subcommands = [
        line.split()[0] for line in result.output.partition("Commands:\n")[2].splitlines() if line.strip()
    ]
    for subcommand in subcommands:
        assert "Example" in kinvite(command, subcommand, "--help").output, subcommand
    if not subcommands:
        assert "Example" in result.output
    if command not in ("up", "demo", "serve"):
        assert all(
            "--json" in kinvite(command, *path, "--help").output
            for path in ([[subcommand] for subcommand in subcommands] or [[]])
        )


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["bulk", "--nonsense"], ["dlq", "replay"], ["serve", "nobody"], ["token", "mint", "a"]],
)
def test_wrong_usage_is_2(arguments: list[str]) -> None:
    assert kinvite(*arguments).exit_code == 2


def test_no_installation_is_78_and_names_the_remedy() -> None:
    result = kinvite("status")
    assert result.exit_code == 78
    assert "kinvite up" in result.output


def test_nobody_there_is_69() -> None:
    result = kinvite("status", "--url", "http://127.0.0.1:9", "--token", "x")
    assert result.exit_code == 69
    assert "does not answer" in result.output


def test_wrong_settings_are_78_and_named_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KINVITE_DATABASE_URL", "postgresql+asyncpg://nobody@127.0.0.1:9/none")
    monkeypatch.setenv("NOTIFIER_ATTEMPT_LIMIT", "0")
    monkeypatch.setenv("SIGNUP_PASSWORD_MIN_LENGTH", "3")
    result = kinvite("migrate")
    assert result.exit_code == 78
    for name in (
        "KINVITE_KAFKA_BOOTSTRAP",
        "KINVITE_AUTH_SECRET",
        "NOTIFIER_ATTEMPT_LIMIT",
        "SIGNUP_PASSWORD_MIN_LENGTH",
    ):
        assert result.output.count(name) == 1


def test_a_database_that_does_not_answer_is_69(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KINVITE_DATABASE_URL", "postgresql+asyncpg://nobody@127.0.0.1:9/none")
    assert kinvite("dlq", "list").exit_code == 69
    assert kinvite("token", "list").exit_code == 69
    assert kinvite("admin", "end", "office@hill.example").exit_code == 69


def test_contracts_are_listed_and_shown() -> None:
    listed = json.loads(kinvite("contracts", "list", "--json").stdout)
    assert {"type": "signup.account.signed_up.v1", "kind": "event", "topic": "signup.account"} in listed
    shown = json.loads(kinvite("contracts", "show", "signup.account.signed_up.v1").stdout)
    assert "properties" in shown
    assert kinvite("contracts", "show", "nothing.v1").exit_code == 2


def test_topics_can_be_listed_without_a_broker() -> None:
    listed = json.loads(kinvite("topics", "--list", "--json").stdout)
    assert {"roster.parent", "notifier.commands"} <= {topic["topic"] for topic in listed}
