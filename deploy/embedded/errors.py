"""Errors that the user can fix. Each ends the run with one sentence on standard error."""

from __future__ import annotations


class CannotRun(Exception):
    """Startup failure. The text is one plain sentence with cause and remedy; `code` is the exit status."""

    code = 1


class WrongSettings(CannotRun):
    """A missing or invalid setting."""

    code = 78
