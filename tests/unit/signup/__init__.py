"""Unit tests of signup."""
