"""Compares the graph with the database, hour by hour, and repairs it from the tables on request."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from hartonomous_core.vocabulary import Label
from hartonomous_resources.database.transactions import query
from hartonomous_resources.graph.protocol import GraphUnavailable, Node
from hartonomous_resources.resources import Resources
from hartonomous_resources.work.agreement import disagreements, hours_of, tenants_of
from hartonomous_resources.work.graph_rebuild import claim_graph, rebuild_hour, without_events
from hartonomous_service.arguments import Tenant, checked
from hartonomous_service.errors import Conflict, Unavailable

_KNOWN: dict[Label, str] = {"Atom": "known_atoms", "Source": "known_sources", "Inference": "known_inferences"}
_KEYS_AT_ONCE = 1000


@checked
def verify_graph(
    resources: Resources,
    *,
    tenant: Tenant | None = 0,
    repair: bool = False,
    everything: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Compare the graph with every hour of a tenant, or of all tenants for None.

    With `repair`, first remove what the database no longer holds and write what the graph lacks. An hour that agrees is not written again,
    so an interrupted repair goes on where it stopped; with `everything` it is, because runs, models, tenants and the edges to them are not
    compared.

    Returns {"checked": hours, "failed": [{"invariant", "error"}], "repaired": {"nodes", "edges", "removed"}}.

    Raises Unavailable when the graph cannot be reached, Conflict while events wait to be synced.
    """
    repaired = {"nodes": 0, "edges": 0, "removed": 0}
    failed: list[dict[str, Any]] = []
    tenants = tenants_of(resources.database) if tenant is None else [tenant]
    hours = [(each, hour) for each in tenants for hour in hours_of(resources.database, each)]
    try:
        if repair:
            claim_graph(resources)
            for each in tenants:
                repaired["removed"] += sum(_remove_unknown(resources, each))
            # All of them before the comparison: an inference may have used atoms of a later hour.
            for done, (each, hour) in enumerate(hours):
                progress(done, len(hours))
                for nodes, edges in rebuild_hour(resources, hour, each, everything=everything):
                    repaired["nodes"] += len(nodes)
                    repaired["edges"] += len(edges)
        for done, (each, hour) in enumerate(hours):
            progress(done, len(hours))
            found = disagreements(resources.database, resources.graph, each, [hour])
            if found is None:
                raise Conflict("events are waiting to be synced", remedy="sync_events")
            failed += [{"invariant": "graph_agrees", "error": text} for text in found]
    except GraphUnavailable as error:
        raise Unavailable(str(error)) from error
    return {"checked": len(hours), "failed": failed, "repaired": repaired}


def _remove_unknown(resources: Resources, tenant: int) -> Iterator[int]:
    """Delete from the graph the atoms, sources and inferences that the database does not hold; yields the number of each batch."""
    for label, statement in _KNOWN.items():
        after = ""
        while keys := resources.graph.keys(tenant, label, after, _KEYS_AT_ONCE):
            after = keys[-1]
            with without_events(resources):
                rows = query(resources.database, statement, tenant_id=tenant, keys=json.dumps(keys))
                gone = sorted(set(keys) - {row["key"] for row in rows})
                resources.graph.delete([Node(tenant, label, key) for key in gone])
            yield len(gone)
