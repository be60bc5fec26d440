"""A real PostgreSQL as a process of the tests: the installed one, with a folder and a port of its own."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from tests.tools.neo4j.server import free_port

PASSWORD = "only:for/tests@"  # noqa: S105
QUOTED_PASSWORD = "only%3Afor%2Ftests%40"  # noqa: S105 - as it must stand in a URL
_OLDEST = 15
_START_SECONDS = 60


class PostgresUnavailable(Exception):
    """There is no PostgreSQL here; the message says which is needed."""


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server with a database `dagster` that belongs to the user of the same name."""

    port: int

    def url(self, database: str = "dagster", password: str = QUOTED_PASSWORD) -> str:
        """What a user would set."""
        return f"postgresql://dagster:{password}@127.0.0.1:{self.port}/{database}"

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Rows of a statement, as any client reads them."""
        with closing(psycopg2.connect(self.url())) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def value(self, statement: str) -> Any:
        """The one value of a statement."""
        [[value]] = self.rows(statement)
        return value


def required_binaries() -> Path:
    """The folder of PostgreSQL's programs; where there is none the test is skipped, loudly, and in CI it fails."""
    try:
        return _binaries()
    except PostgresUnavailable as error:
        if os.environ.get("CI", "").lower() in ("true", "1"):
            pytest.fail(f"CI must test Dagster on PostgreSQL: {error}")
        pytest.skip(f"NOT TESTED: Dagster on PostgreSQL; {error}")


def _binaries() -> Path:
    """On Debian they are not in the PATH."""
    installed = [*Path("/usr/lib/postgresql").glob("*/bin/postgres"), Path(shutil.which("postgres") or "")]
    for program in sorted(installed, reverse=True):
        if program.is_file():
            version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.split()
            if int(version[2].split(".")[0]) >= _OLDEST:
                return program.parent
    raise PostgresUnavailable(f"PostgreSQL {_OLDEST} or later is not installed (Debian's package: postgresql)")


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """A fresh server that goes, with its folder, at the end."""
    binaries = required_binaries()
    folder = Path(tempfile.mkdtemp(prefix="hartonomous-postgres-"))
    # PostgreSQL refuses to run as root; Debian's package brings a user for it.
    user: dict[str, Any] = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.getuid() == 0 else {}
    password_file = folder / "password"
    password_file.write_text(PASSWORD)
    if user:
        for path in (folder, password_file):
            shutil.chown(path, "postgres", "postgres")
    data = folder / "data"
    created = subprocess.run(
        [binaries / "initdb", "-D", data, "-U", "dagster", f"--pwfile={password_file}", "-A", "scram-sha-256", "-N"],
        cwd=folder,
        capture_output=True,
        text=True,
        **user,
    )
    assert created.returncode == 0, created.stderr
    port = free_port()
    options = ["-h", "127.0.0.1", "-p", str(port), "-k", folder, "-c", "fsync=off"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [binaries / "postgres", "-D", data, *options], cwd=folder, stdout=log, stderr=subprocess.STDOUT, **user
        )
    try:
        server = Postgres(port)
        deadline = time.monotonic() + _START_SECONDS
        while not _answers(server):
            assert process.poll() is None and time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.1)
        with closing(psycopg2.connect(server.url("postgres"))) as connection:
            connection.autocommit = True
            connection.cursor().execute("CREATE DATABASE dagster")
        yield server
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait()
        shutil.rmtree(folder)


def _answers(server: Postgres) -> bool:
    with suppress(psycopg2.OperationalError):
        psycopg2.connect(server.url("postgres"), connect_timeout=2).close()
        return True
    return False
