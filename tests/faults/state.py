"""What a home holds once all is done, in terms that do not depend on ids, times, runs or the order of work, so that homes can be compared."""

import hashlib
import sqlite3
from collections import Counter
from contextlib import closing
from typing import Any

from tests.cli import Home

_TABLES = {
    "sources": """
        SELECT TenantId, SourceUri, Version, SupersededBy IS NULL, ContentType, hex(ContentHash), ByteLength, Status, AtomizerVersion,
               BlobKey, LeaseOwner, ErrorMessage, Metadata FROM Source""",
    "atoms": """
        SELECT TenantId, hex(ContentHash), Modality, Subtype, CanonicalText, hex(AtomicValue), ContentType, ReferenceCount, InsertedByHand
        FROM Atom""",
    "atom contents": """
        SELECT hex(a.ContentHash), c.ByteLength, hex(c.Content), c.BlobKey FROM AtomContent AS c JOIN Atom AS a ON a.AtomId = c.AtomId""",
    "occurrences": """
        SELECT s.SourceUri, s.Version, sa.Role, sa.Ordinal, hex(a.ContentHash), sa.ByteOffset, sa.ByteLength, hex(sa.Suffix)
        FROM SourceAtom AS sa JOIN Source AS s ON s.SourceId = sa.SourceId JOIN Atom AS a ON a.AtomId = sa.AtomId""",
    "embeddings": """
        SELECT hex(a.ContentHash), m.ArtifactHash, e.EmbeddingVector, e.X, e.Y, e.Z, e.HilbertValue, e.WindowCount
        FROM AtomEmbedding AS e JOIN Atom AS a ON a.AtomId = e.AtomId JOIN EmbeddingModel AS m ON m.ModelId = e.ModelId""",
    "jobs": """
        SELECT hex(a.ContentHash), j.JobType, j.Status, j.LeaseOwner, j.Result
        FROM BackgroundJob AS j LEFT JOIN Atom AS a ON a.AtomId = j.AtomId""",
    "models": "SELECT Modality, Name, ArtifactHash, Active FROM EmbeddingModel",
    "projection models": "SELECT Method, Parameters, ArtifactHash, Active FROM ProjectionModel",
    "queues": "SELECT Queue, OrderingKey, Body FROM QueueMessage",
    "dead letters": "SELECT Kind, TenantId, OrderingKey, Reason FROM DeadLetter",
    "allowed paths": "SELECT Uri FROM PathGrant",
    "words found": "SELECT COUNT(*) FROM AtomText WHERE AtomText MATCH 'ship OR harbour'",
}

# Which run did what differs between homes by nature; a source is called by its uri, its id being an accident of order.
_GRAPH_NODES = """
    SELECT NodeId, TenantId, Label,
           CASE Label WHEN 'Source' THEN json_extract(Properties, '$.sourceUri') || ' ' || json_extract(Properties, '$.version')
                      ELSE Key END
    FROM GraphNode WHERE Label <> 'Run'"""
_GRAPH_EDGES = "SELECT FromId, Type, ToId, json_remove(Properties, '$.runId', '$.since', '$.digest') FROM GraphEdge WHERE Type <> 'GENERATED_BY'"


def state_of(home: Home) -> dict[str, Counter[Any]]:
    """Every table as a bag of rows."""
    state = {name: Counter(map(_short, home.rows(statement))) for name, statement in _TABLES.items()}
    with closing(sqlite3.connect(f"{(home.path / 'graph.db').as_uri()}?mode=ro", uri=True)) as graph:
        nodes = {node_id: (tenant, label, key) for node_id, tenant, label, key in graph.execute(_GRAPH_NODES)}
        edges = [(nodes[start], kind, nodes[end], more) for start, kind, end, more in graph.execute(_GRAPH_EDGES)]
    blobs = [path.relative_to(home.path).as_posix() for path in (home.path / "blobs").rglob("*") if path.is_file()]
    return {**state, "graph nodes": Counter(nodes.values()), "graph edges": Counter(edges), "blobs": Counter(blobs)}


def _short(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(hashlib.sha256(value).hexdigest() if isinstance(value, bytes) else value for value in row)


def differences(expected: dict[str, Counter[Any]], found: dict[str, Counter[Any]]) -> list[str]:
    """What is missing and what is too much, per table, with one example each; nothing where both are the same."""
    lines = []
    for name, rows in expected.items():
        for what, rest in (("missing", rows - found[name]), ("too much", found[name] - rows)):
            if rest:
                lines.append(f"{name}: {rest.total()} {what}, such as {next(iter(rest))}")
    return lines


def loose_ends(home: Home) -> list[str]:
    """What a home in which everything is done must not have: broken invariants, unfinished runs, work left."""
    ends = []
    verified = home.run("verify", "--all-tenants", "--json")
    if verified.code or verified.document["failed"]:
        ends.append(f"verify: {verified.document['failed'][:3]} {verified.stderr}")
    if unfinished := [status for status in home.run_statuses() if status not in ("SUCCESS", "FAILURE", "CANCELED")]:
        ends.append(f"unfinished runs: {unfinished}")
    if not_done := home.rows("SELECT Status, COUNT(*) FROM BackgroundJob WHERE Status <> 'Completed' GROUP BY Status"):
        ends.append(f"jobs not done: {not_done}")
    doubled = home.rows("SELECT SourceUri, COUNT(*) FROM Source GROUP BY TenantId, SourceUri HAVING COUNT(*) > 1")
    if doubled:
        ends.append(f"landed more than once: {doubled[:3]}")
    return ends
