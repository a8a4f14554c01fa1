"""Signup: its rules."""
