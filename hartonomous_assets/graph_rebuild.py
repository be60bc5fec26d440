"""Rebuilding an hour of the graph from the tables, a bounded part at a time: what is there already is merged again and unchanged."""

from collections.abc import Iterator
from contextlib import contextmanager

from hartonomous_assets.provenance_parts import Part, describe_atoms, describe_inferences
from hartonomous_resources.agreement import disagreements, tenants_of
from hartonomous_resources.clock import bounds_of
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.transactions import ask, query
from hartonomous_resources.messages import ATOMS_PER_EVENT, PROVENANCE_QUEUE
from hartonomous_resources.resources import Resources

_INFERENCES_AT_ONCE = 100


def rebuild_hour(
    resources: Resources, hour: str, tenant_id: int | None = None, *, everything: bool = False
) -> Iterator[Part]:
    """Merge what the graph lacks of an hour, of one tenant or of all; yields each part that was merged.

    A tenant whose hour agrees is left alone unless `everything` is asked for, so an interrupted rebuild of many hours goes on where
    it was. Inferences are written last: until they are, the hour does not agree.

    Raises GraphUnavailable.
    """
    claim_graph(resources)
    for tenant in tenants_of(resources.database) if tenant_id is None else [tenant_id]:
        if everything or disagreements(resources.database, resources.graph, tenant, [hour]) != []:
            yield from _sources(resources, tenant, hour)
            yield from _loose_atoms(resources, tenant, hour)
            yield from _inferences(resources, tenant, hour)


def claim_graph(resources: Resources) -> None:
    """Make sure that the graph is of this database and no other. Raises GraphUnavailable."""
    resources.graph.claim(ask(resources.database, owner_of_graph))


def owner_of_graph(unit_of_work: UnitOfWork) -> str:
    """What tells this database from others: when it was made."""
    return str(unit_of_work.query("schema")[0]["createdAt"])


@contextmanager
def without_events(resources: Resources) -> Iterator[UnitOfWork]:
    """A transaction in which no event is synced: what it reads and writes to the graph does not undo what an event told."""
    with resources.database.unit_of_work() as unit_of_work:
        unit_of_work.query("lock_queue", queue=PROVENANCE_QUEUE)
        yield unit_of_work


def _sources(resources: Resources, tenant: int, hour: str) -> Iterator[Part]:
    sources = query(resources.database, "atomized_sources_of_hour", tenant_id=tenant, hour=hour)
    for source_id in (row["sourceId"] for row in sources):
        after: dict[str, object] = {"role": "", "ordinal": -1}
        while True:
            with without_events(resources) as unit_of_work:
                rows = unit_of_work.query("source_atoms_after", source_id=source_id, **after, n=ATOMS_PER_EVENT)
                part = describe_atoms(unit_of_work, tenant, sorted({row["atomId"] for row in rows}), source_id)
                resources.graph.merge(*part)
            yield part
            if len(rows) < ATOMS_PER_EVENT:
                break
            after = {name: rows[-1][name] for name in after}


def _loose_atoms(resources: Resources, tenant: int, hour: str) -> Iterator[Part]:
    after = 0
    while True:
        with without_events(resources) as unit_of_work:
            rows = unit_of_work.query(
                "loose_atoms_of_hour", tenant_id=tenant, hour=hour, after=after, n=ATOMS_PER_EVENT
            )
            part = describe_atoms(unit_of_work, tenant, [row["atomId"] for row in rows])
            resources.graph.merge(*part)
        if not rows:
            break
        yield part
        after = rows[-1]["atomId"]


def _inferences(resources: Resources, tenant: int, hour: str) -> Iterator[Part]:
    since, until = bounds_of(hour)
    after = ""
    while True:
        with without_events(resources) as unit_of_work:
            which = {"tenant_id": tenant, "since": since, "until": until, "after": after}
            rows = unit_of_work.query("inferences_between", **which, n=_INFERENCES_AT_ONCE)
            part = describe_inferences(unit_of_work, tenant, [row["inferenceId"] for row in rows])
            resources.graph.merge(*part)
        if not rows:
            break
        yield part
        after = rows[-1]["inferenceId"]
