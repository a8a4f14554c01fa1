"""`python -m deploy.cli`: the `kinvite` command."""

from deploy.cli.main import app

if __name__ == "__main__":
    app(prog_name="kinvite")
