"""The product's own client against a server that speaks TDS: what it sends, and what it makes of the answers."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from hartonomous_resources.database.migrations import CORE, read_migrations
from hartonomous_resources.database.sqlserver.sqlserver_database import SqlServerDatabase
from hartonomous_resources.project_files import project_file
from hartonomous_resources.settings import Settings
from tests.sqlserver.driver import driver_or_skip
from tests.tools.tds.responses import Rows
from tests.tools.tds.server import TdsServer

PASSWORD = "correct horse; battery}staple"  # noqa: S105 - opens nothing
FEATURES = {CORE: "migrations", "table_broker": "table_broker", "spatial": "spatial"}

Open = Callable[..., SqlServerDatabase]


def journal() -> Rows:
    """The answer of a server on which every migration has run."""
    names = ["feature varchar(32)", "version int", "name nvarchar(100)", "sha256 char(64)", "appliedAt datetime2(3)"]
    columns = [(column.split()[0], column.split()[1]) for column in names]
    rows = [
        [feature, migration.version, migration.name, migration.sha256, None]
        for feature, folder in FEATURES.items()
        for migration in read_migrations(project_file("sql") / "sqlserver" / folder, feature)
    ]
    return Rows(columns, rows)


def settings_for(server: TdsServer, **changes: Any) -> Settings:
    """Settings that lead to the server, with a login, and not encrypted unless the changes say so."""
    encrypt = changes.pop("encrypt", "no")
    quoted = PASSWORD.replace("}", "}}")
    text = f"SERVER=127.0.0.1,{server.port};DATABASE=atoms;UID=worker;PWD={{{quoted}}};Encrypt={encrypt}"
    defaults: dict[str, Any] = {"sqlserver_dsn": SecretStr(text), "sqlserver_login_seconds": 5}
    return Settings(**defaults | changes)


@pytest.fixture
def server() -> Iterator[TdsServer]:
    """A server on which every migration has run."""
    driver_or_skip()
    with TdsServer() as running:
        running.answer("usp_schema_versions", journal())
        yield running


@pytest.fixture
def open_database(server: TdsServer) -> Iterator[Open]:
    """Opens the server's database with changed settings; closes it at the end of the test."""
    opened: list[SqlServerDatabase] = []

    def open_with(**changes: Any) -> SqlServerDatabase:
        opened.append(SqlServerDatabase(settings_for(server, **changes)))
        return opened[-1]

    yield open_with
    for database in opened:
        database.close()


@pytest.fixture
def database(server: TdsServer, open_database: Open) -> SqlServerDatabase:
    """The database, connected for reading and writing; the log holds only what comes after."""
    opened = open_database()
    with opened.read(), opened.unit_of_work():
        pass
    server.clear()
    return opened
