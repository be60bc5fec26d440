"""A server with the files that the tests execute."""

import pytest

from hartonomous_resources.project_files import project_file
from tests.tsql_functions.server import Server

FILES = (
    *(
        "migrations/0001_tables.sql",
        "migrations/0003_types.sql",
        "migrations/0012_vectors.sql",
        "migrations/0013_landmarks.sql",
    ),
    *(
        "migrations/0014_projection.sql",
        "migrations/0015_search.sql",
        "spatial/0001_spatial_key.sql",
        "spatial/0002_functions.sql",
    ),
)
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
    """A server that has run the files, with these changes made to them first. Each piece must stand there exactly once."""
    texts = {file: (project_file("sql") / "sqlserver" / file).read_text(encoding="utf-8") for file in FILES}
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
