#!/bin/sh
# Writes the settings that docker-compose.yml cannot do without into .env, each with a value made here.
# What is already there stays as it is, so it can be run again at any time, and after an update.
set -eu
umask 077
cd "$(dirname "$0")/../.."
file=${1:-.env}
touch "$file"

random() { od -An -v -tx1 -N "$1" /dev/urandom | tr -d ' \n'; }
keep_or_add() {
    grep -q "^$1=" "$file" || printf '%s=%s\n' "$1" "$2" >>"$file"
}

keep_or_add POSTGRES_PASSWORD "$(random 24)"
keep_or_add KINVITE_DATABASE_PASSWORD "$(random 24)"
keep_or_add KINVITE_DATABASE_APP_PASSWORD "$(random 24)"
keep_or_add KINVITE_AUTH_SECRET "$(random 32)"
keep_or_add KINVITE_TOKEN_KEYS "k1:$(random 32)"
keep_or_add DASHBOARD_OWNER_EMAIL "admin@kinvite.example"
keep_or_add DASHBOARD_OWNER_PASSWORD "$(random 10)"

echo "$file is complete. The first sign-in is DASHBOARD_OWNER_EMAIL with DASHBOARD_OWNER_PASSWORD from it." >&2
echo "Keep a copy of it where you keep backups: links that were sent cannot be used without its keys." >&2
