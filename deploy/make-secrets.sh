#!/usr/bin/env bash
# Makes the passwords of docker-compose.yml as files in secrets/, each at random; what is there stays. For a password of your own, write the file.
# Containers read the files as other users than yours: they are readable to all, and the folder is not.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
folder=${1:-secrets}
umask 077
mkdir -p "$folder"
word() { printf '%s' "$(LC_ALL=C tr -dc 'A-Za-z0-9' </dev/urandom | head -c 40 || true)aA1"; } # SQL Server wants three kinds of characters
make() { # NAME TEXT
    [ -e "$folder/$1" ] || printf '%s' "$2" >"$folder/$1"
    chmod 444 "$folder/$1"
}
for name in mssql_sa_password migration_password worker_password neo4j_password postgres_password; do make "$name" "$(word)"; done
make neo4j_auth "neo4j/$(cat "$folder/neo4j_password")"
make dagster_postgres_url "postgresql://dagster:$(cat "$folder/postgres_password")@postgres:5432/dagster"
echo "secrets are in $PWD/$folder"
