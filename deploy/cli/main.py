"""The `kinvite` command: its verbs, and how a failure ends it."""

from __future__ import annotations

import sys
from typing import Any

import typer
from typer.core import TyperGroup

from deploy.cli import dashboard, families, installation, letters, messages, people, running, schools, tokens
from deploy.cli.api import Refused, Unavailable
from deploy.cli.outcome import FAILED, UNAVAILABLE, Failure, errors

HELP = """Gets every family of a school signed up.

Commands that talk to a running Kinvite take its address and a token from --url and --token, from KINVITE_URL and
KINVITE_TOKEN, or from credentials.json of the data directory (KINVITE_DATA). Commands that work on the database or
the broker read the same settings as the services (docs/settings.md).

Exit codes: 0 done, 1 failed, 2 wrong usage, 69 Kinvite does not answer, 78 settings are missing or wrong.
"""


class Verbs(TyperGroup):
    """Failures become one sentence on standard error and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Failure as error:
            _end(str(error), error.code)
        except Refused as error:
            _end(_refusal(error), FAILED)
        except Unavailable as error:
            _end(str(error), UNAVAILABLE)


def _refusal(error: Refused) -> str:
    """The reason, and each field that has to be corrected with what is wrong with it."""
    wrong = [one for one in error.problem.get("errors") or () if isinstance(one, dict) and one.get("message")]
    if wrong:
        return "\n".join([str(error), *(f"  {one.get('field', '')}: {one['message']}" for one in wrong)])
    field = error.problem.get("field")
    return f"{error} [{field}]" if field else str(error)


def _end(text: str, code: int) -> None:
    errors.print(f"kinvite: {text}", markup=False, highlight=False)
    sys.exit(code)


app = typer.Typer(
    cls=Verbs,
    help=HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for part in (running, schools, people, tokens, families, installation, letters, messages, dashboard):
    part.add_to(app)
