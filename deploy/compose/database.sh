#!/bin/bash
# Run by the PostgreSQL image when its volume is new: the user who owns Kinvite's tables, and the database.
# All that Compose does to the database is here and in the x-database lines of docker-compose.yml.
set -euo pipefail
psql --set ON_ERROR_STOP=1 --set password="$KINVITE_DATABASE_PASSWORD" --username "$POSTGRES_USER" --dbname postgres <<'SQL'
CREATE ROLE kinvite LOGIN NOINHERIT CREATEROLE PASSWORD :'password';
CREATE DATABASE kinvite OWNER kinvite;
REVOKE ALL ON DATABASE kinvite FROM PUBLIC;
SQL
