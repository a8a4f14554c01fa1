#!/bin/bash
# The PostgreSQL image runs this script when its volume is new. It creates the owner of the tables and the database.
# All other database settings of Compose are in the x-database lines of docker-compose.yml.
set -euo pipefail
psql --set ON_ERROR_STOP=1 --set password="$KINVITE_DATABASE_PASSWORD" --username "$POSTGRES_USER" --dbname postgres <<'SQL'
CREATE ROLE kinvite LOGIN NOINHERIT CREATEROLE PASSWORD :'password';
CREATE DATABASE kinvite OWNER kinvite;
SQL
