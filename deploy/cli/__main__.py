"""`python -m deploy.cli`: the `kinvite` command."""

from __future__ import annotations

from deploy.cli.main import app

if __name__ == "__main__":
    app(prog_name="kinvite")
