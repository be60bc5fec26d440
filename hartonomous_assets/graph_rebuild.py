"""Rebuilding an hour of the graph from the tables, a bounded part at a time: what is there already is merged again and unchanged."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from hartonomous_assets.provenance_parts import Part, describe_atoms, describe_inference
from hartonomous_resources.agreement import disagreements, tenants_of
from hartonomous_resources.clock import HOUR_FORMAT
from hartonomous_resources.database.protocol import Database
from hartonomous_resources.messages import ATOMS_PER_EVENT
from hartonomous_resources.resources import Resources


def rebuild_hour(resources: Resources, hour: str, tenant_id: int | None = None) -> Iterator[Part]:
    """Merge what the graph lacks of an hour, of one tenant or of all; yields each part that was merged.

    A tenant whose hour agrees is left alone, so an interrupted rebuild of many hours goes on where it was.

    Raises GraphUnavailable.
    """
    database, graph = resources.database, resources.graph
    for tenant in tenants_of(database) if tenant_id is None else [tenant_id]:
        if disagreements(database, graph, tenant, [hour]) == []:
            continue
        for nodes, edges in parts_of_hour(database, tenant, hour):
            graph.merge(nodes, edges)
            yield nodes, edges


def parts_of_hour(database: Database, tenant: int, hour: str) -> Iterator[Part]:
    """Nodes and edges of a tenant's hour as the tables hold them now, at most a thousand atoms a part."""
    with database.read() as unit_of_work:
        sources = unit_of_work.query("atomized_sources_of_hour", tenant_id=tenant, hour=hour)
    for source in sources:
        for start in range(0, max(1, source["atomCount"]), ATOMS_PER_EVENT):
            with database.read() as unit_of_work:
                rows = unit_of_work.query(
                    "source_atom_ids",
                    source_id=source["sourceId"],
                    from_ordinal=start,
                    to_ordinal=start + ATOMS_PER_EVENT,
                )
                part = describe_atoms(unit_of_work, tenant, [row["atomId"] for row in rows], source["sourceId"])
            yield part
    after = 0
    while True:
        with database.read() as unit_of_work:
            rows = unit_of_work.query(
                "loose_atoms_of_hour", tenant_id=tenant, hour=hour, after=after, n=ATOMS_PER_EVENT
            )
            part = describe_atoms(unit_of_work, tenant, [row["atomId"] for row in rows])
        if not rows:
            break
        yield part
        after = rows[-1]["atomId"]
    yield from _inferences_of_hour(database, tenant, hour)


def _inferences_of_hour(database: Database, tenant: int, hour: str) -> Iterator[Part]:
    begin = datetime.strptime(hour, HOUR_FORMAT)
    since, until = (f"{moment:%Y-%m-%dT%H:%M:%S}.000Z" for moment in (begin, begin + timedelta(hours=1)))
    with database.read() as unit_of_work:
        rows = unit_of_work.query("inferences_between", tenant_id=tenant, since=since, until=until)
    for row in rows:
        with database.read() as unit_of_work:
            part = describe_inference(unit_of_work, tenant, row["inferenceId"])
        yield part
