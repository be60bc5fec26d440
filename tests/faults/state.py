"""What a home holds once all is done, in terms that do not depend on ids, times, runs or the order of work, so that homes can be compared."""

import hashlib
from collections import Counter
from typing import Any

from hartonomous_core.vocabulary import Label
from hartonomous_resources.database.graph_views import EDGE_VIEWS, NODE_VIEWS
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

_EDGE_PROPERTIES = {
    "INGESTED_FROM": "FirstOrdinal, Count",
    "USED_ATOM": "FirstOrdinal",
    "PRODUCED_ATOM": "FirstOrdinal",
}


def state_of(home: Home) -> dict[str, Counter[Any]]:
    """Every table as a bag of rows, and the graph."""
    state = {name: Counter(map(_short, home.rows(statement))) for name, statement in _TABLES.items()}
    blobs = [path.relative_to(home.path).as_posix() for path in (home.path / "blobs").rglob("*") if path.is_file()]
    return {**state, **graph_of(home), "blobs": Counter(blobs)}


def graph_of(home: Home) -> dict[str, Counter[Any]]:
    """The nodes and edges that the views show, without runs: which one did what differs between homes by nature.

    A source is called by its uri, its id being an accident of order.
    """
    nodes: dict[tuple[int, Label, int], tuple[Any, ...]] = {}
    for label, view in NODE_VIEWS.items():
        name = "SourceUri || ' ' || Version" if label == "Source" else "Key"
        if label != "Run":
            for tenant, number, called in home.rows(f"SELECT TenantId, Number, {name} FROM {view}"):
                nodes[tenant, label, number] = (tenant, label, called)
    edges: Counter[Any] = Counter()
    for each in EDGE_VIEWS:
        if each.end != "Run":
            more = _EDGE_PROPERTIES.get(each.type, "NULL")
            for tenant, start, end, *rest in home.rows(
                f"SELECT TenantId, FromNumber, ToNumber, {more} FROM {each.name}"
            ):
                ends = ((tenant, each.start, start), (tenant, each.end, end))
                edges[nodes.get(ends[0], ends[0]), each.type, nodes.get(ends[1], ends[1]), *rest] += 1
    return {"graph nodes": Counter(nodes.values()), "graph edges": edges}


def half_shown(expected: dict[str, Counter[Any]], found: dict[str, Counter[Any]]) -> list[str]:
    """What a graph shows amiss in the middle of the work: a source without some edge that it has in the end, or an atom of no source shown."""
    shown = {node for node in found["graph nodes"] if node[1] == "Source"}
    in_the_end = {edge: n for edge, n in expected["graph edges"].items() if shown & {edge[0], edge[2]}}
    return differences(
        {
            "edges of sources": Counter(in_the_end),
            "atoms": Counter({edge[0]: 1 for edge in in_the_end if edge[1] == "INGESTED_FROM"}),
        },
        {
            "edges of sources": Counter(
                {edge: n for edge, n in found["graph edges"].items() if "Source" in (edge[0][1], edge[2][1])}
            ),
            "atoms": Counter({node: n for node, n in found["graph nodes"].items() if node[1] == "Atom"}),
        },
    )


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
