"""Integration tests of the `kinvite` command."""

from __future__ import annotations
