"""Migrations on SQL Server: numbered files with a journal, and features that not every server has in folders of their own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hartonomous_resources.database.database_errors import DatabaseError, DatabaseUnavailable, SchemaMismatch
from hartonomous_resources.database.migrations import CORE, Migration, pending_migrations, read_migrations
from hartonomous_resources.database.period import GRID, require_period
from hartonomous_resources.database.protocol import Row
from hartonomous_resources.database.sqlserver.connection import connect, load_pyodbc, translate_error
from hartonomous_resources.database.sqlserver.scripts import in_schema, runs_outside_a_transaction, split_batches
from hartonomous_resources.database.statements import load_statements
from hartonomous_resources.project_files import project_file
from hartonomous_resources.settings import Settings

if TYPE_CHECKING:
    import pyodbc

_OLDEST_MAJOR = 15  # SQL Server 2019
_VECTOR_MAJOR = 17  # SQL Server 2025
_AZURE_SQL_DATABASE, _AZURE_MANAGED_INSTANCE = 5, 8


@dataclass(frozen=True, slots=True)
class Server:
    """What the server and the database say of themselves."""

    edition: int
    major: int
    database: str
    broker_enabled: bool
    read_committed_snapshot: bool
    snapshot_isolation: bool
    full_text: bool

    def refusal(self) -> str | None:
        """Why it cannot hold our schema, with what to do; None if it can."""
        name = f"[{self.database.replace(']', ']]')}]"
        if self.edition not in (_AZURE_SQL_DATABASE, _AZURE_MANAGED_INSTANCE) and self.major < _OLDEST_MAJOR:
            return f"this server is version {self.major}; SQL Server 2019 (version {_OLDEST_MAJOR}) or later is needed"
        if not self.snapshot_isolation:
            return f"snapshot isolation is off: ALTER DATABASE {name} SET ALLOW_SNAPSHOT_ISOLATION ON"
        if not self.read_committed_snapshot:
            return (
                "readers would wait for writers: "
                f"ALTER DATABASE {name} SET READ_COMMITTED_SNAPSHOT ON WITH ROLLBACK IMMEDIATE (it ends open transactions)"
            )
        return None


def choose_features(settings: Settings, server: Server, journal: set[str]) -> list[str]:
    """The feature folders to install, the broker first: what the settings say, else the journal, else what the server has.

    Raises SchemaMismatch when the database was made with the other broker, DatabaseError when the server lacks what is asked for.
    """
    brokers = journal & {"service_broker", "table_broker"}
    wanted = {"service_broker": "service_broker", "table": "table_broker"}.get(settings.broker)
    if wanted is None:
        wanted = next(iter(brokers), "table_broker" if server.edition == _AZURE_SQL_DATABASE else "service_broker")
    if brokers and wanted not in brokers:
        raise SchemaMismatch(
            f"database {server.database} was made with {next(iter(brokers))}: set HARTONOMOUS_BROKER=auto, or migrate another "
            "schema (HARTONOMOUS_SQLSERVER_SCHEMA) and ingest anew"
        )
    if wanted == "service_broker" and server.edition == _AZURE_SQL_DATABASE:
        raise DatabaseError("Azure SQL Database has no Service Broker: set HARTONOMOUS_BROKER=table")
    if wanted == "service_broker" and not server.broker_enabled:
        name = server.database.replace("]", "]]")
        raise DatabaseError(
            f"Service Broker is disabled in database {server.database}: ALTER DATABASE [{name}] SET ENABLE_BROKER WITH ROLLBACK "
            "IMMEDIATE, or HARTONOMOUS_BROKER=table"
        )
    features = [wanted]
    if settings.spatial != "off":
        features.append("spatial")
    has_vectors = server.major >= _VECTOR_MAJOR or server.edition == _AZURE_SQL_DATABASE
    if settings.vector == "on" or (settings.vector == "auto" and has_vectors):
        features.append("vector")
    if settings.full_text == "on" and not server.full_text:
        raise DatabaseError("this server has no full-text search: install it, or set HARTONOMOUS_FULL_TEXT=off")
    if settings.full_text != "off" and server.full_text:
        features.append("full_text")
    return features


def check_schema(connection: "pyodbc.Connection", settings: Settings) -> None:
    """Compare the journal with this program's migrations, with the rights of the application.

    Raises SchemaMismatch when the schema is missing, older, newer, or was changed, or when its partitions are not those asked for.
    """
    cursor = connection.execute(f"{{CALL [{settings.sqlserver_schema}].usp_schema_versions}}")
    rows = [
        dict(zip(("feature", "version", "name", "sha256", "appliedAt"), row, strict=True)) for row in cursor.fetchall()
    ]
    connection.rollback()
    for feature in {CORE, *(row["feature"] for row in rows)}:
        pending = _pending(feature, rows, settings)
        if pending:
            raise SchemaMismatch(f"{_store(settings)} lacks migration {pending[0].label}: run `hartonomous migrate`")
    if settings.partition != "auto":
        period = connection.execute(f"{{CALL [{settings.sqlserver_schema}].usp_period}}").fetchall()[0][0]
        connection.rollback()
        require_period(settings.partition, period, _store(settings))


def _store(settings: Settings) -> str:
    return f"SQL Server schema {settings.sqlserver_schema}"


def _migrations(feature: str) -> list[Migration]:
    folder = project_file("sql") / "sqlserver" / ("migrations" if feature == CORE else feature)
    if not folder.is_dir():
        raise SchemaMismatch(f"the database has feature {feature}, this program does not know it: upgrade hartonomous")
    return read_migrations(folder, feature)


def _pending(feature: str, journal: list[Any], settings: Settings) -> list[Migration]:
    applied = {int(row["version"]): row["sha256"] for row in journal if row["feature"] == feature}
    return pending_migrations(_migrations(feature), applied, f"{_store(settings)} ({feature})")


class Migrator:
    """Brings one schema up to date on a connection whose login owns it. One at a time: an application lock of the session."""

    def __init__(self, connection: "pyodbc.Connection", settings: Settings) -> None:
        self._connection = connection
        self._settings = settings
        self._statements = load_statements(project_file("sql") / "sqlserver" / "catalog")

    def status(self) -> list[Row]:
        """Every migration of the core and of the features chosen, with when it was applied."""
        journal = self._journal()
        applied = {(row["feature"], row["version"]): row["appliedAt"] for row in journal}
        return [
            {
                "feature": feature,
                "version": migration.version,
                "name": migration.name,
                "appliedAt": _text(applied.get((feature, migration.version))),
            }
            for feature in (CORE, *self._features(journal))
            for migration in _migrations(feature)
        ]

    def pending(self, to: int | None) -> list[Migration]:
        """What is to be run, in order; `to` is a version of the core, and with it no feature is installed."""
        journal = self._journal()
        features = [] if to is not None else self._features(journal)
        return [
            migration
            for feature in (CORE, *features)
            for migration in _pending(feature, journal, self._settings)
            if to is None or migration.version <= to
        ]

    def migrate(self, to: int | None) -> list[str]:
        """Run what is pending, each migration in a transaction of its own with its line in the journal."""
        self.prepare()
        pending = self.pending(to)
        self._make_journal()
        for migration in pending:
            self._apply(migration)
        if to is None and self._settings.partition != "auto":
            require_period(
                self._settings.partition, self.rows(self._statements["period"])[0]["period"], _store(self._settings)
            )
        return [migration.label for migration in pending]

    def prepare(self) -> None:
        """Refuse a server that cannot hold our schema, and keep other migrators out until the connection is closed."""
        if refusal := (server := self._server()).refusal():
            raise DatabaseUnavailable(f"SQL Server database {server.database}: {refusal}")
        rows = self.rows(self._statements["lock"], f"hartonomous/{self._settings.sqlserver_schema}/migrate")
        if rows[0]["locked"] < 0:
            raise DatabaseUnavailable(
                "another process has been migrating this schema for two minutes; try again when it is done"
            )

    def features_of_new_schema(self) -> list[str]:
        """The feature folders that would be installed where there is no journal yet."""
        return choose_features(self._settings, self._server(), set())

    def replace_first_migration(self, work: "Callable[[pyodbc.Connection], object]") -> None:
        """In one transaction, record the first migration as applied and do its `work` in another way.

        The journal's line comes first: rows that `work` gives the current hour must not be of an earlier one than the grid's.
        """
        self._make_journal()
        self._record(_migrations(CORE)[0])
        work(self._connection)
        self._connection.commit()

    def _features(self, journal: list[Row]) -> list[str]:
        return choose_features(self._settings, self._server(), {row["feature"] for row in journal})

    def _server(self) -> Server:
        row = self.rows(self._statements["server"])[0]
        return Server(**row)

    def _journal(self) -> list[Row]:
        if not self._exists("SchemaVersion"):
            if self._exists("Atom"):
                raise SchemaMismatch(
                    f"schema {self._settings.sqlserver_schema} already has a table Atom that is not ours: take it over with `hartonomous "
                    "migrate --adopt`, or choose another HARTONOMOUS_SQLSERVER_SCHEMA"
                )
            return []
        return self.rows(self._statements["journal"])

    def _make_journal(self) -> None:
        """Within the transaction of the first migration: a failed one leaves nothing behind."""
        if not self._exists("SchemaVersion"):
            if not self.rows(self._statements["schema"], self._settings.sqlserver_schema):
                self._run("CREATE SCHEMA [dbo]")
            self._run((project_file("sql") / "sqlserver" / "journal.sql").read_text("utf-8"))

    def _exists(self, table: str) -> bool:
        return bool(self.rows(self._statements["table"], self._settings.sqlserver_schema, table))

    def _apply(self, migration: Migration) -> None:
        import pyodbc

        try:
            self._connection.autocommit = runs_outside_a_transaction(migration.text)
            self._run(migration.text)
            if migration.name == GRID and self._settings.partition == "day":
                self._run(self._statements["choose_days"])
            self._connection.autocommit = False
            self._record(migration)
            self._connection.commit()
        except pyodbc.Error as error:
            with suppress(pyodbc.Error):  # where it fails, the connection is gone, and the server rolls back by itself
                self._connection.rollback()
            meant = translate_error(error, self._settings)
            raise DatabaseError(f"migration {migration.label} failed and was rolled back: {meant}") from error

    def _record(self, migration: Migration) -> None:
        statement = in_schema(self._statements["record"], self._settings.sqlserver_schema)
        self._connection.execute(statement, migration.feature, migration.version, migration.name, migration.sha256)

    def _run(self, script: str) -> None:
        for batch in split_batches(in_schema(script, self._settings.sqlserver_schema)):
            cursor = self._connection.execute(batch)
            while cursor.nextset():  # an error in a later statement of the batch arrives here
                pass
            cursor.close()

    def rows(self, statement: str, *parameters: object) -> list[Any]:
        """The rows of a statement that is written for dbo, in a transaction of its own."""
        cursor = self._connection.execute(in_schema(statement, self._settings.sqlserver_schema), *parameters)
        names = [column[0] for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        cursor.close()
        self._connection.commit()
        return rows


@contextmanager
def open_migrator(settings: Settings) -> Iterator[Migrator]:
    """A migrator on a connection of its own, whose statements may take any time: building an index over many rows does.

    What the driver raises comes out as DatabaseError; what is not committed is rolled back at the end.
    """
    pyodbc = load_pyodbc()

    connection = connect(settings)
    connection.timeout = 0
    try:
        yield Migrator(connection, settings)
    except pyodbc.Error as error:
        raise translate_error(error, settings) from error
    finally:
        connection.close()


def _text(moment: Any) -> str | None:
    return None if moment is None else moment.isoformat(timespec="milliseconds") + "Z"
