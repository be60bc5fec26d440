"""Runs migrations on the embedded database, each with its line in the journal, in the transaction of the caller."""

import sqlite3
from collections.abc import Iterator, Sequence

from hartonomous_core.clock import timestamp
from hartonomous_resources.database.migrations import Migration
from hartonomous_resources.database.period import GRID


def run_migrations(
    connection: sqlite3.Connection, migrations: Sequence[Migration], choose_days: str | None
) -> list[str]:
    """Run them in order; returns their names. `choose_days` is the statement that makes a new database one of days, None for hours."""
    for migration in migrations:
        for statement in split_statements(migration.text):
            connection.execute(statement)
        if migration.name == GRID and choose_days is not None:
            connection.execute(choose_days)
        connection.execute(
            "INSERT INTO SchemaVersion (Version, Name, Sha256, AppliedAt) VALUES (?, ?, ?, ?)",
            (migration.version, migration.name, migration.sha256, timestamp()),
        )
    return [migration.label for migration in migrations]


def split_statements(script: str) -> Iterator[str]:
    """Statements of a script; SQLite itself says where one is complete, so a trigger's body stays whole."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if any(line.strip() and not line.strip().startswith("--") for line in statement.splitlines()):
        raise ValueError(f"unfinished statement at the end of a migration: {statement[:80]!r}")
