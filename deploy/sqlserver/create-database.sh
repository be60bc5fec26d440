#!/usr/bin/env bash
# Makes database and logins. May run again: what is there stays, passwords are set to those given.
# The passwords go to sqlcmd as scripting variables from the environment, where the script doubles their quotes: sqlcmd pastes
# variables into the text as they are.
set -euo pipefail
quoted() { printf '%s' "${1//\'/\'\'}"; }
migration_password=$(quoted "${HARTONOMOUS_MIGRATION_PASSWORD:?is not set}")
worker_password=$(quoted "${HARTONOMOUS_WORKER_PASSWORD:?is not set}")
export migration_password worker_password
# -C: the container's own certificate; -b: an error ends it with a code that is not 0; -I: QUOTED_IDENTIFIER on.
exec /opt/mssql-tools18/bin/sqlcmd -U sa -C -b -I -i /sqlserver/create-database.sql
