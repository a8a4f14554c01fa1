"""Profiles of a run: Python functions by py-spy, statements by PostgreSQL."""

from bench.profile.spy import Function, Summary, profile
from bench.profile.statements import OPTIONS, Statement, StatementCounter

__all__ = ["OPTIONS", "Function", "Statement", "StatementCounter", "Summary", "profile"]
