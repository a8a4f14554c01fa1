"""Command line of the dashboard: `python -m services.dashboard migrate|api|worker`."""

from __future__ import annotations

from pathlib import Path

from services.dashboard.app import create_app
from services.dashboard.settings import Settings
from shared.runtime.service import run_command

if __name__ == "__main__":
    run_command("dashboard", create_app, Settings, Path(__file__).parent / "migrations" / "versions")
