"""Brings the schema of the database up to date, or only shows it, for `hartonomous migrate`."""

from typing import Any

from hartonomous_resources.database.protocol import Database
from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.resources import delete_former_graph
from hartonomous_resources.settings import Settings
from hartonomous_service.arguments import Version, checked
from hartonomous_service.dagster_home import prepare_dagster_home
from hartonomous_service.errors import Invalid
from hartonomous_service.home_database import require_database


@checked
def migrate_schema(
    settings: Settings, *, status: bool = False, dry_run: bool = False, to: Version | None = None, adopt: bool = False
) -> dict[str, Any]:
    """Run the migrations that are pending, up to version `to`; with `status` only show what ran, with `dry_run` what would run.

    `adopt` first takes over the tables of the .NET system on SQL Server. Returns {"ran": [name], "adopted": [sentence], "migrations"}.

    Raises Invalid for `adopt` without SQL Server, NotFound where there is no database to show, DatabaseError for a schema that cannot be migrated.
    """
    adopted: list[str] = []
    if settings.uses_sqlserver:
        from hartonomous_resources.database.sqlserver.sqlserver_database import SqlServerDatabase

        if adopt and not status:
            from hartonomous_resources.database.sqlserver.adoption.adopt_schema import adopt_schema

            adopted = adopt_schema(settings, dry_run=dry_run)
        database: Database = SqlServerDatabase(settings)
    else:
        if adopt:
            raise Invalid(
                "only SQL Server has such tables: set HARTONOMOUS_SQLSERVER_DSN or HARTONOMOUS_SQLSERVER_SERVER",
                argument="adopt",
            )
        if status or dry_run:
            require_database(settings)
        database = SqliteDatabase(settings.database_path, partition=settings.partition)
    if dry_run and adopt:
        return {"ran": [], "adopted": adopted, "migrations": []}  # what would run then depends on what would be adopted
    if status:
        ran = []
    elif dry_run:
        ran = database.pending_migrations(to)
    else:
        ran = database.migrate(to)
        if to is None:
            delete_former_graph(settings.home)
        prepare_dagster_home(settings)
    return {"ran": ran, "adopted": adopted, "migrations": database.migration_status()}
