"""Stage `provenance_graph`: takes in the events of ProvenanceQueue.

The graph is views over the tables, so an inference that an event tells of is recorded, and that is all there is to do. Where the graph is
copied as well (Neo4j), what the events point at is read from the views now and written there. The queue is leased meanwhile: no
transaction waits for the copy, and a batch is acknowledged only after the copy has committed it.
"""

from collections.abc import Callable, Generator, Sequence
from functools import cache, partial

import dagster as dg

from hartonomous_assets.receiving import in_batches, lease_batch, receive_batch
from hartonomous_assets.stage import IDLE, Progress, Stage, StageUnavailable, Work
from hartonomous_assets.table_schema import GRAPH, column_schema, graph_kind
from hartonomous_core.messages import (
    PROVENANCE_QUEUE,
    InferenceEvent,
    InvalidMessage,
    ProvenanceEvent,
    parse_provenance_event,
)
from hartonomous_resources.database.graph_views import counts_by_kind
from hartonomous_resources.database.protocol import Message, Row, UnitOfWork
from hartonomous_resources.database.rows.graph_rows import GRAPH_COUNTS_OF_HOUR
from hartonomous_resources.database.transactions import query
from hartonomous_resources.graph.materialized import MaterializedGraph
from hartonomous_resources.graph.protocol import GraphUnavailable
from hartonomous_resources.resources import Resources
from hartonomous_resources.work.graph_rebuild import claim_graph, rebuild_hour
from hartonomous_resources.work.graph_sync import changes_of
from hartonomous_resources.work.inference_recording import RecordedOtherwise, write_inference


def steps(work: Work) -> Generator[Progress]:
    """Take in batches of events until the queue is empty; a run of this stage alone then rebuilds what a copy lacks of its hour."""
    settings, copy = work.resources.settings, work.resources.graph_copy
    rebuild_is_due = work.alone and copy is not None
    if copy is None:
        batch = partial(receive_batch, work, PROVENANCE_QUEUE, take_in)
    else:
        claim = cache(partial(claim_graph, work.resources, copy))  # once, when something is to be written
        batch = partial(lease_batch, work, PROVENANCE_QUEUE, take_in, partial(_write, work.resources, copy, claim))
    batches = in_batches(settings.provenance_batch_size, batch)
    while True:
        progress = next(batches) if settings.provenance_enabled else IDLE
        if copy is not None and rebuild_is_due and not progress.counts:
            rebuild_is_due = False
            yield from _rebuild(work, copy, claim)
        else:
            yield progress


def take_in(unit_of_work: UnitOfWork, message: Message) -> ProvenanceEvent:
    """Check an event; what it tells of an inference is recorded.

    Raises InvalidMessage.
    """
    event = parse_provenance_event(message.body)
    if isinstance(event, InferenceEvent):
        try:
            write_inference(unit_of_work, event)
        except RecordedOtherwise as error:
            raise InvalidMessage(str(error), event.tenant_id) from error
    return event


def _write(
    resources: Resources, copy: MaterializedGraph, claim: Callable[[], None], events: Sequence[ProvenanceEvent]
) -> dict[str, int]:
    """Write what events point at; returns how many nodes and edges that were."""
    nodes = edges = 0
    try:
        if events:
            claim()
        for change in changes_of(resources.database, copy, events):
            copy.write(change)
            nodes += len(change.nodes)
            edges += len(change.edges)
    except GraphUnavailable as error:
        raise StageUnavailable(str(error)) from error
    return {"nodes": nodes, "edges": edges}


def _rebuild(work: Work, copy: MaterializedGraph, claim: Callable[[], None]) -> Generator[Progress]:
    try:
        claim()
        for hour in (None, work.hour):
            for part in rebuild_hour(work.resources, copy, hour):
                yield Progress({"rebuilt nodes": part.nodes, "rebuilt edges": part.edges})
    except GraphUnavailable as error:
        raise StageUnavailable(str(error)) from error


def _totals(work: Work) -> list[Row]:
    """Count what the graph holds of the hour, by label of nodes and type of edges."""
    rows = query(work.resources.database, GRAPH_COUNTS_OF_HOUR, hour=work.hour)
    nodes, edges = counts_by_kind({row["view"]: row["n"] for row in rows})
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
        code_version="2",
        description="Where every atom came from and what was made of it: atoms, sources, runs, models and inferences as a graph "
        "after W3C PROV, views over the tables. Takes in ProvenanceQueue; a graph in Neo4j is synced from it.",
    ),
    steps=steps,
    totals=_totals,
    batch_size=lambda settings: settings.provenance_batch_size,
    main_count="received",
)
