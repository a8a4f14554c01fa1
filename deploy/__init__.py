"""Ways to run Kinvite: the embedded run, the `kinvite` command, the demo, and the files of the Compose project."""

from __future__ import annotations
