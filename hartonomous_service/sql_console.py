"""Runs statements on the embedded database, in SQLite's dialect or SQL Server's, so that the same quick checks work on both stores.

It opens the file read-only unless writing is asked for. Statements read and change rows, and not the schema.
"""

import hashlib
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from hartonomous_core.clock import timestamp
from hartonomous_resources.database.sqlite import SqliteUnitOfWork
from hartonomous_resources.database.sqlite_connection import call_for_each_changed_job, prepare_connection
from hartonomous_resources.database.sqlite_errors import BUSY_SECONDS, only_readable
from hartonomous_resources.database.sqlite_reading import Unchanged, can_only_be_read, way_to_read
from hartonomous_resources.database.statements import load_statements
from hartonomous_resources.project_files import project_file
from hartonomous_resources.resources import open_database
from hartonomous_resources.settings import Settings
from hartonomous_service.arguments import PageLength, Seconds, TypedText, checked
from hartonomous_service.errors import Invalid, Remedy, ServiceError, Unavailable
from hartonomous_service.home_database import require_database
from hartonomous_service.sql_functions import add_functions
from hartonomous_service.sql_translation import Statement, translate_batches
from hartonomous_service.sql_values import to_json_value


@checked
def run_sql(
    settings: Settings, text: TypedText, *, write: bool = False, limit: PageLength = 1000, seconds: Seconds = 60.0
) -> dict[str, Any]:
    """Run statements (separated by semicolons, batches by GO) in one transaction, on SQL Server where the settings name one.

    A transaction that takes longer than `seconds` is given up. It reads every tenant's data: a tool for the owner of the home.
    Returns {"columns", "rows", "rowsChanged", "truncated", "results"}: of the last statement its first `limit` rows, and in `results` of
    every statement that returned rows; bytes are shown in hex.

    Raises Invalid with the database's own words, Unavailable when it cannot be used, NotFound to read where there is none.
    """
    if settings.uses_sqlserver:
        from hartonomous_service.sqlserver_console import run_sql_on_server

        return run_sql_on_server(settings, text, write=write, limit=limit, seconds=seconds)
    if not write:
        require_database(settings)
    open_database(settings).close()  # a new home has no tables yet
    location, unchanged = _choose_location(settings.database_path, write)
    complaints: list[str] = []
    try:
        with closing(sqlite3.connect(location, timeout=BUSY_SECONDS, isolation_level=None, uri=True)) as connection:
            console = _Console(settings, connection, complaints, limit)
            deadline = time.monotonic() + seconds
            connection.set_progress_handler(lambda: time.monotonic() > deadline, 100_000)
            connection.execute("BEGIN")
            for batch in translate_batches(text):
                console.run(batch)
            connection.set_authorizer(None)
            connection.execute("COMMIT")
            if unchanged:
                unchanged.check()
    except sqlite3.Error as error:
        raise _to_service_error(error, complaints, seconds) from error
    return {**console.last, "rowsChanged": console.changed, "results": console.results}


def _choose_location(path: Path, write: bool) -> tuple[str, Unchanged | None]:
    if not can_only_be_read(path):
        return f"{path.absolute().as_uri()}?mode={'rw' if write else 'ro'}", None
    if write:
        raise only_readable(path)
    return way_to_read(path)


_NOTHING: dict[str, Any] = {"columns": [], "rows": [], "truncated": False}


class _Console:
    """Runs the statements of a call on one connection, in one transaction, and keeps what they return."""

    def __init__(self, settings: Settings, connection: sqlite3.Connection, complaints: list[str], limit: int) -> None:
        self._settings = settings
        self._connection = connection
        self._complaints = complaints
        self._limit = limit
        self.results: list[dict[str, Any]] = []
        self.last = _NOTHING
        self.changed = 0
        prepare_connection(connection)
        add_functions(connection, complaints)
        connection.create_function("SHA2", 2, _sha2, deterministic=True)
        connection.create_function("GETUTCDATE", 0, timestamp)
        connection.create_function("SYSUTCDATETIME", 0, timestamp)
        call_for_each_changed_job(connection, self._count_changed)

    def run(self, batch: Sequence[Statement]) -> None:
        """Run the statements of a batch, which share their variables."""
        variables: dict[str, Any] = {}
        for statement in batch:
            missing = statement.reads - variables.keys()
            if missing:
                raise Invalid(
                    f"sql: the variable @{min(missing)} was not declared; write DECLARE @{min(missing)} … before its first use"
                )
            self._connection.set_authorizer(self._authorize)
            cursor = self._connection.execute(statement.text, variables)
            if statement.assigns:
                for row in cursor:
                    variables.update(zip(statement.assigns, row, strict=True))
            elif statement.calls:
                self._call(statement, cursor.fetchone())
            else:
                self._keep(cursor)
                self.changed += max(cursor.rowcount, 0)

    def _call(self, statement: Statement, values: Sequence[Any]) -> None:
        from hartonomous_service.sql_procedures import call_procedure

        self._connection.set_authorizer(None)  # procedures are ours
        unit_of_work = SqliteUnitOfWork(
            self._connection, load_statements(project_file("sql") / "sqlite" / "statements")
        )
        rows = call_procedure(self._settings, unit_of_work, statement.calls or "", statement.arguments, list(values))
        self._add(list(rows[0]), [list(row.values()) for row in rows])

    def _count_changed(self) -> None:
        self.changed += 1

    def _keep(self, cursor: sqlite3.Cursor) -> None:
        if cursor.description:
            self._add([item[0] for item in cursor.description], cursor.fetchmany(self._limit + 1))
        else:
            self.last = _NOTHING

    def _add(self, columns: list[str], rows: Sequence[Sequence[Any]]) -> None:
        shown = [[to_json_value(value) for value in row] for row in rows[: self._limit]]
        self.last = {"columns": columns, "rows": shown, "truncated": len(rows) > self._limit}
        self.results.append(self.last)

    def _authorize(self, action: int, subject: str | None, argument: str | None, *_: str | None) -> int:
        if action in _OF_THE_SCHEMA:
            self._complaints.append(
                "tables, indexes, views and triggers are the program's own; only rows are read and changed here"
            )
        elif action in _OF_THE_CALL:
            self._complaints.append("the statements of a call are one transaction on one file")
        elif not (action == sqlite3.SQLITE_PRAGMA and argument is not None and subject not in _ASKING_PRAGMAS):
            return sqlite3.SQLITE_OK
        return sqlite3.SQLITE_DENY


_OF_THE_CALL = {sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH, sqlite3.SQLITE_TRANSACTION, sqlite3.SQLITE_SAVEPOINT}
_OF_THE_SCHEMA = {
    getattr(sqlite3, f"SQLITE_{verb}_{temporary}{thing}")
    for verb in ("CREATE", "DROP")
    for temporary in ("", "TEMP_")
    for thing in ("INDEX", "TABLE", "TRIGGER", "VIEW")
} | {sqlite3.SQLITE_ALTER_TABLE, sqlite3.SQLITE_ANALYZE, sqlite3.SQLITE_REINDEX}
_ASKING_PRAGMAS = {
    "table_info",
    "table_xinfo",
    "index_list",
    "index_info",
    "index_xinfo",
    "foreign_key_list",
    "integrity_check",
    "quick_check",
}
"""Pragmas that take an argument and change nothing; others, such as writable_schema, can ruin the file."""

_MEANT = {
    "Atom.TenantId, Atom.ContentHash": "; the atom exists: this tenant has one with the same ContentHash",
    "length(CAST(AtomicValue": "; AtomicValue is the content's first 64 bytes, CAST(… AS VARBINARY(64)); CanonicalText keeps all of it",
}
"""What to add to the database's own message, by a part of it."""


_OUT_OF_ORDER = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOTADB,
}
"""Error codes of SQLite (low byte) that mean a problem of the file, not of the text."""


def _to_service_error(error: sqlite3.Error, complaints: list[str], seconds: float) -> ServiceError:
    told = f"sql: {error}" + "".join(meant for words, meant in _MEANT.items() if words in str(error))
    remedy: Remedy | None = None
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # sqlite3's own complaints have none
    if code == sqlite3.SQLITE_READONLY:
        remedy = "write"
    elif code == sqlite3.SQLITE_INTERRUPT:
        told, remedy = f"{told}; it ran longer than {seconds:g} s", "give_more_time"
    kind = Unavailable if code in _OUT_OF_ORDER else Invalid
    return kind(told + "".join(f"; {complaint}" for complaint in complaints[:1]), remedy=remedy)


def _sha2(value: str | bytes | None, bits: int) -> bytes | None:
    if value is None or bits != 256:
        return None
    return hashlib.sha256(value.encode() if isinstance(value, str) else value).digest()
