"""SQL Server: the same promises as the embedded database, by stored procedures alone.

The application's login needs the right to execute and none on the tables, so a named statement is a procedure here, and rows go in
as table-valued parameters: never one at a time.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from typing import Any

from hartonomous_resources.database.connection_pool import ConnectionPool
from hartonomous_resources.database.database_errors import DatabaseUnavailable
from hartonomous_resources.database.protocol import Delivery, Row, UnitOfWork
from hartonomous_resources.database.queue_messages import receive_messages
from hartonomous_resources.database.sqlserver.connection import connect, load_pyodbc, translate_error
from hartonomous_resources.database.sqlserver.migrator import check_schema, open_migrator
from hartonomous_resources.database.sqlserver.unit_of_work import Session, SqlServerUnitOfWork
from hartonomous_resources.database.transactions import query, transact
from hartonomous_resources.settings import Settings

_IDLE_SECONDS = 30.0
_PAUSE_SECONDS = 0.02

_POLL_MILLISECONDS = 20_000
"""The longest single wait on the server, below the time after which a call is cancelled."""


class SqlServerDatabase:
    """A schema of a SQL Server database.

    Connections for writes (READ COMMITTED, row versions) and those for reads (SNAPSHOT) are pools of their own; nothing else pools
    them, for a pooled connection would keep the isolation level of whoever had it before. One that failed is closed, and the next
    transaction opens another.
    """

    reads_rows_later = False

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._writing = self._pool("READ COMMITTED")
        self._reading = self._pool("SNAPSHOT")
        self._schema_checked = False

    def _pool(self, isolation: str) -> ConnectionPool[Session]:
        return ConnectionPool(
            self.name, self._settings.connections, partial(self._open, isolation), _close, self._still_answers
        )

    @property
    def name(self) -> str:
        return f"SQL Server schema {self._settings.sqlserver_schema}"

    def _open(self, isolation: str) -> Session:
        connection = connect(self._settings)
        try:
            if not self._schema_checked:
                check_schema(connection, self._settings)
                self._schema_checked = True
            if isolation == "SNAPSHOT":
                connection.execute("SET TRANSACTION ISOLATION LEVEL SNAPSHOT")
                connection.commit()
        except BaseException:
            connection.close()
            raise
        return Session(connection)

    def _still_answers(self, session: Session) -> bool:
        """A connection that lay idle may have been dropped on the way: a failover, a firewall. Then another one is opened."""
        import pyodbc

        if time.monotonic() - session.used_at < _IDLE_SECONDS:
            return True
        try:
            session.connection.execute("SELECT 1").fetchall()
            session.connection.rollback()
            return True
        except pyodbc.Error:
            return False

    @contextmanager
    def unit_of_work(self, patience: float | None = None) -> Iterator[SqlServerUnitOfWork]:
        with self._transaction(self._writing) as session:
            yield SqlServerUnitOfWork(session, self._settings.sqlserver_schema)
            self._commit(session)

    @contextmanager
    def read(self) -> Iterator[SqlServerUnitOfWork]:
        with self._transaction(self._reading) as session:
            yield SqlServerUnitOfWork(session, self._settings.sqlserver_schema)
            session.connection.rollback()  # ends the snapshot

    @contextmanager
    def _transaction(self, pool: ConnectionPool[Session]) -> Iterator[Session]:
        pyodbc = load_pyodbc()

        session: Session | None = None
        try:
            session = pool.take()
            try:
                yield session
                session.used_at = time.monotonic()
            except BaseException as error:
                _undo(session, error)
                raise
            finally:
                pool.give_back(session)
        except pyodbc.Error as error:
            raise translate_error(error, self._settings, session.procedure if session else None) from error

    def _commit(self, session: Session) -> None:
        """Commit. Raises DatabaseUnavailable where the answer is lost: doing the work again might then do it twice."""
        import pyodbc

        try:
            session.connection.commit()
        except pyodbc.Error as error:
            if str(error.args[0]).startswith(("08", "HYT")):
                raise DatabaseUnavailable(
                    f"{self.name}: the connection broke while committing, and it is not known whether the server has done it; "
                    "look at what is there before you do it again"
                ) from error
            raise

    def migrate(self, to: int | None = None) -> list[str]:
        with open_migrator(self._settings) as migrator:
            return migrator.migrate(to)

    def pending_migrations(self, to: int | None = None) -> list[str]:
        with open_migrator(self._settings) as migrator:
            return [migration.label for migration in migrator.pending(to)]

    def migration_status(self) -> list[Row]:
        with open_migrator(self._settings) as migrator:
            return migrator.status()

    def receive(self, queue: str, limit: int, timeout: float = 0.0) -> AbstractContextManager[Delivery]:
        return receive_messages(self, queue, limit, timeout)

    def await_messages(self, queue: str, timeout: float = 0.0) -> bool:
        """Wait on the server until a message can be received; in a transaction of its own, which moves what has arrived."""
        deadline = time.monotonic() + timeout
        while True:
            left = max(0, round((deadline - time.monotonic()) * 1000))
            wait = min(left, _POLL_MILLISECONDS)
            rows = transact(self, partial(_await_messages, queue=queue, milliseconds=wait))
            if rows[0]["waiting"] or time.monotonic() >= deadline:
                return bool(rows[0]["waiting"])
            time.sleep(_PAUSE_SECONDS)  # woken by what was no message, or somebody else was faster

    def change_token(self) -> int:
        return _token(query(self, "change_token")[0])

    def wait_for_change(self, since: int, timeout: float) -> bool:
        rows = query(
            self,
            "wait_for_change",
            last_change=since >> 64,
            oldest_open=since & (2**64 - 1),
            timeout_ms=round(min(timeout * 1000, _POLL_MILLISECONDS)),
        )
        return _token(rows[0]) != since

    def index_texts(self) -> None:
        """Nothing waits: a full-text index fills by itself."""

    def bytes_on_disk(self) -> int:
        return int(query(self, "bytes_on_disk")[0]["bytesOnDisk"])

    def close(self) -> None:
        self._writing.close()
        self._reading.close()


def _undo(session: Session, cause: BaseException) -> None:
    """Roll back; a connection that broke is given up, also one on which the rollback seems to work after a lost commit."""
    import pyodbc

    if isinstance(cause, DatabaseUnavailable) or (
        isinstance(cause, pyodbc.Error) and str(cause.args[0]).startswith("08")
    ):
        session.broken = True
        return
    try:
        session.connection.rollback()
    except pyodbc.Error:
        session.broken = True


def _close(session: Session) -> None:
    import pyodbc

    with suppress(pyodbc.Error):  # broken already: the server ends the transaction by itself
        session.connection.rollback()
    with suppress(pyodbc.Error):
        session.connection.close()


def _await_messages(unit_of_work: UnitOfWork, queue: str, milliseconds: int) -> list[Row]:
    return unit_of_work.query("await_messages", queue=queue, timeout_ms=milliseconds)


def _token(row: Mapping[str, Any]) -> int:
    return int(row["lastChange"]) << 64 | int(row["oldestOpen"])
