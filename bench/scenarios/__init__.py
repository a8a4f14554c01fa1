"""Scenarios, a file each, that yield figures with the goal where there is one."""
