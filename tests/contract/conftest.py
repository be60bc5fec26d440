"""One set of tests, every backend: which there are is said in tests/backends.py."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hartonomous_core.clock import timestamp
from hartonomous_resources.database.protocol import Database
from hartonomous_resources.resources import Resources
from hartonomous_resources.vectors.exact import ExactVectors
from hartonomous_resources.vectors.protocol import Merge, VectorIndex
from tests.backends import DATABASES, VECTOR_INDEXES, Store, require, rows
from tests.builders import HOUR, open_home, write
from tests.contract.drawn_vectors import GRAPH_ROWS, MergeNow


@pytest.fixture(params=DATABASES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A fresh, migrated store of each database backend; other processes open it by this."""
    backend = DATABASES[request.param]
    require(request.param, backend.variable)
    fresh = Store(request.param, backend.create(tmp_path))
    opened = fresh.open()
    opened.migrate()
    opened.close()
    yield fresh
    backend.drop(fresh.location)


@pytest.fixture
def database(store: Store) -> Iterator[Database]:
    """The store, opened."""
    opened = store.open()
    yield opened
    opened.close()


@pytest.fixture
def client(store: Store) -> Iterator[Any]:
    """A plain DB-API connection to the store: the bare sqlite3 module, or pyodbc."""
    connection = store.connect()
    yield connection
    connection.close()


@pytest.fixture(params=VECTOR_INDEXES)
def vectors(request: pytest.FixtureRequest, tmp_path: Path) -> VectorIndex:
    """Each index of vectors."""
    return VECTOR_INDEXES[request.param](tmp_path / "vectors")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the index is."""
    return tmp_path / "vectors"


@pytest.fixture
def index(folder: Path) -> VectorIndex:
    """An index that writes every row into a file before it answers."""
    return ExactVectors(folder, GRAPH_ROWS, most_young_rows=0)


@pytest.fixture
def merge(database: Database) -> MergeNow:
    """Merges the segments of a model."""

    def run(index: VectorIndex, model_id: int) -> Merge:
        with database.read() as unit_of_work:
            return index.merge(unit_of_work, model_id)

    return run


@pytest.fixture
def is_merged(database: Database) -> Callable[..., bool]:
    """Asks whether a merge would change nothing."""

    def look(index: VectorIndex, model_id: int) -> bool:
        with database.read() as unit_of_work:
            return index.is_merged(unit_of_work, model_id)

    return look


@pytest.fixture
def make_model(client: Any) -> Callable[..., int]:
    """Makes a model of so many dimensions."""

    def make(name: str = "one", dimension: int = 3) -> int:
        client.cursor().execute(
            "INSERT INTO EmbeddingModel (Modality, Name, Dimension, ArtifactHash, Precision, Settings, Active, CreatedAt)"
            " VALUES ('text', ?, ?, ?, 'fp32', '{}', 0, ?)",
            (name, dimension, name, timestamp()),
        )
        client.commit()
        return int(rows(client, "SELECT MAX(ModelId) AS id FROM EmbeddingModel")[0]["id"])

    return make


@pytest.fixture
def put_vectors(database: Database, client: Any) -> Callable[..., list[int]]:
    """Makes a source of atoms with these contents and vectors, the only current version of its uri; returns their ids."""

    def make(
        model_id: int, vectors: dict[str | bytes, NDArray[np.float32]], tenant: int = 0, uri: str = "file:///source"
    ) -> list[int]:
        source_id = write(database, *vectors, tenant_id=tenant, uri=uri)
        cursor = client.cursor()
        cursor.execute(
            "UPDATE Source SET SupersededBy = ? WHERE TenantId = ? AND SourceUri = ? AND SourceId <> ?",
            (source_id, tenant, uri, source_id),
        )
        cursor.execute("UPDATE Source SET Status = 'Atomized' WHERE SourceId = ?", (source_id,))
        client.commit()
        found = rows(client, "SELECT AtomId AS id FROM SourceAtom WHERE SourceId = ? ORDER BY Ordinal", source_id)
        ids = [row["id"] for row in found]
        cursor.executemany(
            "INSERT INTO AtomEmbedding (AtomId, TenantId, ModelId, Dimension, EmbeddingVector, IngestHour, CreatedAt)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (atom_id, tenant, model_id, len(vector), vector.astype("<f4").tobytes(), HOUR, timestamp())
                for atom_id, vector in zip(ids, vectors.values(), strict=True)
            ],
        )
        client.commit()
        return ids

    return make


@pytest.fixture
def make_home(tmp_path: Path, database: Database) -> Callable[..., Resources]:
    """Makes a home on the store, with the given settings."""
    return lambda **settings: open_home(tmp_path, database, **settings)


@pytest.fixture
def home(make_home: Callable[..., Resources]) -> Resources:
    """A home on the store, with default settings."""
    return make_home()
