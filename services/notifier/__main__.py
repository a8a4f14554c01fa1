"""`python -m services.notifier migrate|api|worker`."""

from __future__ import annotations

from pathlib import Path

from services.notifier.app import create_app
from services.notifier.settings import Settings
from shared.runtime.service import run_command

if __name__ == "__main__":
    run_command("notifier", create_app, Settings, Path(__file__).parent / "migrations" / "versions")
