"""Stage `provenance_graph`: consume ProvenanceQueue into the graph.

Events are pointers. What is written is read from the tables now, so an event that comes late, twice or out of order does no
harm. A batch is acknowledged only after the graph has committed it.
"""

from collections.abc import Generator

import dagster as dg

from hartonomous_assets.graph_rebuild import rebuild_hour
from hartonomous_assets.provenance_parts import (
    Part,
    describe_atoms,
    describe_embedded,
    describe_inference,
    describe_projected,
)
from hartonomous_assets.receiving import RETURNED, receive_batch
from hartonomous_assets.stage import IDLE, Progress, Stage, StageUnavailable, Work
from hartonomous_assets.table_schema import column_schema
from hartonomous_resources.clock import timestamp
from hartonomous_resources.database.protocol import Message, Row, UnitOfWork
from hartonomous_resources.graph.protocol import Edge, GraphUnavailable, Node
from hartonomous_resources.messages import (
    PROVENANCE_QUEUE,
    AtomsEvent,
    DeletionEvent,
    InferenceEvent,
    parse_provenance_event,
)


def steps(work: Work) -> Generator[Progress]:
    """Sync batches of events until the queue is empty; a run of this stage alone first rebuilds what the graph lacks of its hour."""
    settings, graph = work.resources.settings, work.resources.graph
    nodes: list[Node] = []
    edges: list[Edge] = []
    gone: list[Node] = []

    def handle(unit_of_work: UnitOfWork, message: Message) -> None:
        event = parse_provenance_event(message.body)
        if isinstance(event, DeletionEvent):
            gone.extend(_gone(unit_of_work, event))
            return
        part = describe(unit_of_work, event)
        nodes.extend(part[0])
        edges.extend(part[1])

    def merge() -> None:
        try:
            if nodes or edges:
                graph.merge(nodes, edges)
            if gone:
                graph.delete(gone)
        except GraphUnavailable as error:
            raise StageUnavailable(f"{graph.name} cannot be reached: {error}") from error

    if work.alone:
        yield from _rebuild(work)
    n = settings.provenance_batch_size
    while True:
        nodes.clear()
        edges.clear()
        gone.clear()
        if not settings.provenance_enabled:
            yield IDLE
            continue
        progress = receive_batch(work, PROVENANCE_QUEUE, n, handle, merge)
        n = 1 if RETURNED in progress.counts else settings.provenance_batch_size
        yield Progress({**progress.counts, "nodes": len(nodes), "edges": len(edges)}) if progress.counts else IDLE


def _rebuild(work: Work) -> Generator[Progress]:
    try:
        for nodes, edges in rebuild_hour(work.resources, work.hour):
            yield Progress({"rebuilt nodes": len(nodes), "rebuilt edges": len(edges)})
    except GraphUnavailable as error:
        raise StageUnavailable(f"{work.resources.graph.name} cannot be reached: {error}") from error


def describe(unit_of_work: UnitOfWork, event: AtomsEvent | InferenceEvent) -> Part:
    """Nodes and edges that an event points at, as the tables hold them now."""
    if isinstance(event, InferenceEvent):
        _record_inference(unit_of_work, event)
        return describe_inference(unit_of_work, event.tenant_id, event.inference_id)
    if event.event_type == "AtomsEmbedded":
        return describe_embedded(unit_of_work, event.tenant_id, event.atom_ids)
    if event.event_type == "AtomsProjected":
        return describe_projected(unit_of_work, event.tenant_id, event.atom_ids)
    return describe_atoms(unit_of_work, event.tenant_id, event.atom_ids, event.source_id)


def _gone(unit_of_work: UnitOfWork, event: DeletionEvent) -> list[Node]:
    """Of the atoms that were deleted, those that have not come back."""
    return [
        Node(event.tenant_id, "Atom", digest)
        for digest in event.atom_hashes
        if not unit_of_work.query("atom_by_hash", tenant_id=event.tenant_id, content_hash=bytes.fromhex(digest))
    ]


def _record_inference(unit_of_work: UnitOfWork, event: InferenceEvent) -> None:
    unit_of_work.execute(
        "merge_inference",
        inference_id=event.inference_id,
        tenant_id=event.tenant_id,
        model=event.model,
        task=event.task,
        started_at=event.started_at,
        duration_ms=event.duration_ms,
        now=timestamp(),
    )
    for role, hashes in (("input", event.input_atoms), ("output", event.output_atoms)):
        unit_of_work.execute_many(
            "insert_inference_atom",
            (
                (event.tenant_id, event.inference_id, role, ordinal, bytes.fromhex(digest))
                for ordinal, digest in enumerate(hashes)
            ),
        )


def _totals(work: Work) -> list[Row]:
    """The whole graph: events do not belong to an hour."""
    try:
        nodes, edges = work.resources.graph.counts(None)
    except GraphUnavailable:
        return []  # a run that only reports must not fail over it; the stage itself does, and the check says so
    kinds = (("node", nodes), ("edge", edges))
    return [{"kind": kind, "type": name, "rows": n} for kind, counts in kinds for name, n in counts.items()]


STAGE = Stage(
    spec=dg.AssetSpec(
        "provenance_graph",
        deps=["sources", "atoms", "atom_embeddings", "atom_projections", "provenance_queue"],
        group_name="provenance",
        kinds={"sqlite", "python"},
        owners=["team:hartonomous"],
        metadata=column_schema("GraphNode", migrations="graph_migrations"),
        description="Where every atom came from and what was made of it: atoms, sources, runs, models and inferences as a graph "
        "after W3C PROV, synced from ProvenanceQueue.",
    ),
    steps=steps,
    totals=_totals,
)
