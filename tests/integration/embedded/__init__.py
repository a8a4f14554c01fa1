"""Integration tests of the embedded run and its mailbox."""

from __future__ import annotations
