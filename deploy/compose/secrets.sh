#!/bin/sh
# Write the settings that docker-compose.yml requires into .env, each with a generated value.
# Existing values are preserved, so the script can be run again at any time, for example after an update.
set -eu
umask 077
cd "$(dirname "$0")/../.."
file=${1:-.env}
touch "$file"

random() { od -An -v -tx1 -N "$1" /dev/urandom | tr -d ' \n'; }
add_if_missing() {
    grep -q "^$1=" "$file" || printf '%s=%s\n' "$1" "$2" >>"$file"
}

add_if_missing POSTGRES_PASSWORD "$(random 24)"
add_if_missing KINVITE_DATABASE_PASSWORD "$(random 24)"
add_if_missing KINVITE_DATABASE_APP_PASSWORD "$(random 24)"
add_if_missing KINVITE_AUTH_SECRET "$(random 32)"
add_if_missing KINVITE_TOKEN_KEYS "k1:$(random 32)"
add_if_missing DASHBOARD_OWNER_EMAIL "admin@kinvite.example"
add_if_missing DASHBOARD_OWNER_PASSWORD "$(random 10)"

echo "$file is complete. The first sign-in is DASHBOARD_OWNER_EMAIL with DASHBOARD_OWNER_PASSWORD from it." >&2
echo "Keep a copy of it where you keep backups: links that were sent cannot be used without its keys." >&2
