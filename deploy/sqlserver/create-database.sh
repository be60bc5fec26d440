#!/usr/bin/env bash
# Makes database and logins. May run again: what is there stays, passwords are set to those given.
# The passwords are files in SECRETS_DIR (/run/secrets). They go to sqlcmd as scripting variables from the environment, where the script doubles their quotes: sqlcmd pastes
# variables into the text as they are.
set -euo pipefail
quoted() { printf '%s' "${1//\'/\'\'}"; }
secrets=${SECRETS_DIR:-/run/secrets}
migration_password=$(cat "$secrets/migration_password")
worker_password=$(cat "$secrets/worker_password")
migration_password=$(quoted "${migration_password:?is empty}")
worker_password=$(quoted "${worker_password:?is empty}")
SQLCMDPASSWORD=$(cat "$secrets/mssql_sa_password")
export migration_password worker_password SQLCMDPASSWORD
# -C: the container's own certificate; -b: an error ends it with a code that is not 0; -I: QUOTED_IDENTIFIER on.
exec /opt/mssql-tools18/bin/sqlcmd -U sa -C -b -I -i /sqlserver/create-database.sql
