"""Demo: a sample school with simulated parents, which uses Kinvite over HTTP like any other client."""

from __future__ import annotations
