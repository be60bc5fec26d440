"""A server on which the migrations have run."""

from collections.abc import Iterator

import pytest

from tests.tools.tsql.checker import Script, checker
from tests.tools.tsql.definitions import file_set
from tests.tools.tsql_evaluator.server import Server

_PUBLISHED = """
CREATE TABLE dbo.Published (AtomEmbeddingId bigint NOT NULL);
GO
CREATE PROCEDURE dbo.usp_publish_projected @rows dbo.ProjectionRows READONLY
AS
BEGIN
    INSERT INTO dbo.Published (AtomEmbeddingId) SELECT r.AtomEmbeddingId FROM @rows AS r;
END;
"""  # in place of the one that writes to a queue, which this server has not


@pytest.fixture(scope="session")
def functions() -> Server:
    """A server for functions, which change nothing: loaded once for all tests."""
    published = checker().parse(_PUBLISHED)
    assert isinstance(published, Script)
    return Server([*file_set("table_broker"), published])


@pytest.fixture
def server(functions: Server) -> Iterator[Server]:
    """The same server, to fill tables in: they are emptied after the test."""
    before = {name: list(table.rows) for name, table in functions.tables.items()}
    yield functions
    for name, table in functions.tables.items():
        table.restore(before[name])
