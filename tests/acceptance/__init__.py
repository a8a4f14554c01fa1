"""Tests of whole installations: the main job and the demo, as users run them."""

from __future__ import annotations
