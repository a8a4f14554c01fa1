"""The way out: the owners' HTTP APIs, to which staff's commands go."""
