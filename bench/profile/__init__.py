"""Where the time of a run goes: Python functions by py-spy, statements by PostgreSQL itself."""

from bench.profile.spy import Function, Summary, profile
from bench.profile.statements import OPTIONS, Statement, StatementCounter

__all__ = ["OPTIONS", "Function", "Statement", "StatementCounter", "Summary", "profile"]
