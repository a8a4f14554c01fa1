"""Tests of the Compose project on a real Docker engine, with images that the machine has or can pull."""

from __future__ import annotations
