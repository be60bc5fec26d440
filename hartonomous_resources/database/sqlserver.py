"""SQL Server: the same promises as the embedded database, by stored procedures alone.

The application's login needs the right to execute and none on the tables, so a named statement is a procedure here, and rows go in
as table-valued parameters: never one at a time.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from hartonomous_resources.clock import current_hour, time_ordered_uuid, timestamp
from hartonomous_resources.database.protocol import AtomRow, Message, Row, UnitOfWork, WrittenAtoms
from hartonomous_resources.database.sqlserver_connection import connect, translated
from hartonomous_resources.database.sqlserver_migrations import Migrator, check_schema
from hartonomous_resources.database.sqlserver_procedures import (
    Parameter,
    Procedure,
    converted,
    converted_rows,
    input_sizes,
    load_procedures,
    load_table_types,
)
from hartonomous_resources.database.transactions import transact
from hartonomous_resources.messages import tenant_of
from hartonomous_resources.project_files import project_file
from hartonomous_resources.settings import Settings

if TYPE_CHECKING:
    import pyodbc

T = TypeVar("T")

_POLL_MILLISECONDS = 20_000
"""The longest single wait on the server, below the time after which a call is cancelled."""


class SqlServerUnitOfWork:
    """One transaction on the calling thread's connection."""

    def __init__(self, connection: "pyodbc.Connection", schema: str) -> None:
        self._connection = connection
        self._schema = schema
        self._procedures = load_procedures(project_file("sql") / "sqlserver")
        self._table_types = load_table_types(project_file("sql") / "sqlserver")

    def query(self, statement: str, **parameters: object) -> list[Row]:
        procedure = self._procedures[f"usp_{statement}"]
        return self._call(procedure, procedure.arguments(parameters))

    def execute(self, statement: str, **parameters: object) -> int:
        return int(self.query(statement, **parameters)[0]["rowsChanged"])

    def execute_many(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        given = [tuple(row) for row in rows]
        if given:  # the driver cannot send an empty table
            self._call(self._procedures[f"usp_{statement}"], [given])

    def write_atoms(self, tenant_id: int, source_id: int, ingest_hour: str, atoms: Sequence[AtomRow]) -> WrittenAtoms:
        if not atoms:
            return WrittenAtoms(0, 0)
        rows = [
            (
                atom.role, atom.ordinal, atom.content_hash, atom.byte_offset, atom.byte_length, atom.modality, atom.subtype,
                atom.content_type, atom.text, atom.content, atom.blob_key, atom.suffix,
                atom.locator,
            )
            for atom in atoms
        ]  # fmt: skip
        written = self.query(
            "write_atoms", tenant_id=tenant_id, source_id=source_id, ingest_hour=ingest_hour, atoms=rows
        )
        new = {row["contentHash"] for row in written if row["isNew"]}
        sizes = {atom.content_hash: atom.byte_length for atom in atoms if atom.content_hash in new}
        return WrittenAtoms(len(new), sum(sizes.values()))

    def enqueue(self, queue: str, messages: Iterable[tuple[str, bytes]]) -> list[str]:
        rows = [(ordinal, time_ordered_uuid(), key, body) for ordinal, (key, body) in enumerate(messages)]
        if rows:
            self.query("enqueue", queue=queue, messages=rows)
        return [row[1] for row in rows]

    def _call(self, procedure: Procedure, arguments: Sequence[object]) -> list[Row]:
        """One call, one round trip: the procedure's rows."""
        cursor = self._connection.cursor()
        try:
            marks = ", ".join("?" * len(arguments))
            cursor.setinputsizes(input_sizes(procedure.parameters))
            values = [self._bound(*pair) for pair in zip(procedure.parameters, arguments, strict=True)]
            cursor.execute(f"{{CALL {self._schema}.{procedure.name} ({marks})}}", values)
            rows = _rows(cursor)
            while cursor.nextset():  # an error after the first rows arrives here
                rows = rows or _rows(cursor)
            return rows
        finally:
            cursor.close()

    def _bound(self, parameter: Parameter, value: Any) -> object:
        if not parameter.is_table:
            return converted(parameter.type, value)
        return [parameter.type, self._schema, *converted_rows(self._table_types[parameter.type], value)]


def _rows(cursor: "pyodbc.Cursor") -> list[Row]:
    if cursor.description is None:
        return []
    names = [column[0] for column in cursor.description]
    moments = [place for place, column in enumerate(cursor.description) if column[1] is datetime]
    rows: list[Row] = []
    for row in cursor.fetchall():
        values = list(row)
        for place in moments:
            if values[place] is not None:
                values[place] = values[place].isoformat(timespec="milliseconds") + "Z"
        rows.append(dict(zip(names, values, strict=True)))
    return rows


@dataclass(frozen=True, slots=True)
class SqlServerDelivery:
    """Messages taken off the queue in an open transaction."""

    messages: Sequence[Message]
    unit_of_work: SqlServerUnitOfWork


class SqlServerDatabase:
    """A schema of a SQL Server database.

    Each thread has a connection for writes (READ COMMITTED, row versions) and one for reads (SNAPSHOT); the driver manager pools them
    per process. A connection that failed is closed, and the next transaction opens another.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._local = threading.local()
        self._schema_checked = False

    @property
    def name(self) -> str:
        return f"SQL Server schema {self._settings.sqlserver_schema}"

    def _connection(self, purpose: str) -> "pyodbc.Connection":
        existing: pyodbc.Connection | None = getattr(self._local, purpose, None)
        if existing is not None:
            return existing
        connection = connect(self._settings)
        if not self._schema_checked:
            check_schema(connection, self._settings)
            self._schema_checked = True
        if purpose == "reading":
            connection.execute("SET TRANSACTION ISOLATION LEVEL SNAPSHOT")
            connection.commit()
        setattr(self._local, purpose, connection)
        return connection

    @contextmanager
    def unit_of_work(self) -> Iterator[SqlServerUnitOfWork]:
        with self._transaction("writing") as connection:
            yield SqlServerUnitOfWork(connection, self._settings.sqlserver_schema)
            connection.commit()

    @contextmanager
    def read(self) -> Iterator[SqlServerUnitOfWork]:
        with self._transaction("reading") as connection:
            yield SqlServerUnitOfWork(connection, self._settings.sqlserver_schema)
            connection.rollback()  # ends the snapshot

    @contextmanager
    def _transaction(self, purpose: str) -> Iterator["pyodbc.Connection"]:
        import pyodbc

        try:
            connection = self._connection(purpose)
            try:
                yield connection
            except BaseException:
                self._undo(connection, purpose)
                raise
        except pyodbc.Error as error:
            raise translated(error, self._settings) from error

    def _undo(self, connection: "pyodbc.Connection", purpose: str) -> None:
        import pyodbc

        try:
            connection.rollback()
        except pyodbc.Error:  # it is broken: the server has rolled back, and the next transaction takes another
            setattr(self._local, purpose, None)
            with suppress(pyodbc.Error):
                connection.close()

    def migrate(self, to: int | None = None) -> list[str]:
        return self._migrating(lambda migrator: migrator.migrate(to))

    def pending_migrations(self, to: int | None = None) -> list[str]:
        return self._migrating(lambda migrator: [migration.label for migration in migrator.pending(to)])

    def migration_status(self) -> list[Row]:
        return self._migrating(lambda migrator: migrator.status())

    def adopt(self, dry_run: bool) -> list[str]:
        """Take over the tables of the .NET system; see sqlserver_adoption.

        Returns what differs, a sentence each. Raises SchemaMismatch for what cannot be mapped.
        """
        return self._migrating(lambda migrator: migrator.adopt(dry_run))

    def _migrating(self, action: Callable[[Migrator], T]) -> T:
        import pyodbc

        connection = connect(self._settings)
        try:
            return action(Migrator(connection, self._settings))
        except pyodbc.Error as error:
            raise translated(error, self._settings) from error
        finally:
            connection.close()

    @contextmanager
    def receive(self, queue: str, n: int, timeout: float = 0.0) -> Iterator[SqlServerDelivery]:
        if not self._await(queue, timeout):
            with self.read() as unit_of_work:
                yield SqlServerDelivery([], unit_of_work)
            return
        with self.unit_of_work() as unit_of_work:
            messages = [
                Message(
                    row["messageId"],
                    queue,
                    row["orderingKey"],
                    row["body"],
                    row["attemptCount"],
                    row["enqueuedAt"],
                    row["firstFailedAt"],
                )
                for row in unit_of_work.query("receive_messages", queue=queue, n=n)
            ]
            yield SqlServerDelivery(messages, unit_of_work)

    def _await(self, queue: str, timeout: float) -> bool:
        """Wait on the server until a message can be received; in a transaction of its own, which moves what has arrived."""
        left = round(timeout * 1000)
        while True:
            wait = min(left, _POLL_MILLISECONDS)
            rows = transact(self, partial(_await_messages, queue=queue, milliseconds=wait))
            left -= wait
            if rows[0]["waiting"] or left <= 0:
                return bool(rows[0]["waiting"])

    def fail(self, message: Message, reason: str, dead_letter_at: int = 5) -> bool:
        def count(unit_of_work: UnitOfWork) -> bool:
            now = timestamp()
            rows = unit_of_work.query("count_failed_receive", message_id=message.message_id, reason=reason, now=now)
            if not rows or rows[0]["attemptCount"] < dead_letter_at:
                return False
            unit_of_work.execute(
                "dead_letter_message",
                message_id=message.message_id,
                reason=reason,
                now=now,
                hour=current_hour(),
                tenant_id=tenant_of(message.body),
            )
            unit_of_work.execute("delete_message", message_id=message.message_id)
            return True

        return transact(self, count)

    def change_token(self) -> int:
        with self.read() as unit_of_work:
            return _token(unit_of_work.query("change_token")[0])

    def wait_for_change(self, since: int, timeout: float) -> bool:
        with self.read() as unit_of_work:
            rows = unit_of_work.query(
                "wait_for_change",
                last_change=since >> 64,
                oldest_open=since & (2**64 - 1),
                timeout_ms=round(min(timeout * 1000, _POLL_MILLISECONDS)),
            )
        return _token(rows[0]) != since

    def bytes_on_disk(self) -> int:
        with self.read() as unit_of_work:
            return int(unit_of_work.query("bytes_on_disk")[0]["bytesOnDisk"])

    def close(self) -> None:
        for purpose in ("writing", "reading"):
            connection = getattr(self._local, purpose, None)
            if connection is not None:
                connection.close()
                setattr(self._local, purpose, None)


def _await_messages(unit_of_work: UnitOfWork, queue: str, milliseconds: int) -> list[Row]:
    return unit_of_work.query("await_messages", queue=queue, timeout_ms=milliseconds)


def _token(row: Mapping[str, Any]) -> int:
    return int(row["lastChange"]) << 64 | int(row["oldestOpen"])
