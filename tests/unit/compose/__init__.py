"""Unit tests of the files of the Compose project, without a Docker engine."""

from __future__ import annotations
