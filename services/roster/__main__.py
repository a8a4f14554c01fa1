"""`python -m services.roster migrate|api|worker`."""

from pathlib import Path

from services.roster.app import create_app
from services.roster.settings import Settings
from shared.runtime.service import run_command

if __name__ == "__main__":
    run_command("roster", create_app, Settings, Path(__file__).parent / "migrations" / "versions")
