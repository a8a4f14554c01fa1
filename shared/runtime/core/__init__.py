"""Foundations that need no connection and no web framework: errors, ids, settings, back-off, link tokens."""

from __future__ import annotations

from shared.runtime.core.backoff import Backoff
from shared.runtime.core.errors import (
    DatabaseRefused,
    Rejected,
    Transient,
    explain_database,
    is_invalid_value,
    is_transient,
)
from shared.runtime.core.ids import new_id, parse_uuid
from shared.runtime.core.link_tokens import LinkPurpose, LinkTokenKeys, token_digest
from shared.runtime.core.settings import ConfigurationError, ServiceSettings, load_settings, variable_name

__all__ = [
    "Backoff",
    "ConfigurationError",
    "DatabaseRefused",
    "LinkPurpose",
    "LinkTokenKeys",
    "Rejected",
    "ServiceSettings",
    "Transient",
    "explain_database",
    "is_invalid_value",
    "is_transient",
    "load_settings",
    "new_id",
    "parse_uuid",
    "token_digest",
    "variable_name",
]
