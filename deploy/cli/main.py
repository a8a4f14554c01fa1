"""Entry point of the `kinvite` command: assembles the commands and turns errors into exit codes."""

from __future__ import annotations

import sys
from typing import Any

import typer
from typer.core import TyperGroup

from deploy.cli import (
    dashboard,
    dead_letters,
    installation,
    launcher,
    onboarding,
    outbox,
    schools,
    staff,
    tokens,
)
from deploy.cli.api import Refused, Unavailable
from deploy.cli.output import FAILED, UNAVAILABLE, Failure, stderr

HELP = """Gets every family of a school signed up.

Commands that talk to a running Kinvite take its address and a token from --url and --token, from KINVITE_URL and
KINVITE_TOKEN, or from credentials.json of the data directory (KINVITE_DATA). Commands that work on the database or
the broker read the same settings as the services (docs/settings.md).

Exit codes: 0 done, 1 failed, 2 wrong usage, 69 Kinvite does not answer, 78 settings are missing or wrong.
"""


class KinviteGroup(TyperGroup):
    """Command group that prints an expected error on standard error and ends with its exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the selected command."""
        try:
            return super().invoke(ctx)
        except Failure as error:
            _exit(str(error), error.code)
        except Refused as error:
            _exit(_describe_refusal(error), FAILED)
        except Unavailable as error:
            _exit(str(error), UNAVAILABLE)


def _describe_refusal(refusal: Refused) -> str:
    """Return the reason, followed by the invalid fields with their error messages."""
    errors = [
        error
        for error in refusal.problem.get("errors") or ()
        if isinstance(error, dict) and error.get("message")
    ]
    if errors:
        lines = [f"  {error.get('field', '')}: {error['message']}" for error in errors]
        return "\n".join([str(refusal), *lines])
    field = refusal.problem.get("field")
    return f"{refusal} [{field}]" if field else str(refusal)


def _exit(text: str, code: int) -> None:
    stderr.print(f"kinvite: {text}", markup=False, highlight=False)
    sys.exit(code)


app = typer.Typer(
    cls=KinviteGroup,
    help=HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (
    launcher,
    schools,
    staff,
    tokens,
    onboarding,
    installation,
    dead_letters,
    outbox,
    dashboard,
):
    module.add_commands(app)
