"""The files of the compose project, looked at without an engine."""
