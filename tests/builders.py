"""Builds what tests need: backends, homes, processes, and the smallest rows and messages.

A further backend is one more entry in `DATABASES`, `GRAPHS`, `COMPUTES` or `VECTOR_INDEXES`; every contract test then runs against it as well.
"""

import base64
import hashlib
import json
import multiprocessing
import os
import re
import sqlite3
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray
from pydantic import SecretStr

from hartonomous_core.clock import timestamp
from hartonomous_core.embedders.protocol import Embeddings
from hartonomous_resources.compute.in_process import InProcessCompute
from hartonomous_resources.compute.protocol import Compute, ModelIdentity
from hartonomous_resources.database.protocol import Database, Message, Row, UnitOfWork
from hartonomous_resources.database.rows.atom_rows import AtomRow
from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.database.sqlserver.connection import connect
from hartonomous_resources.database.sqlserver.sqlserver_database import SqlServerDatabase
from hartonomous_resources.graph.protocol import Graph
from hartonomous_resources.graph.sqlite_graph import SqliteGraph
from hartonomous_resources.resources import Resources, open_blobs, open_compute, open_vectors
from hartonomous_resources.settings import Settings
from hartonomous_resources.vectors.exact import ExactVectors
from hartonomous_resources.vectors.protocol import VectorIndex
from tests.tools.neo4j.server import open_empty_graph

HOUR = "2026-11-23-09:00"

_SPAWN = multiprocessing.get_context("spawn")


# ---- backends


@dataclass(frozen=True, slots=True)
class DatabaseBackend:
    """An implementation of the database protocol."""

    create: Callable[[Path], str]
    """Make a fresh store (in this folder, if it is a file) and return its location."""
    open: Callable[..., Database]
    """Open the store at a location, in any process; `connections` limits how many it opens."""
    connect: Callable[[str], Any]
    """Open a plain DB-API connection, as a client does that knows nothing of Hartonomous."""
    count_connections: Callable[[str], int]
    """Count the connections of this process to the store at a location."""
    break_connection: Callable[[Any], None]
    """Break the connection of a unit of work, as a network does."""
    drop: Callable[[str], None] = lambda _location: None
    variable: str | None = None
    """Environment variable that says where the server is; None for what needs no server."""


@dataclass(frozen=True, slots=True)
class GraphBackend:
    """An implementation of the graph protocol."""

    open: Callable[[Path], Graph]
    """Open an empty graph (in this folder, if it is a file); without a server, skip the test, or fail it in CI."""


TEST_SQLSERVER = "HARTONOMOUS_TEST_SQLSERVER_DSN"


def _sqlserver_settings(database: str | None, **more: Any) -> Settings:
    """Return settings for a database of the tests' server; a DATABASE in its connection string is removed, as the first one would win."""
    dsn = re.sub(r"(?i)(^|;)\s*database\s*=[^;]*", "", os.environ[TEST_SQLSERVER])
    return Settings(sqlserver_dsn=SecretStr(f"{dsn};DATABASE={database or 'master'}"), **more)


def _on_sqlserver(*statements: str) -> None:
    connection = connect(_sqlserver_settings(None))
    connection.autocommit = True  # databases are made outside of transactions
    for statement in statements:
        connection.execute(statement)
    connection.close()


def _create_sqlserver_database(_folder: Path) -> str:
    name = f"hartonomous_test_{uuid.uuid4().hex}"
    options = ["ALLOW_SNAPSHOT_ISOLATION ON", "READ_COMMITTED_SNAPSHOT ON"]
    if Settings().broker != "table":
        options.append("ENABLE_BROKER")
    _on_sqlserver(f"CREATE DATABASE [{name}]", *(f"ALTER DATABASE [{name}] SET {option}" for option in options))
    return name


def _drop_sqlserver_database(name: str) -> None:
    _on_sqlserver(f"ALTER DATABASE [{name}] SET SINGLE_USER WITH ROLLBACK IMMEDIATE", f"DROP DATABASE [{name}]")


def _count_sqlite_connections(location: str) -> int:
    return sum(file.path == location for file in psutil.Process().open_files())


def _count_sqlserver_connections(name: str) -> int:
    connection = connect(_sqlserver_settings(name))
    sessions = "SELECT COUNT(*) - 1 FROM sys.dm_exec_sessions WHERE database_id = DB_ID() AND host_process_id = ?"
    counted = int(connection.execute(sessions, os.getpid()).fetchone()[0])
    connection.close()
    return counted


DATABASES: dict[str, DatabaseBackend] = {
    "sqlite": DatabaseBackend(
        create=lambda folder: str(folder / "hartonomous.db"),
        open=lambda location, **more: SqliteDatabase(Path(location), **more),
        connect=sqlite3.connect,
        count_connections=_count_sqlite_connections,
        break_connection=lambda unit_of_work: unit_of_work.connection.close(),
    ),
    # A server without Service Broker or spatial types: set HARTONOMOUS_BROKER=table, HARTONOMOUS_SPATIAL=off, HARTONOMOUS_VECTOR=off.
    "sqlserver": DatabaseBackend(
        create=_create_sqlserver_database,
        open=lambda location, **more: SqlServerDatabase(_sqlserver_settings(location, **more)),
        connect=lambda location: connect(_sqlserver_settings(location)),
        count_connections=_count_sqlserver_connections,
        break_connection=lambda unit_of_work: unit_of_work._session.connection.close(),
        drop=_drop_sqlserver_database,
        variable=TEST_SQLSERVER,
    ),
}
GRAPHS: dict[str, GraphBackend] = {
    "sqlite": GraphBackend(open=lambda folder: SqliteGraph(folder / "graph.db")),
    "neo4j": GraphBackend(open=lambda _folder: open_empty_graph()),
}
VECTOR_INDEXES: dict[str, Callable[[], VectorIndex]] = {"exact": ExactVectors}

COMPUTES: dict[str, Callable[[Settings], Compute]] = {"in_process": InProcessCompute}


def require(name: str, variable: str | None) -> None:
    """Skip the test of a backend when the variable of its server is not set."""
    if variable and not os.environ.get(variable):
        pytest.skip(f"NOT TESTED: backend {name}; set {variable} to test it")


@dataclass(frozen=True, slots=True)
class Store:
    """A backend's name and the location of its store: what another process needs to open it."""

    backend: str
    location: str

    def open(self, **more: int) -> Database:
        return DATABASES[self.backend].open(self.location, **more)

    def connect(self) -> Any:
        return DATABASES[self.backend].connect(self.location)


def rows(connection: Any, statement: str, *parameters: object) -> list[dict[str, Any]]:
    """Run a plain SQL statement on any DB-API connection and return its rows by column name."""
    cursor = connection.cursor()
    cursor.execute(statement, parameters)
    names = [column[0] for column in cursor.description]
    found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    connection.rollback()  # the next look must see what was committed meanwhile
    return found


# ---- processes

_start: Any = None


def _set_start(barrier: Any) -> None:
    global _start
    _start = barrier


def wait_for_the_others() -> None:
    """Wait, within `in_processes`, until every process has come to this call."""
    _start.wait(30)


def _run_together(function: Callable[..., Any], index: int, arguments: tuple[Any, ...]) -> Any:
    wait_for_the_others()
    return function(index, *arguments)


def in_processes(count: int, function: Callable[..., Any], *arguments: Any) -> list[Any]:
    """Run `function(index, *arguments)` in `count` fresh processes that all begin at the same moment; an error of one is raised here."""
    with ProcessPoolExecutor(count, _SPAWN, _set_start, (_SPAWN.Barrier(count),)) as pool:
        started = [pool.submit(_run_together, function, index, arguments) for index in range(count)]
        return [process.result(60) for process in started]


def start_and_kill(function: Callable[..., None], *arguments: Any, reap: bool = True) -> multiprocessing.Process:
    """Run `function(ready, *arguments)` in a fresh process and kill it (-9) once it has called `ready`.

    Without `reap`, nobody waits for it, so it stays in the process table.
    """
    ready = _SPAWN.Event()
    process = _SPAWN.Process(target=function, args=(ready.set, *arguments), daemon=True)
    process.start()
    if not ready.wait(30):
        process.kill()
        raise TimeoutError(f"{function.__name__} never came to the point at which it was to be killed")
    process.kill()
    if reap:
        process.join()
    return process


# ---- queues


def enqueue(database: Database, queue: str, bodies: Iterable[bytes], key: str = "key") -> list[str]:
    """Put messages on a queue in a transaction of their own."""
    with database.unit_of_work() as unit_of_work:
        return unit_of_work.enqueue(queue, [(key, body) for body in bodies])


def receive_all(database: Database, queue: str, batch_size: int = 100) -> list[Message]:
    """Receive and acknowledge until the queue is empty."""
    received: list[Message] = []
    while True:
        with database.receive(queue, batch_size) as delivery:
            received += delivery.messages
        if not delivery.messages:
            return received


def receive_and_return(database: Database, queue: str, batch_size: int = 100) -> list[Message]:
    """Receive messages and let the unit of work fail, so that they return to the queue."""
    messages: list[Message] = []
    with suppress(InterruptedError), database.receive(queue, batch_size) as delivery:
        messages = list(delivery.messages)
        raise InterruptedError
    return messages


def dead_letters(database: Database) -> list[Row]:
    """Return every dead letter, the newest first."""
    with database.read() as unit_of_work:
        return unit_of_work.query("dead_letters", tenant_id=None, dead_letter_id=None, n=10_000)


# ---- atoms


def atom(content: bytes | str, ordinal: int = 0, **changes: Any) -> AtomRow:
    """Build an atom as it occurs in a source: a sentence if its content is a text, a chunk if it is bytes."""
    data = content.encode() if isinstance(content, str) else content
    is_text = isinstance(content, str)
    fields: dict[str, Any] = {
        "content_hash": hashlib.sha256(data).digest(),
        "content": b"" if changes.get("blob_key") else data,
        "byte_length": len(data),
        "blob_key": None,
        "modality": "text" if is_text else "binary",
        "subtype": "sentence" if is_text else "chunk",
        "content_type": "text/plain" if is_text else "application/octet-stream",
        "canonical_text": content if is_text else None,
        "ordinal": ordinal,
        "byte_offset": 0,
        "suffix": b"",
    }
    return AtomRow(**fields | changes)


def atoms_of(*contents: bytes | str) -> list[AtomRow]:
    """Build atoms with these contents, in this order."""
    return [atom(content, ordinal) for ordinal, content in enumerate(contents)]


def insert_source(unit_of_work: UnitOfWork, tenant_id: int = 0, uri: str = "file:///source", hour: str = HOUR) -> int:
    """Insert a source as Landed, the next version of its uri, and return its SourceId."""
    unit_of_work.execute(
        "insert_source",
        tenant_id=tenant_id,
        source_uri=uri,
        content_type="text/plain",
        byte_length=1,
        hour=hour,
        message_id="message",
        read_uri=uri,
        blob_key=None,
        now=timestamp(),
        metadata="{}",
    )
    return int(sources(unit_of_work, uri)[0]["sourceId"])


def sources(unit_of_work: UnitOfWork, uri: str | None = None) -> list[Row]:
    """Return all sources, or those of a uri, the newest first."""
    return unit_of_work.query("sources", tenant_id=None, source_id=None, source_uri=uri, status=None, n=10_000)


def claim_sources(unit_of_work: UnitOfWork, owner: str, hour: str = HOUR, lease_seconds: float = 60) -> list[Row]:
    """Claim the next source, as the stage does."""
    chosen = unit_of_work.query("claimable_sources", hour=hour, now=timestamp(), n=1)
    return unit_of_work.query(
        "claim_sources",
        source_ids=json.dumps([row["sourceId"] for row in chosen]),
        owner=owner,
        lease_until=timestamp(lease_seconds),
    )


def write(
    database: Database, *contents: bytes | str, tenant_id: int = 0, uri: str = "file:///source", hour: str = HOUR
) -> int:
    """Insert a source and its atoms in one transaction; returns the SourceId."""
    with database.unit_of_work() as unit_of_work:
        source_id = insert_source(unit_of_work, tenant_id, uri, hour)
        unit_of_work.write_atoms(tenant_id, source_id, hour, atoms_of(*contents))
    return source_id


def broken_invariants(database: Database, *statements: str) -> dict[str, list[Row]]:
    """Run these statements of invariants.sql and return the rows that break each; empty where all is well."""
    with database.read() as unit_of_work:
        found = {name: unit_of_work.query(name, hour=None, tenant_id=None) for name in statements}
    return {name: broken for name, broken in found.items() if broken}


# ---- homes and messages


def open_home(folder: Path, database: Database, graph: Graph, **settings: Any) -> Resources:
    """Open a home in `folder` whose messages may name the files of `folder / "files"`. It loads no model before it embeds something."""
    files = folder / "files"
    files.mkdir(parents=True, exist_ok=True)
    chosen = Settings(home=folder, **{"linger_seconds": 0, "allowed_roots": [files], **settings})
    return Resources(chosen, database, graph, open_compute(chosen), open_blobs(chosen), open_vectors())


def small_model(name: str, modality: str = "text") -> ModelIdentity:
    """Describe a model of three dimensions."""
    return ModelIdentity(modality, name, 3, hashlib.sha256(name.encode()).hexdigest(), "fp32", "{}")


class SmallCompute:
    """A Compute whose models have three dimensions, by default one text model; it keeps the texts that it embedded."""

    def __init__(self, *models: ModelIdentity) -> None:
        self.texts: list[str] = []
        self._models = models or (small_model("small"),)

    def models(self) -> Sequence[ModelIdentity]:
        return self._models

    def embed(self, _model: ModelIdentity, texts: list[str]) -> Embeddings:
        self.texts += texts
        return Embeddings(
            np.tile(np.array([1, 0, 0], dtype=np.float32), (len(texts), 1)), np.ones(len(texts), dtype=np.int64)
        )

    def project(
        self, vectors: NDArray[np.float32], _axes: NDArray[np.float64], _mean: NDArray[np.float64], _scale: float
    ) -> NDArray[np.float64]:
        return vectors.astype(np.float64)


def request(**fields: object) -> bytes:
    """Build the body of an IngestionRequest, of tenant 0 unless the fields say otherwise; bytes become base64."""
    coded = {name: base64.b64encode(f).decode() if isinstance(f, bytes) else f for name, f in fields.items()}
    return json.dumps({"tenantId": 0, **coded}).encode()


def without(values: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Copy a mapping without some of its names."""
    return {name: value for name, value in values.items() if name not in names}
