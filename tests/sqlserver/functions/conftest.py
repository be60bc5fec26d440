"""A server on which the migrations have run."""

import pytest

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
Change = tuple[str, str]
"""A piece of a file, and what is put in its place."""


def server_with(*changes: Change) -> Server:
    """A server that has run the migrations, with these changes made to their last shape. Each piece must stand there once."""
    texts = {script.place: script.text for script in file_set("table_broker")}
    for old, new in changes:
        assert sum(text.count(old) for text in texts.values()) == 1, f"{old!r} does not stand once in the files"
        texts = {file: text.replace(old, new) for file, text in texts.items()}
    server = Server()
    for file, text in texts.items():
        server.load(text, file)
    server.load(_PUBLISHED)
    return server


@pytest.fixture(scope="session")
def functions() -> Server:
    """A server for functions, which change nothing: loaded once for all tests."""
    return server_with()


@pytest.fixture
def server() -> Server:
    """A server of this test's own, to fill tables in."""
    return server_with()
