"""Counts what the store holds, for `hartonomous stats`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hartonomous_core.messages import INGESTION_QUEUE, PROVENANCE_QUEUE
from hartonomous_resources.database.protocol import Row, UnitOfWork
from hartonomous_resources.database.transactions import ask
from hartonomous_resources.graph.protocol import GraphUnavailable
from hartonomous_resources.resources import Resources
from hartonomous_service.arguments import Tenant, checked
from hartonomous_service.source_records import count_not_searchable

if TYPE_CHECKING:
    import pandas as pd


class Statistics(dict[str, Any]):
    """A dict of counts; JSON writes it as one."""

    def to_frame(self) -> pd.DataFrame:
        """Return one row, a column for each count: those within others are named as in jobs.Completed."""
        import pandas as pd

        return pd.json_normalize(dict(self))


@checked
def collect_stats(resources: Resources, *, tenant: Tenant | None = 0) -> Statistics:
    """Count what a tenant has, or all tenants for None. `bytesStored` counts each atom once; `bytesOnDisk` and `queues` are of the whole home.

    `notSearchable` counts current sources that are kept as bytes, by content type. `graph` is None when the graph cannot be asked;
    `graphUnavailable` says why.
    """

    def read(unit_of_work: UnitOfWork) -> tuple[Row, dict[str, int], dict[str, int], dict[str, int], int]:
        totals = unit_of_work.query("stats_totals", tenant_id=tenant)[0]
        jobs = {row["status"]: row["n"] for row in unit_of_work.query("stats_jobs", tenant_id=tenant)}
        depths = {row["queue"]: row["depth"] for row in unit_of_work.query("queue_depths")}
        types = {row["contentType"]: row["n"] for row in unit_of_work.query("content_types", tenant_id=tenant)}
        dead = unit_of_work.query("dead_letter_count", tenant_id=tenant, hour=None)[0]["n"]
        return totals, jobs, depths, types, dead

    totals, jobs, depths, types, dead = ask(resources.database, read)
    try:
        nodes, edges = resources.graph.counts(tenant)
        graph, unavailable = {"nodes": sum(nodes.values()), "edges": sum(edges.values())}, None
    except GraphUnavailable as error:
        graph, unavailable = None, str(error)  # shown as such: the rest of the figures are still true
    counted = {
        **{name: totals[name] for name in ("sources", "atoms", "embeddings", "projections")},
        "notSearchable": count_not_searchable(types),
        "jobs": jobs,
        "queues": {queue: depths.get(queue, 0) for queue in (INGESTION_QUEUE, PROVENANCE_QUEUE)},
        "deadLetters": dead,
        "bytesIn": totals["bytesIn"],
        "bytesStored": totals["bytesStored"],
        "bytesOnDisk": resources.database.bytes_on_disk() + resources.blobs.stored_bytes(),
        "dedupRatio": round(totals["bytesIn"] / totals["bytesStored"], 3) if totals["bytesStored"] else None,
        "graph": graph,
        "graphUnavailable": unavailable,
    }
    return Statistics(counted)
