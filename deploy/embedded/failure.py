"""The one kind of failure that a person can mend: it ends the run with a single sentence."""


class CannotRun(Exception):
    """Its text is one sentence in plain words that says what is wrong and what helps; `code` is the exit status."""

    code = 1


class WrongSettings(CannotRun):
    """A setting is missing or wrong."""

    code = 78
