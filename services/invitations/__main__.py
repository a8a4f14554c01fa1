"""`python -m services.invitations migrate|api|worker`."""

from pathlib import Path

from services.invitations.app import create_app
from services.invitations.settings import Settings
from shared.runtime.service import run_command

VERSIONS = Path(__file__).parent / "migrations" / "versions"

if __name__ == "__main__":
    run_command("invitations", create_app, Settings, VERSIONS)
