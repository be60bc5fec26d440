#!/usr/bin/env bash
# Gives the application's login the role that the migration made for its schema: it may execute, and nothing else.
set -euo pipefail
schema=${HARTONOMOUS_SQLSERVER_SCHEMA:-dbo}
if ! [[ $schema =~ ^[A-Za-z_][A-Za-z0-9_]*$ ]]; then
    echo "HARTONOMOUS_SQLSERVER_SCHEMA is no plain name: $schema" >&2
    exit 2
fi
SQLCMDPASSWORD=$(cat "${SECRETS_DIR:-/run/secrets}/mssql_sa_password")
export SQLCMDPASSWORD
exec /opt/mssql-tools18/bin/sqlcmd -U sa -C -b -d Hartonomous \
    -Q "ALTER ROLE [hartonomous-worker-$schema] ADD MEMBER hartonomous_worker"
