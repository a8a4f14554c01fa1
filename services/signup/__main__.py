"""`python -m services.signup migrate|api|worker`."""

from pathlib import Path

from services.signup.app import create_app
from services.signup.settings import Settings
from shared.runtime.service import run_command

VERSIONS = Path(__file__).parent / "migrations" / "versions"

if __name__ == "__main__":
    run_command("signup", create_app, Settings, VERSIONS)
