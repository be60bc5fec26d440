"""Column schemas for the page, read off the migrations themselves."""

import sqlite3
from functools import cache

import dagster as dg

from hartonomous_resources.database.migrations import read_migrations
from hartonomous_resources.project_files import project_file
from hartonomous_resources.settings import Settings


def store_kind() -> str:
    """The kind that assets in the database show on the page."""
    return "sqlserver" if Settings().uses_sqlserver else "sqlite"


def graph_kind() -> str:
    """The kind that assets in the graph show on the page."""
    return "neo4j" if Settings().neo4j_uri else "sqlite"


@cache
def _schema_connection(migrations: str) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    for migration in read_migrations(project_file("sql") / "sqlite" / migrations):
        connection.executescript(migration.text)
    return connection


def column_schema(table: str, migrations: str = "migrations") -> dict[str, dg.TableSchema]:
    """Metadata that shows a table's columns on an asset's page."""
    rows = _schema_connection(migrations).execute(
        "SELECT name, type, [notnull], pk FROM pragma_table_xinfo(?)", (table,)
    )
    columns = [
        dg.TableColumn(
            name, type_.lower() or "any", constraints=dg.TableColumnConstraints(nullable=not (required or key))
        )
        for name, type_, required, key in rows
    ]
    return {"dagster/column_schema": dg.TableSchema(columns)}
