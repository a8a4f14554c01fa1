"""Contracts: every message that crosses a service boundary, the topics, and the wire format.

Nothing is imported here, so that a program that needs only `values` or `quiet_hours` does not load the message classes.
"""
