"""Stage `provenance_graph`: writes what events of ProvenanceQueue point at into the graph.

Events are pointers. What is written is read from the tables now, so an event that comes late, twice or out of order does no
harm. The queue is leased while the graph writes: no transaction waits for the graph, and a batch is acknowledged only after the
graph has committed it.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import cache, partial

import dagster as dg

from hartonomous_assets.receiving import in_batches, lease_batch
from hartonomous_assets.stage import IDLE, Progress, Stage, StageUnavailable, Work
from hartonomous_assets.table_schema import GRAPH, column_schema, graph_kind
from hartonomous_core.messages import (
    PROVENANCE_QUEUE,
    AtomsEvent,
    DeletionEvent,
    InferenceEvent,
    InvalidMessage,
    parse_provenance_event,
)
from hartonomous_resources.database.protocol import Message, Row, UnitOfWork
from hartonomous_resources.database.rows.atom_rows import ATOM_BY_HASH
from hartonomous_resources.graph.protocol import Edge, Graph, GraphUnavailable, Node
from hartonomous_resources.work.graph_rebuild import claim_graph, rebuild_hour
from hartonomous_resources.work.inference_recording import RecordedOtherwise, write_inference
from hartonomous_resources.work.provenance_parts import (
    GraphPart,
    describe_atoms,
    describe_embedded,
    describe_inferences,
    describe_projected,
)


@dataclass(frozen=True, slots=True)
class _Change:
    """What one event changes in the graph."""

    nodes: Sequence[Node] = ()
    edges: Sequence[Edge] = ()
    gone: Sequence[Node] = ()


def steps(work: Work) -> Generator[Progress]:
    """Sync batches of events until the queue is empty; a run of this stage alone then rebuilds what the graph lacks of its hour."""
    settings = work.resources.settings
    claim = cache(partial(claim_graph, work.resources))  # once, when something is to be written
    rebuild_is_due = work.alone
    batch = partial(lease_batch, work, PROVENANCE_QUEUE, _change, partial(_merge, work.resources.graph, claim))
    batches = in_batches(settings.provenance_batch_size, batch)
    while True:
        progress = next(batches) if settings.provenance_enabled else IDLE
        if not progress.counts and rebuild_is_due:
            rebuild_is_due = False
            yield from _rebuild(work, claim)
        else:
            yield progress


def _change(unit_of_work: UnitOfWork, message: Message) -> _Change:
    event = parse_provenance_event(message.body)
    if isinstance(event, DeletionEvent):
        return _Change(gone=_gone(unit_of_work, event))
    return _Change(*describe(unit_of_work, event))


def _merge(graph: Graph, claim: Callable[[], None], changes: Sequence[_Change]) -> dict[str, int]:
    """Write changes, additions first; returns how many nodes and edges these have."""
    nodes = [node for change in changes for node in change.nodes]
    edges = [edge for change in changes for edge in change.edges]
    gone = [node for change in changes for node in change.gone]
    try:
        if changes:
            claim()
        if nodes or edges:
            graph.merge(nodes, edges)
        if gone:
            graph.delete(gone)
    except GraphUnavailable as error:
        raise StageUnavailable(str(error)) from error
    return {"nodes": len(nodes), "edges": len(edges)}


def _rebuild(work: Work, claim: Callable[[], None]) -> Generator[Progress]:
    try:
        claim()
        for nodes, edges in rebuild_hour(work.resources, work.hour):
            yield Progress({"rebuilt nodes": len(nodes), "rebuilt edges": len(edges)})
    except GraphUnavailable as error:
        raise StageUnavailable(str(error)) from error


def describe(unit_of_work: UnitOfWork, event: AtomsEvent | InferenceEvent) -> GraphPart:
    """Return the nodes and edges that an event points at, as the tables hold them now."""
    if isinstance(event, InferenceEvent):
        _record_inference(unit_of_work, event)
        return describe_inferences(unit_of_work, event.tenant_id, [event.inference_id])
    if event.event_type == "AtomsEmbedded":
        return describe_embedded(unit_of_work, event.tenant_id, event.atom_ids)
    if event.event_type == "AtomsProjected":
        return describe_projected(unit_of_work, event.tenant_id, event.atom_ids)
    return describe_atoms(unit_of_work, event.tenant_id, event.atom_ids, event.source_id)


def _gone(unit_of_work: UnitOfWork, event: DeletionEvent) -> list[Node]:
    """Return the nodes of deleted atoms that have not come back."""
    return [
        Node(event.tenant_id, "Atom", digest)
        for digest in event.atom_hashes
        if not unit_of_work.query(ATOM_BY_HASH, tenant_id=event.tenant_id, content_hash=bytes.fromhex(digest))
    ]


def _record_inference(unit_of_work: UnitOfWork, event: InferenceEvent) -> None:
    try:
        write_inference(unit_of_work, event)
    except RecordedOtherwise as error:
        raise InvalidMessage(str(error), event.tenant_id) from error


def _totals(work: Work) -> list[Row]:
    """Count the whole graph, because events do not belong to an hour."""
    try:
        nodes, edges = work.resources.graph.counts(None)
    except GraphUnavailable:
        return []  # a run that only reports must not fail over it; the stage itself does, and the check says so
    kinds = (("node", nodes), ("edge", edges))
    return [{"kind": kind, "type": name, "rows": count} for kind, counts in kinds for name, count in counts.items()]


STAGE = Stage(
    spec=dg.AssetSpec(
        "provenance_graph",
        deps=["sources", "atoms", "atom_embeddings", "atom_projections", "provenance_queue"],
        group_name="provenance",
        kinds={graph_kind(), "python"},
        owners=["team:hartonomous"],
        metadata=column_schema(GRAPH),
        code_version="1",
        description="Where every atom came from and what was made of it: atoms, sources, runs, models and inferences as a graph "
        "after W3C PROV, synced from ProvenanceQueue.",
    ),
    steps=steps,
    totals=_totals,
    batch_size=lambda settings: settings.provenance_batch_size,
    main_count="received",
)
