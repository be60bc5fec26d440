"""One set of tests, every backend: which there are is said in tests/backends.py."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hartonomous_resources.database.protocol import Database
from hartonomous_resources.graph.protocol import Graph
from hartonomous_resources.resources import Resources
from hartonomous_resources.vectors.protocol import VectorIndex
from tests.backends import DATABASES, GRAPHS, VECTOR_INDEXES, Store, require
from tests.builders import open_home


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


@pytest.fixture(params=GRAPHS)
def graph(request: pytest.FixtureRequest, tmp_path: Path) -> Graph:
    """A fresh graph of each backend."""
    return GRAPHS[request.param].open(tmp_path)


@pytest.fixture(params=VECTOR_INDEXES)
def vectors(request: pytest.FixtureRequest) -> VectorIndex:
    """Each index of vectors."""
    return VECTOR_INDEXES[request.param]()


@pytest.fixture
def make_home(tmp_path: Path, database: Database) -> Callable[..., Resources]:
    """Makes a home on the store, with the given settings; its graph is the embedded one, which nothing here looks at."""
    return lambda **settings: open_home(tmp_path, database, GRAPHS["sqlite"].open(tmp_path), **settings)


@pytest.fixture
def home(make_home: Callable[..., Resources]) -> Resources:
    """A home on the store, with default settings."""
    return make_home()
