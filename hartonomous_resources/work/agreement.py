"""Compares graph and database, per tenant and hour: counts, and sums that do not depend on the order of the rows.

Every atom, source and inference, and every INGESTED_FROM, USED_ATOM and PRODUCED_ATOM edge counts with a number below 2^32 that is made
from hashes and ids by the same arithmetic here, for the graph's property `digest`, and in the statement `hour_digests`, for the tables.
A sum of 2^31 of them fits 64 bits.
"""

import hashlib
from collections.abc import Mapping, Sequence

from hartonomous_core.clock import bounds_of, is_hour
from hartonomous_core.messages import PROVENANCE_QUEUE
from hartonomous_resources.database.protocol import Database, Row, UnitOfWork
from hartonomous_resources.database.transactions import ask, query
from hartonomous_resources.graph.protocol import Digest, Graph

_BELOW = 2**32


def atom_digest(atom_hash: str) -> int:
    """Return the number with which an atom counts; `atom_hash` is hex."""
    return int(atom_hash[:8], 16)


def source_digest(source_id: int, content_hash: str) -> int:
    """Return the number with which a source counts; `content_hash` is hex."""
    return (int(content_hash[:8], 16) * 31 + source_id) % _BELOW


def edge_digest(atom_hash: str, source_id: int, first_ordinal: int, count: int) -> int:
    """Return the number with which a pair of atom and source counts."""
    return (int(atom_hash[:8], 16) * 31 + source_id * 17 + first_ordinal * 7 + count) % _BELOW


def inference_digest(inference_id: str) -> int:
    """Return the number with which an inference counts."""
    return int.from_bytes(hashlib.sha256(inference_id.encode("utf-16-le")).digest()[:4], "big")


def use_digest(inference_id: str, atom_hash: str, first_ordinal: int, *, produced: bool) -> int:
    """Return the number with which an atom counts that an inference used or produced."""
    prefix = inference_digest(inference_id) * 31 + int(atom_hash[:8], 16) * 17
    return (prefix + first_ordinal * 7 + produced) % _BELOW


def database_digests(database: Database, tenant_id: int, hour: str) -> dict[str, Digest] | None:
    """Digest what the graph must hold of an hour; None while events are waiting to be synced."""

    def look(unit_of_work: UnitOfWork) -> Row | None:
        if unit_of_work.query("queue_has_message", queue=PROVENANCE_QUEUE):
            return None
        since, until = bounds_of(hour)
        return unit_of_work.query("hour_digests", tenant_id=tenant_id, hour=hour, since=since, until=until)[0]

    row = ask(database, look)
    if row is None:
        return None
    kinds = ("atom", "source", "edge", "inference", "use")
    return {f"{kind}s": Digest(row[f"{kind}Count"], row[f"{kind}Total"]) for kind in kinds}


def hours_of(database: Database, tenant_id: int) -> list[str]:
    """Return every hour in which a tenant has sources, atoms or inferences."""
    return [row["hour"] for row in query(database, "hours_of_tenant", tenant_id=tenant_id) if is_hour(row["hour"])]


def tenants_of(database: Database) -> list[int]:
    """Return every tenant that has sources, atoms or inferences."""
    return [row["tenantId"] for row in query(database, "database_tenants")]


def disagreements(database: Database, graph: Graph, tenant_id: int, hours: Sequence[str]) -> list[str] | None:
    """Describe where database and graph differ in these hours; None while that cannot be said.

    Events may still be waiting to be synced, or another run may sync some between the two looks: the database is asked before
    and after the graph.

    Raises GraphUnavailable.
    """
    differences = []
    for hour in hours:
        expected = database_digests(database, tenant_id, hour)
        found = graph.digests(tenant_id, hour)
        if expected is None or database_digests(database, tenant_id, hour) != expected:
            return None
        differences += [f"tenant {tenant_id}, hour {hour}: {text}" for text in _differences(expected, found)]
    return differences


def _differences(expected: Mapping[str, Digest], found: Mapping[str, Digest]) -> list[str]:
    texts = []
    for kind, wanted in expected.items():
        have = found.get(kind, Digest(0, 0))
        if have.count != wanted.count:
            texts.append(f"the database has {wanted.count} {kind}, the graph {have.count}")
        elif have.total != wanted.total:
            texts.append(f"{kind} are {wanted.count} in both, but not the same ones")
    return texts
