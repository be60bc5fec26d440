"""Stage `provenance_graph`: consume ProvenanceQueue into the graph.

Events are pointers. What is written is read from the tables now, so an event that comes late, twice or out of order does no
harm. A batch is acknowledged only after the graph has committed it.
"""

import json
from collections.abc import Generator, Sequence

import dagster as dg

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

Part = tuple[list[Node], list[Edge]]
_MODEL_PROPERTIES = ("modelId", "name", "precision", "artifactHash", "dimension")


def steps(work: Work) -> Generator[Progress]:
    """Sync batches of events until the queue is empty."""
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


def describe(unit_of_work: UnitOfWork, event: AtomsEvent | InferenceEvent) -> Part:
    """Nodes and edges that an event points at, as the tables hold them now."""
    tenant = event.tenant_id
    if isinstance(event, InferenceEvent):
        _record_inference(unit_of_work, event)
        rows = unit_of_work.query("atoms_of_inference", tenant_id=tenant, inference_id=event.inference_id)
        return _join(
            _inferences(unit_of_work, tenant, [event.inference_id]),
            _atoms(unit_of_work, tenant, [row["atomId"] for row in rows]),
        )
    parts = [_atoms(unit_of_work, tenant, event.atom_ids)]
    if event.event_type == "AtomsCreated":
        parts.append(_occurrences(unit_of_work, tenant, event.atom_ids, event.source_id))
    return _join(*parts)


def _gone(unit_of_work: UnitOfWork, event: DeletionEvent) -> list[Node]:
    """Of the atoms that were deleted, those that have not come back."""
    return [
        Node(event.tenant_id, "Atom", digest)
        for digest in event.atom_hashes
        if not unit_of_work.query("atom_by_hash", tenant_id=event.tenant_id, content_hash=bytes.fromhex(digest))
    ]


def _join(*parts: Part) -> Part:
    return [node for part in parts for node in part[0]], [edge for part in parts for edge in part[1]]


def _atoms(unit_of_work: UnitOfWork, tenant: int, atom_ids: Sequence[int]) -> Part:
    """The atoms, the models that embedded them, and the inferences that named them (perhaps before they were here)."""
    ids = json.dumps(list(atom_ids))
    atoms = unit_of_work.query("graph_atoms", tenant_id=tenant, atom_ids=ids)
    hashes = {row["atomId"]: row["atomHash"] for row in atoms}
    embeddings = [
        row for row in unit_of_work.query("graph_embeddings", tenant_id=tenant, atom_ids=ids) if row["atomId"] in hashes
    ]
    models = {row["artifactHash"]: row for row in embeddings}
    runs = {row["runId"] for row in embeddings if row["runId"]}
    nodes = [Node(tenant, "Atom", row["atomHash"], {"tenantId": tenant, **row}) for row in atoms]
    nodes += [
        Node(tenant, "Model", digest, {key: row[key] for key in _MODEL_PROPERTIES}) for digest, row in models.items()
    ]
    nodes += [_run(tenant, run) for run in sorted(runs)]
    edges = [
        Edge(
            tenant,
            ("Atom", hashes[row["atomId"]]),
            "EMBEDDED_BY",
            ("Model", row["artifactHash"]),
            {"runId": row["runId"]},
        )
        for row in embeddings
    ]
    edges += [
        Edge(
            tenant,
            ("Inference", row["inferenceId"]),
            "USED_ATOM" if row["role"] == "input" else "PRODUCED_ATOM",
            ("Atom", row["atomHash"]),
            {"firstOrdinal": row["firstOrdinal"]},
        )
        for row in unit_of_work.query("inferences_of_atoms", tenant_id=tenant, atom_ids=ids)
    ]
    return nodes, edges


def _occurrences(unit_of_work: UnitOfWork, tenant: int, atom_ids: Sequence[int], source_id: int | None) -> Part:
    """The sources of atoms (or the one that the event names), the runs that atomized them, and which version follows which."""
    ids = json.dumps(list(atom_ids))
    hashes = {
        row["atomId"]: row["atomHash"] for row in unit_of_work.query("graph_atoms", tenant_id=tenant, atom_ids=ids)
    }
    pairs = unit_of_work.query("graph_occurrences", tenant_id=tenant, atom_ids=ids, source_id=source_id)
    source_ids = {row["sourceId"] for row in pairs} | ({source_id} if source_id is not None else set())
    sources = unit_of_work.query("graph_sources", tenant_id=tenant, source_ids=json.dumps(sorted(source_ids)))
    superseded = unit_of_work.query("graph_superseded", tenant_id=tenant, source_ids=json.dumps(sorted(source_ids)))
    run_of = {row["sourceId"]: row["runId"] for row in sources if row["runId"]}

    nodes = [Node(tenant, "Tenant", str(tenant), {"tenantId": tenant})] if sources else []
    nodes += [Node(tenant, "Source", str(row["sourceId"]), {"tenantId": tenant, **row}) for row in sources]
    nodes += [_run(tenant, run) for run in sorted(set(run_of.values()))]
    edges = [Edge(tenant, _source(row), "BELONGS_TO", ("Tenant", str(tenant))) for row in sources]
    edges += [Edge(tenant, ("Source", str(source)), "GENERATED_BY", ("Run", run)) for source, run in run_of.items()]
    edges += [Edge(tenant, ("Source", str(row["supersededBy"])), "SUPERSEDES", _source(row)) for row in superseded]
    for row in pairs:
        if row["atomId"] in hashes:  # gaps are not in the graph
            atom = ("Atom", hashes[row["atomId"]])
            edges.append(
                Edge(
                    tenant,
                    atom,
                    "INGESTED_FROM",
                    _source(row),
                    {"firstOrdinal": row["firstOrdinal"], "count": row["count"]},
                )
            )
            if row["sourceId"] in run_of:
                edges.append(Edge(tenant, atom, "GENERATED_BY", ("Run", run_of[row["sourceId"]])))
    return nodes, edges


def _inferences(unit_of_work: UnitOfWork, tenant: int, inference_ids: Sequence[str]) -> Part:
    rows = unit_of_work.query("inference", tenant_id=tenant, inference_ids=json.dumps(list(inference_ids)))
    nodes = [Node(tenant, "Inference", row["inferenceId"], dict(row)) for row in rows]
    nodes += [Node(tenant, "Model", row["model"], {"name": row["model"]}) for row in rows]
    return nodes, [
        Edge(tenant, ("Inference", row["inferenceId"]), "USED_MODEL", ("Model", row["model"])) for row in rows
    ]


def _source(row: Row) -> tuple[str, str]:
    return "Source", str(row["sourceId"])


def _run(tenant: int, run_id: str) -> Node:
    return Node(tenant, "Run", run_id, {"runId": run_id})


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
