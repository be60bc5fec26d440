"""What is opened is closed, and what connections keep in memory is bounded for the process."""

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import psutil
import pytest

from hartonomous_resources import dagster_resources, resources
from hartonomous_resources.dagster_resources import all_resources
from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.resources import Resources
from hartonomous_resources.settings import Settings

MEBIBYTE = 2**20

SCAN_IN_THREADS = """
import sys, threading, psutil
from pathlib import Path
from hartonomous_resources.database.sqlite import SqliteDatabase
database = SqliteDatabase(Path(sys.argv[1]))
before = psutil.Process().memory_info().rss
ready, done = threading.Barrier(9), threading.Event()
def scan():
    with database.read() as unit_of_work:
        unit_of_work.connection.execute("SELECT COUNT(*) FROM Filling WHERE hex(Bytes) = ''").fetchone()
        ready.wait()
        done.wait()
for _ in range(8):
    threading.Thread(target=scan).start()
ready.wait()
print(psutil.Process().memory_info().rss - before)
done.set()
"""


def test_many_threads_share_one_bounded_cache(tmp_path: Path) -> None:
    path = tmp_path / "filled.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE Filling (Bytes BLOB)")
        connection.executemany("INSERT INTO Filling VALUES (zeroblob(4000))", [()] * 18_000)  # 70 MiB
    connection.close()

    scanned = subprocess.run([sys.executable, "-c", SCAN_IN_THREADS, path], capture_output=True, text=True, check=True)

    assert int(scanned.stdout) < 256 * MEBIBYTE  # each by itself would hold 64


@contextmanager
def elsewhere(action: Callable[[], object]) -> Iterator[threading.Thread]:
    """Another thread that does something and then stays alive."""
    did, leave = threading.Event(), threading.Event()

    def act() -> None:
        action()
        did.set()
        leave.wait(30)

    thread = threading.Thread(target=act)
    thread.start()
    assert did.wait(30)
    yield thread
    leave.set()
    thread.join()


def test_closing_a_database_closes_the_connections_of_every_thread(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "some.db")
    database.change_token()
    with elsewhere(database.migrate):
        database.pending_migrations()

        database.close()

        assert [file.path for file in psutil.Process().open_files() if file.path.startswith(str(tmp_path))] == []
        assert database.pending_migrations() == []  # and it can be opened again
    database.close()


# ---- resources


class Opened(SimpleNamespace):
    """Something that counts how often it was closed."""

    closed = 0

    def close(self) -> None:
        self.closed += 1


def test_dagsters_resources_are_closed_after_a_run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: dict[str, Opened] = {}
    for name in ("database", "graph", "compute", "blobs"):
        opened[name] = Opened()
        monkeypatch.setattr(dagster_resources, f"open_{name}", lambda *_, it=opened[name]: it)

    @dg.op
    def use(
        database: dg.ResourceParam[Any],
        graph: dg.ResourceParam[Any],
        gpu: dg.ResourceParam[Any],
        blobs: dg.ResourceParam[Any],
    ) -> None:
        assert {it.closed for it in (database, graph, gpu, blobs)} == {0}

    @dg.job(resource_defs=all_resources())  # type: ignore[arg-type]
    def using() -> None:
        use()

    assert using.execute_in_process().success
    assert {name: it.closed for name, it in opened.items()} == dict.fromkeys(opened, 1)


def test_all_of_a_home_is_closed_even_if_one_of_it_fails_to(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise OSError("the graph does not let go")

    opened: dict[str, Any] = {name: Opened() for name in ("database", "graph", "compute", "blobs")}
    opened["graph"] = SimpleNamespace(close=fail)
    for name, it in opened.items():
        monkeypatch.setattr(resources, f"open_{name}", lambda *_, it=it: it)
    home: Resources = resources.open_resources(settings)

    with pytest.raises(OSError, match="does not let go"):
        home.close()

    assert [opened[name].closed for name in ("database", "compute", "blobs")] == [1, 1, 1]
