"""The `kinvite` command."""

from __future__ import annotations
