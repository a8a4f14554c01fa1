#!/bin/sh
# The `kinvite` command inside a container: docker compose exec dashboard kinvite --help
PYTHONPATH=/app exec python -m deploy.cli "$@"
