"""Describes what the graph holds of atoms, sources and inferences: nodes and edges, read from the tables as they are now."""

import json
from collections.abc import Sequence

from hartonomous_core.clock import hour_of
from hartonomous_core.vocabulary import EdgeType
from hartonomous_resources.database.protocol import Row, UnitOfWork
from hartonomous_resources.graph.protocol import Edge, Name, Node
from hartonomous_resources.work.agreement import (
    atom_digest,
    edge_digest,
    inference_digest,
    source_digest,
    use_digest,
)

GraphPart = tuple[list[Node], list[Edge]]
"""Nodes and edges, as `Graph.merge` takes them."""

Atoms = dict[int, Row]
"""Rows of atoms by their ids."""

_MODEL_PROPERTIES = ("modelId", "name", "precision", "artifactHash", "dimension")


def describe_atoms(
    unit_of_work: UnitOfWork, tenant: int, atom_ids: Sequence[int], source_id: int | None = None
) -> GraphPart:
    """Describe atoms with their models, inferences, runs and sources, or only the one source that is given."""
    atoms = _read_atoms(unit_of_work, tenant, atom_ids)
    embeddings = _read_embeddings(unit_of_work, tenant, atoms)
    # An atom that an earlier source brought was joined to its inferences then, and to each later one when that was recorded.
    first = (None, source_id)
    brought = {atom: row for atom, row in atoms.items() if source_id is None or row["firstSourceId"] in first}
    return _join(
        (_atoms(tenant, atoms), _earlier_uses(unit_of_work, tenant, brought)),
        _embedded(tenant, embeddings),
        _projected(tenant, embeddings),
        _occurrences(unit_of_work, tenant, atoms, source_id),
    )


def describe_embedded(unit_of_work: UnitOfWork, tenant: int, atom_ids: Sequence[int]) -> GraphPart:
    """Describe which models and runs embedded the atoms. Atoms are described with their source; those in no source, here."""
    atoms = _read_atoms(unit_of_work, tenant, atom_ids)
    loose = _loose(atoms)
    return _join(
        (_atoms(tenant, loose), _earlier_uses(unit_of_work, tenant, loose)),
        _embedded(tenant, _read_embeddings(unit_of_work, tenant, atoms)),
    )


def describe_projected(unit_of_work: UnitOfWork, tenant: int, atom_ids: Sequence[int]) -> GraphPart:
    """Describe which projection models placed the atoms in space; they were embedded before."""
    atoms = _read_atoms(unit_of_work, tenant, atom_ids)
    return _projected(tenant, _read_embeddings(unit_of_work, tenant, atoms))


def describe_inferences(unit_of_work: UnitOfWork, tenant: int, inference_ids: Sequence[str]) -> GraphPart:
    """Describe inferences, their models, and the atoms they name that are here."""
    uses = unit_of_work.query("atoms_of_inferences", tenant_id=tenant, inference_ids=json.dumps(list(inference_ids)))
    atoms = _read_atoms(unit_of_work, tenant, [row["atomId"] for row in uses])
    return _join(_inferences(unit_of_work, tenant, inference_ids), (_atoms(tenant, _loose(atoms)), _uses(tenant, uses)))


def _join(*parts: GraphPart) -> GraphPart:
    return [node for part in parts for node in part[0]], [edge for part in parts for edge in part[1]]


def _read_atoms(unit_of_work: UnitOfWork, tenant: int, atom_ids: Sequence[int]) -> Atoms:
    rows = unit_of_work.query("graph_atoms", tenant_id=tenant, atom_ids=json.dumps(list(atom_ids)))
    return {row["atomId"]: row for row in rows}


def _loose(atoms: Atoms) -> Atoms:
    """Return the atoms in no atomized source: inserted by hand, or answers. No AtomsCreated event names them."""
    return {atom_id: row for atom_id, row in atoms.items() if row["firstSourceId"] is None}


def _read_embeddings(unit_of_work: UnitOfWork, tenant: int, atoms: Atoms) -> list[Row]:
    rows = unit_of_work.query("graph_embeddings", tenant_id=tenant, atom_ids=json.dumps(list(atoms)))
    return [{**row, "atomHash": atoms[row["atomId"]]["atomHash"]} for row in rows]


def _atoms(tenant: int, atoms: Atoms) -> list[Node]:
    nodes = []
    for row in atoms.values():
        held = {name: value for name, value in row.items() if name != "firstSourceId"}
        stamps = {"since": row["createdAt"], "digest": atom_digest(row["atomHash"])}
        nodes.append(Node(tenant, "Atom", row["atomHash"], {"tenantId": tenant, **held, **stamps}))
    return nodes


def _earlier_uses(unit_of_work: UnitOfWork, tenant: int, atoms: Atoms) -> list[Edge]:
    """Return the edges of inferences that named the atoms before these were here."""
    ids = json.dumps(list(atoms))
    return _uses(tenant, unit_of_work.query("inferences_of_atoms", tenant_id=tenant, atom_ids=ids) if atoms else [])


def _uses(tenant: int, rows: Sequence[Row]) -> list[Edge]:
    """Return edges between inferences and the atoms that they were given or produced."""
    edges = []
    for row in rows:
        inference, atom = _inference(row), _atom(row["atomHash"])
        since, ordinal = {"since": row["createdAt"]}, row["firstOrdinal"]
        produced = row["role"] == "output"
        digest = use_digest(row["inferenceId"], row["atomHash"], ordinal, produced=produced)
        kind: EdgeType = "PRODUCED_ATOM" if produced else "USED_ATOM"
        edges.append(Edge(tenant, inference, kind, atom, {"firstOrdinal": ordinal, **since, "digest": digest}))
        if produced:
            edges.append(Edge(tenant, atom, "GENERATED_BY", inference, since))
    return edges


def _embedded(tenant: int, embeddings: Sequence[Row]) -> GraphPart:
    models = {row["artifactHash"]: row for row in embeddings}
    runs = {row["runId"] for row in embeddings if row["runId"]}
    edges = [
        Edge(
            tenant,
            ("Atom", row["atomHash"]),
            "EMBEDDED_BY",
            ("Model", row["artifactHash"]),
            {"runId": row["runId"], "since": row["createdAt"]},
        )
        for row in embeddings
    ]
    return [
        *(_embedding_model(tenant, row) for row in models.values()),
        *(_run(tenant, run) for run in sorted(runs)),
    ], edges


def _projected(tenant: int, embeddings: Sequence[Row]) -> GraphPart:
    """Describe the projections of embeddings; those that have no position yet are left out."""
    # Models of one dimension share the landmark projection: the node bears the number that it was first given.
    placed = sorted((row for row in embeddings if row["projectionHash"]), key=lambda row: -row["projectionModelId"])
    models = {
        row["projectionHash"]: {
            "kind": "projection",
            "projectionModelId": row["projectionModelId"],
            "name": row["projectionMethod"],
            "artifactHash": row["projectionHash"],
        }
        for row in placed
    }
    edges = [
        Edge(
            tenant,
            ("Atom", row["atomHash"]),
            "PROJECTED_BY",
            ("Model", row["projectionHash"]),
            {"since": max(row["createdAt"], row["projectionCreatedAt"])},
        )
        for row in placed
    ]
    return [Node(tenant, "Model", digest, properties) for digest, properties in models.items()], edges


def _occurrences(unit_of_work: UnitOfWork, tenant: int, atoms: Atoms, source_id: int | None) -> GraphPart:
    """Describe the sources of atoms (or the one that the event names), the runs that atomized them, and which version follows which."""
    pairs = unit_of_work.query(
        "graph_occurrences", tenant_id=tenant, atom_ids=json.dumps(list(atoms)), source_id=source_id
    )
    source_ids = {row["sourceId"] for row in pairs} | ({source_id} if source_id is not None else set())
    superseded = unit_of_work.query("graph_superseded", tenant_id=tenant, source_ids=json.dumps(sorted(source_ids)))
    source_ids |= {row["sourceId"] for row in superseded}  # they say by whom
    sources = unit_of_work.query("graph_sources", tenant_id=tenant, source_ids=json.dumps(sorted(source_ids)))
    runs = unit_of_work.query("source_runs", source_ids=json.dumps([row["sourceId"] for row in sources]))
    runs_of: dict[int, list[str]] = {}
    for row in runs:
        runs_of.setdefault(row["sourceId"], []).append(row["runId"])
    since_of = {row["sourceId"]: row["receivedAt"] for row in sources}

    nodes = [Node(tenant, "Tenant", str(tenant), {"tenantId": tenant})] if sources else []
    nodes += [
        Node(
            tenant,
            "Source",
            str(row["sourceId"]),
            {
                "tenantId": tenant,
                **row,
                "since": row["receivedAt"],
                "digest": source_digest(row["sourceId"], row["contentHash"]),
            },
        )
        for row in sources
    ]
    nodes += [_run(tenant, run) for run in sorted({row["runId"] for row in runs})]
    edges = [
        Edge(tenant, _source(row), "BELONGS_TO", ("Tenant", str(tenant)), {"since": row["receivedAt"]})
        for row in sources
    ]
    edges += [
        Edge(tenant, _source(row), "GENERATED_BY", ("Run", row["runId"]), {"since": since_of[row["sourceId"]]})
        for row in runs
    ]
    edges += [
        Edge(tenant, ("Source", str(row["supersededBy"])), "SUPERSEDES", _source(row), {"since": row["receivedAt"]})
        for row in superseded
    ]
    for row in pairs:
        atom = _atom(atoms[row["atomId"]]["atomHash"])
        edges.append(
            Edge(
                tenant,
                atom,
                "INGESTED_FROM",
                _source(row),
                {
                    "firstOrdinal": row["firstOrdinal"],
                    "count": row["count"],
                    "since": since_of[row["sourceId"]],
                    "digest": edge_digest(atom[1], row["sourceId"], row["firstOrdinal"], row["count"]),
                },
            )
        )
        for run in runs_of.get(row["sourceId"], []):
            edges.append(Edge(tenant, atom, "GENERATED_BY", ("Run", run), {"since": since_of[row["sourceId"]]}))
    return nodes, edges


def _inferences(unit_of_work: UnitOfWork, tenant: int, inference_ids: Sequence[str]) -> GraphPart:
    rows = unit_of_work.query("inference", tenant_id=tenant, inference_ids=json.dumps(list(inference_ids)))
    names = json.dumps(sorted({row["model"] for row in rows}))
    models = {row["artifactHash"]: row for row in unit_of_work.query("graph_models", artifact_hashes=names)}
    nodes = []
    for row in rows:
        stamps = {"since": row["createdAt"], "ingestHour": hour_of(row["createdAt"])}
        stamps["digest"] = inference_digest(row["inferenceId"])
        nodes.append(Node(tenant, "Inference", row["inferenceId"], {**row, **stamps}))
    for name in (row["model"] for row in rows):  # a model that also embeds is known by its hash, and stays one node
        known = models.get(name)
        nodes.append(_embedding_model(tenant, known) if known else Node(tenant, "Model", name, {"name": name}))
    return nodes, [
        Edge(
            tenant,
            _inference(row),
            "USED_MODEL",
            ("Model", row["model"]),
            {"since": row["createdAt"]},
        )
        for row in rows
    ]


def _embedding_model(tenant: int, row: Row) -> Node:
    properties = {"kind": "embedding", **{name: row[name] for name in _MODEL_PROPERTIES}}
    return Node(tenant, "Model", row["artifactHash"], properties)


def _atom(atom_hash: str) -> Name:
    return "Atom", atom_hash


def _source(row: Row) -> Name:
    return "Source", str(row["sourceId"])


def _inference(row: Row) -> Name:
    return "Inference", row["inferenceId"]


def _run(tenant: int, run_id: str) -> Node:
    return Node(tenant, "Run", run_id, {"runId": run_id})
