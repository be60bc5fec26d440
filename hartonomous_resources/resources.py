"""Opens what every stage and every command works with: database, graph, compute, blobs, index of vectors."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from hartonomous_core.clock import Period
from hartonomous_resources.blobs import Blobs, LocalBlobs
from hartonomous_resources.compute.in_process import InProcessCompute
from hartonomous_resources.compute.protocol import ModelCompute
from hartonomous_resources.compute.routed import RoutedCompute
from hartonomous_resources.database.period import period_of
from hartonomous_resources.database.protocol import Database
from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.database.transactions import ask, query
from hartonomous_resources.graph.materialized import MaterializedGraph
from hartonomous_resources.graph.protocol import Graph
from hartonomous_resources.graph.table_graph import TableGraph
from hartonomous_resources.logs import LOGGER
from hartonomous_resources.settings import Settings

if TYPE_CHECKING:
    from hartonomous_resources.parsing.parser_processes import ParserProcesses
    from hartonomous_resources.vectors.protocol import VectorIndex


@dataclass(frozen=True)
class Resources:
    """Database, graph, compute, blobs and index of vectors of one home."""

    settings: Settings
    database: Database
    graph: Graph
    compute: ModelCompute
    blobs: Blobs

    @cached_property
    def vectors(self) -> "VectorIndex":
        """The index of vectors, opened when it is first asked for: a command that only reads rows loads no NumPy for it."""
        return open_vectors(self.settings)

    @cached_property
    def parsers(self) -> "ParserProcesses":
        """The processes in which documents are parsed, started when such a document comes."""
        from hartonomous_resources.parsing.parser_processes import ParserProcesses

        return ParserProcesses(self.settings.parser_seconds, self.settings.parser_memory_bytes)

    @cached_property
    def period(self) -> Period:
        """How long a partition of the database is, which never changes."""
        return ask(self.database, period_of)

    @property
    def graph_copy(self) -> MaterializedGraph | None:
        """The graph, where it is a copy of the views that is to be written; None where it reads the views."""
        return self.graph if isinstance(self.graph, MaterializedGraph) else None

    def close(self) -> None:
        """Close all of them, each even where closing another one fails."""
        with ExitStack() as closing:
            for opened in (self.database, self.graph, self.compute, self.blobs):
                closing.callback(opened.close)
            if "parsers" in vars(self):
                closing.callback(self.parsers.close)


def open_database(settings: Settings) -> Database:
    """Open the database of a home. The embedded one belongs to us alone, so its schema is brought up to date.

    On SQL Server `hartonomous migrate` does that, with more rights than the work needs; a schema that differs is refused when used. What
    an older release kept as the graph, beside either, is deleted: nothing reads it any more.
    """
    database = database_of(settings)
    if not settings.uses_sqlserver:
        database.migrate()
    delete_former_graph(settings.home)
    return database


def delete_former_graph(home: Path) -> None:
    """Delete the files of the graph of a release up to 0.1.0: they hold uris of sources, which no erasure would reach there."""
    files = [file for file in (home / f"graph.db{suffix}" for suffix in ("", "-wal", "-shm")) if file.exists()]
    try:
        for file in files:
            file.unlink(missing_ok=True)  # another process may do the same
    except OSError as error:
        LOGGER.warning("%s is not used any more, holds uris of sources and cannot be deleted: %s", files[0], error)
    else:
        if files:
            LOGGER.warning("deleted %s: the graph is views of the database now", ", ".join(map(str, files)))


def database_of(settings: Settings) -> Database:
    """Return the database of a home without bringing its schema up to date. It is not touched until used."""
    if settings.uses_sqlserver:
        from hartonomous_resources.database.sqlserver.sqlserver_database import SqlServerDatabase

        return SqlServerDatabase(settings)
    return SqliteDatabase(
        settings.database_path, settings.connections, partition=settings.partition, mapped=settings.sqlite_mapped
    )


def open_graph(settings: Settings, database: Database) -> Graph:
    """Return the graph of a home: its copy in Neo4j, or the views of the database.

    It is not touched until used, so that a broken copy fails only what needs it. A copy that belongs to another database is refused then.
    """
    if settings.neo4j_uri is not None:
        from hartonomous_resources.graph.neo4j_graph import Neo4jGraph

        copy: MaterializedGraph = Neo4jGraph(settings, partial(owner_of_graph, database))
        return copy
    return TableGraph(database)


def owner_of_graph(database: Database) -> str:
    """Return what tells this database from others: when it was created. Raises DatabaseError."""
    return str(query(database, "schema")[0]["createdAt"])


def open_compute(settings: Settings) -> ModelCompute:
    """Return the compute of a home; models are loaded at first use."""
    return RoutedCompute(settings, COMPUTES[settings.compute])


def _worker_compute(settings: Settings) -> ModelCompute:
    from hartonomous_resources.compute.worker.worker_compute import WorkerCompute  # with NumPy

    return WorkerCompute(settings)


COMPUTES: dict[str, Callable[[Settings], ModelCompute] | None] = {
    "in_process": InProcessCompute,
    "worker": _worker_compute,
    "auto": _worker_compute,
    "api": None,  # a server of others, which `RoutedCompute` opens
}
"""Backends of compute by the value of HARTONOMOUS_COMPUTE, which `Settings.compute` lists too."""


def open_blobs(settings: Settings) -> Blobs:
    """Return the blob store of a home."""
    return LocalBlobs(settings.blob_dir)


def open_vectors(settings: Settings) -> "VectorIndex":
    """Return the index of vectors of a home. It is not touched until used."""
    from hartonomous_resources.vectors.exact import ExactVectors

    return ExactVectors(settings.vector_dir, settings.search_graph_rows)


def open_resources(settings: Settings | None = None) -> Resources:
    """Open everything that a home consists of.

    The caller closes it. Raises DatabaseUnavailable or SchemaMismatch.
    """
    settings = settings or Settings()
    database = open_database(settings)
    return Resources(
        settings,
        database,
        open_graph(settings, database),
        open_compute(settings),
        open_blobs(settings),
    )
