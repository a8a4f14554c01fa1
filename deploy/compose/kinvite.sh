#!/bin/sh
# The command in a container: docker compose exec dashboard kinvite --help
PYTHONPATH=/app exec python -m deploy.cli "$@"
