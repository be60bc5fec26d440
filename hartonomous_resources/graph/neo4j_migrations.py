"""Constraints and indexes of the graph: numbered files with a journal of `SchemaVersion` nodes.

Neo4j takes no schema and no data in one transaction. So each statement says IF NOT EXISTS and runs alone, and
the journal is written last: a migration that was interrupted simply runs again.
"""

import re
from typing import TYPE_CHECKING

from hartonomous_core.clock import timestamp
from hartonomous_core.vocabulary import LABELS
from hartonomous_resources.database.database_errors import SchemaMismatch
from hartonomous_resources.database.migrations import pending_migrations, read_migrations
from hartonomous_resources.graph.neo4j_statements import statement
from hartonomous_resources.project_files import project_file

if TYPE_CHECKING:
    import neo4j

_WAIT_SECONDS = 600
_NUMBERS = 2
"""The migration before which nodes had no numbers."""


def migrate(session: "neo4j.Session", store: str) -> list[str]:
    """Bring the schema up to date and return what ran; processes that do so at once do no harm.

    Raises SchemaMismatch when the graph is newer than the program, holds nodes of an older layout, or a migration that ran has been
    changed since.
    """
    applied = session.execute_read(lambda tx: tx.run(statement("applied_migrations")).data())
    shipped = read_migrations(project_file("sql") / "neo4j" / "migrations")
    pending = pending_migrations(shipped, {row["version"]: row["sha256"] for row in applied}, store)
    if any(migration.version == _NUMBERS for migration in pending) and session.execute_read(_is_of_older_layout):
        raise SchemaMismatch(
            f"{store} holds a graph of an older layout, whose nodes have no numbers: empty it (docs/operations.md), or give another "
            "HARTONOMOUS_NEO4J_DATABASE, then write it anew by hartonomous verify --graph --repair --all-tenants"
        )
    for migration in pending:
        for text in statements_of(migration.text):
            _run(session, text)
        _run(session, statement("wait_for_indexes"), seconds=_WAIT_SECONDS)
        _run(
            session,
            statement("record_migration"),
            version=migration.version,
            name=migration.name,
            sha256=migration.sha256,
            applied_at=timestamp(),
        )
    return [migration.label for migration in pending]


def _is_of_older_layout(transaction: "neo4j.ManagedTransaction") -> bool:
    texts = (statement("is_of_older_layout", label=label) for label in LABELS)
    return any(transaction.run(text).single(strict=True).value() for text in texts)


def statements_of(script: str) -> list[str]:
    """The statements of a migration; it holds no semicolon but at their ends."""
    without_comments = re.sub(r"^//.*$", "", script, flags=re.MULTILINE)
    return [text.strip() for text in without_comments.split(";") if text.strip()]


def _run(session: "neo4j.Session", text: str, **parameters: object) -> None:
    session.execute_write(lambda tx: tx.run(text, parameters).consume())
