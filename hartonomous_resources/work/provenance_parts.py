"""Describes what the graph holds of atoms, sources and inferences: nodes and edges, read from the tables as they are now."""

import json
from collections.abc import Sequence

from hartonomous_core.clock import hour_of
from hartonomous_core.vocabulary import EdgeType
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.provenance_rows import (
    ATOMS_OF_INFERENCES,
    GRAPH_ATOMS,
    GRAPH_EMBEDDINGS,
    GRAPH_MODELS,
    GRAPH_OCCURRENCES,
    GRAPH_SOURCES,
    GRAPH_SUPERSEDED,
    INFERENCE,
    INFERENCES_OF_ATOMS,
    SOURCE_RUNS,
    GraphAtom,
    GraphEmbedding,
    GraphModel,
    UseOfAtom,
)
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

Atoms = dict[int, GraphAtom]
"""Rows of atoms by their ids."""


class EmbeddingOfAtom(GraphEmbedding):
    """An embedding with the hash of its atom."""

    atomHash: str


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
    uses = unit_of_work.query(ATOMS_OF_INFERENCES, tenant_id=tenant, inference_ids=json.dumps(list(inference_ids)))
    atoms = _read_atoms(unit_of_work, tenant, [row["atomId"] for row in uses])
    return _join(_inferences(unit_of_work, tenant, inference_ids), (_atoms(tenant, _loose(atoms)), _uses(tenant, uses)))


def _join(*parts: GraphPart) -> GraphPart:
    return [node for part in parts for node in part[0]], [edge for part in parts for edge in part[1]]


def _read_atoms(unit_of_work: UnitOfWork, tenant: int, atom_ids: Sequence[int]) -> Atoms:
    rows = unit_of_work.query(GRAPH_ATOMS, tenant_id=tenant, atom_ids=json.dumps(list(atom_ids)))
    return {row["atomId"]: row for row in rows}


def _loose(atoms: Atoms) -> Atoms:
    """Return the atoms in no atomized source: inserted by hand, or answers. No AtomsCreated event names them."""
    return {atom_id: row for atom_id, row in atoms.items() if row["firstSourceId"] is None}


def _read_embeddings(unit_of_work: UnitOfWork, tenant: int, atoms: Atoms) -> list[EmbeddingOfAtom]:
    rows = unit_of_work.query(GRAPH_EMBEDDINGS, tenant_id=tenant, atom_ids=json.dumps(list(atoms)))
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
    return _uses(tenant, unit_of_work.query(INFERENCES_OF_ATOMS, tenant_id=tenant, atom_ids=ids) if atoms else [])


def _uses(tenant: int, rows: Sequence[UseOfAtom]) -> list[Edge]:
    """Return edges between inferences and the atoms that they were given or produced."""
    edges = []
    for row in rows:
        inference, atom = _inference(row["inferenceId"]), _atom(row["atomHash"])
        since, ordinal = {"since": row["createdAt"]}, row["firstOrdinal"]
        produced = row["role"] == "output"
        digest = use_digest(row["inferenceId"], row["atomHash"], ordinal, produced=produced)
        kind: EdgeType = "PRODUCED_ATOM" if produced else "USED_ATOM"
        edges.append(Edge(tenant, inference, kind, atom, {"firstOrdinal": ordinal, **since, "digest": digest}))
        if produced:
            edges.append(Edge(tenant, atom, "GENERATED_BY", inference, since))
    return edges


def _embedded(tenant: int, embeddings: Sequence[EmbeddingOfAtom]) -> GraphPart:
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


def _projected(tenant: int, embeddings: Sequence[EmbeddingOfAtom]) -> GraphPart:
    """Describe the projections of embeddings; those that have no position yet are left out."""
    # Models of one dimension share the landmark projection: the node bears the number that it was first given.
    placed = sorted(
        ((digest, row) for row in embeddings if (digest := row["projectionHash"])),
        key=lambda pair: -(pair[1]["projectionModelId"] or 0),
    )
    models = {
        digest: {
            "kind": "projection",
            "projectionModelId": row["projectionModelId"],
            "name": row["projectionMethod"],
            "artifactHash": digest,
        }
        for digest, row in placed
    }
    edges = [
        Edge(
            tenant,
            ("Atom", row["atomHash"]),
            "PROJECTED_BY",
            ("Model", digest),
            {"since": max(row["createdAt"], row["projectionCreatedAt"] or "")},
        )
        for digest, row in placed
    ]
    return [Node(tenant, "Model", digest, properties) for digest, properties in models.items()], edges


def _occurrences(unit_of_work: UnitOfWork, tenant: int, atoms: Atoms, source_id: int | None) -> GraphPart:
    """Describe the sources of atoms (or the one that the event names), the runs that atomized them, and which version follows which."""
    pairs = unit_of_work.query(
        GRAPH_OCCURRENCES, tenant_id=tenant, atom_ids=json.dumps(list(atoms)), source_id=source_id
    )
    source_ids = {row["sourceId"] for row in pairs} | ({source_id} if source_id is not None else set())
    superseded = unit_of_work.query(GRAPH_SUPERSEDED, tenant_id=tenant, source_ids=json.dumps(sorted(source_ids)))
    source_ids |= {row["sourceId"] for row in superseded}  # they say by whom
    sources = unit_of_work.query(GRAPH_SOURCES, tenant_id=tenant, source_ids=json.dumps(sorted(source_ids)))
    runs = unit_of_work.query(SOURCE_RUNS, source_ids=json.dumps([row["sourceId"] for row in sources]))
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
        Edge(tenant, _source(row["sourceId"]), "BELONGS_TO", ("Tenant", str(tenant)), {"since": row["receivedAt"]})
        for row in sources
    ]
    edges += [
        Edge(
            tenant,
            _source(row["sourceId"]),
            "GENERATED_BY",
            ("Run", row["runId"]),
            {"since": since_of[row["sourceId"]]},
        )
        for row in runs
    ]
    edges += [
        Edge(tenant, _source(row["supersededBy"]), "SUPERSEDES", _source(row["sourceId"]), {"since": row["receivedAt"]})
        for row in superseded
    ]
    for pair in pairs:
        atom = _atom(atoms[pair["atomId"]]["atomHash"])
        edges.append(
            Edge(
                tenant,
                atom,
                "INGESTED_FROM",
                _source(pair["sourceId"]),
                {
                    "firstOrdinal": pair["firstOrdinal"],
                    "count": pair["count"],
                    "since": since_of[pair["sourceId"]],
                    "digest": edge_digest(atom[1], pair["sourceId"], pair["firstOrdinal"], pair["count"]),
                },
            )
        )
        for run in runs_of.get(pair["sourceId"], []):
            edges.append(Edge(tenant, atom, "GENERATED_BY", ("Run", run), {"since": since_of[pair["sourceId"]]}))
    return nodes, edges


def _inferences(unit_of_work: UnitOfWork, tenant: int, inference_ids: Sequence[str]) -> GraphPart:
    rows = unit_of_work.query(INFERENCE, tenant_id=tenant, inference_ids=json.dumps(list(inference_ids)))
    names = json.dumps(sorted({row["model"] for row in rows}))
    models = {row["artifactHash"]: row for row in unit_of_work.query(GRAPH_MODELS, artifact_hashes=names)}
    nodes = []
    for row in rows:
        stamps = {"since": row["createdAt"], "ingestHour": hour_of(row["createdAt"])}
        digest = inference_digest(row["inferenceId"])
        nodes.append(Node(tenant, "Inference", row["inferenceId"], {**row, **stamps, "digest": digest}))
    for name in (row["model"] for row in rows):  # a model that also embeds is known by its hash, and stays one node
        known = models.get(name)
        nodes.append(_embedding_model(tenant, known) if known else Node(tenant, "Model", name, {"name": name}))
    return nodes, [
        Edge(tenant, _inference(row["inferenceId"]), "USED_MODEL", ("Model", row["model"]), {"since": row["createdAt"]})
        for row in rows
    ]


def _embedding_model(tenant: int, model: GraphModel) -> Node:
    properties = {
        "kind": "embedding",
        "modelId": model["modelId"],
        "name": model["name"],
        "precision": model["precision"],
        "artifactHash": model["artifactHash"],
        "dimension": model["dimension"],
    }
    return Node(tenant, "Model", model["artifactHash"], properties)


def _atom(atom_hash: str) -> Name:
    return "Atom", atom_hash


def _source(source_id: int) -> Name:
    return "Source", str(source_id)


def _inference(inference_id: str) -> Name:
    return "Inference", inference_id


def _run(tenant: int, run_id: str) -> Node:
    return Node(tenant, "Run", run_id, {"runId": run_id})
