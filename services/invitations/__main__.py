"""Command line of the service: `python -m services.invitations migrate|api|worker`."""

from __future__ import annotations

from pathlib import Path

from services.invitations.app import create_app
from services.invitations.settings import Settings
from shared.runtime.process import main

VERSIONS = Path(__file__).parent / "migrations" / "versions"

if __name__ == "__main__":
    main("invitations", create_app, Settings, VERSIONS)
