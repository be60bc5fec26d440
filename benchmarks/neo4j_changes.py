"""The graph that neo4j_sync.py writes and asks, as rows of the views.

Every atom has a source, a run and a model, as the product writes them; inferences use four atoms, some of them hot, and produce one. One
source holds 10,000 atoms, the others 200 each.
"""

import random
from collections.abc import Iterator
from typing import Any

LARGE_SOURCE = 10_000
"""Atoms of the first source."""
INFERENCE_OF = 20
"""One inference for so many atoms."""
ATOMS_AT_ONCE = 20_000
EVENT = 1_000
"""Atoms of an event."""
EVENTS = 20
"""Events of a transaction: the default of HARTONOMOUS_PROVENANCE_BATCH_SIZE."""
HOUR, SINCE = "2026-11-23-09:00", "2026-11-23T09:44:16.123Z"
STAMPS = {"since": SINCE, "ingestHour": HOUR}
RUN, MODEL, TENANT = 1, 1, 0
MANY_ATOMS, MANY_SOURCES = 10_000_000, 1_000_000
"""Above the numbers of what was written first."""


def graph_of(n_atoms: int) -> Iterator[Any]:
    """Yield the changes that write so many atoms, then their inferences."""
    from hartonomous_resources.graph.materialized import GraphChange

    draw = random.Random(5)
    n_sources = source_of(n_atoms - 1) + 1
    sources = [_node("Source", n, sourceId=n, sourceUri=f"file:///{n}") for n in range(n_sources)]
    yield GraphChange(
        [*_hubs(), *sources], [_edge("Source", "BELONGS_TO", "Tenant", n, TENANT) for n in range(n_sources)]
    )
    for first in range(0, n_atoms, ATOMS_AT_ONCE):
        numbers = range(first, min(first + ATOMS_AT_ONCE, n_atoms))
        yield GraphChange(
            [_atom(n) for n in numbers], [edge for n in numbers for edge in _edges_of_atom(n, source_of(n), n)]
        )
    for first in range(0, n_atoms // INFERENCE_OF, ATOMS_AT_ONCE):
        numbers = range(first, min(first + ATOMS_AT_ONCE, n_atoms // INFERENCE_OF))
        edges = [edge for n in numbers for edge in _edges_of_inference(n, n_atoms, draw)]
        yield GraphChange([_node("Inference", n, inferenceId=f"answer-{n}", createdAt=SINCE) for n in numbers], edges)


def events(number: int) -> Any:
    """Make the change of 20 events, each of 1,000 atoms of a source of its own, which replaces what else was said of the atoms."""
    from hartonomous_resources.database.graph_views import EdgeView
    from hartonomous_resources.graph.materialized import GraphChange, Replaced

    nodes, edges = _hubs(), []
    for event in range(number * EVENTS, (number + 1) * EVENTS):
        source = MANY_SOURCES + event
        nodes.append(_node("Source", source, sourceId=source, sourceUri=f"file:///{source}"))
        edges += [
            _edge("Source", "BELONGS_TO", "Tenant", source, TENANT),
            _edge("Source", "GENERATED_BY", "Run", source, RUN),
        ]
        for n in range(EVENT):
            atom = MANY_ATOMS + event * EVENT + n
            nodes.append(_atom(atom))
            edges += _edges_of_atom(atom, source, n)
    atoms = [node.number for node in nodes if node.label == "Atom"]
    replaced = [Replaced(TENANT, EdgeView("Atom", kind, "Model"), atoms) for kind in ("EMBEDDED_BY", "PROJECTED_BY")]
    return GraphChange(nodes, edges, replaced)


def without(change: Any) -> Any:
    """Make the change that removes the atoms and sources of another."""
    from hartonomous_resources.graph.materialized import Gone, GraphChange

    numbers = {label: [node.number for node in change.nodes if node.label == label] for label in ("Atom", "Source")}
    return GraphChange(gone=[Gone(TENANT, label, of_label) for label, of_label in numbers.items()])


def source_of(atom: int) -> int:
    return 0 if atom < LARGE_SOURCE else 1 + (atom - LARGE_SOURCE) // 200


def hash_of(atom: int) -> str:
    """Return a hash of an atom, the same whenever it is asked for."""
    return f"{random.Random(atom).getrandbits(256):064x}"


def hot(n_atoms: int, draw: random.Random) -> int:
    """Choose one of the atoms, those with low numbers far more often."""
    return int(n_atoms * draw.random() ** 4)


def _hubs() -> list[Any]:
    return [_node("Run", RUN, runId="run"), _node("Model", MODEL, name="model"), _node("Tenant", TENANT)]


def _atom(number: int) -> Any:
    kinds = {"modality": "text", "subtype": "sentence", "contentType": "text/sentence"}
    return _node("Atom", number, hash_of(number), atomId=number, atomHash=hash_of(number), **kinds, createdAt=SINCE)


def _edges_of_atom(number: int, source: int, ordinal: int) -> list[Any]:
    return [
        _edge("Atom", "INGESTED_FROM", "Source", number, source, firstOrdinal=ordinal, count=1),
        _edge("Atom", "GENERATED_BY", "Run", number, RUN),
        _edge("Atom", "EMBEDDED_BY", "Model", number, MODEL, runId="run"),
    ]


def _edges_of_inference(number: int, n_atoms: int, draw: random.Random) -> list[Any]:
    used = sorted({hot(n_atoms, draw) for _ in range(4)})
    return [
        *(_edge("Inference", "USED_ATOM", "Atom", number, atom, firstOrdinal=0) for atom in used),
        _edge("Inference", "PRODUCED_ATOM", "Atom", number, draw.randrange(n_atoms), firstOrdinal=0),
        _edge("Inference", "USED_MODEL", "Model", number, MODEL),
    ]


def _node(label: Any, number: int, key: str = "", **properties: object) -> Any:
    from hartonomous_resources.graph.protocol import Node

    stamps = {} if label in ("Run", "Model", "Tenant") else STAMPS
    return Node(TENANT, label, number, key or str(number), {**properties, **stamps, "digest": 1})


def _edge(start: Any, kind: Any, end: Any, first: int, second: int, **properties: object) -> Any:
    from hartonomous_resources.database.graph_views import EdgeView
    from hartonomous_resources.graph.materialized import EdgeRow

    return EdgeRow(TENANT, EdgeView(start, kind, end), first, second, {**properties, **STAMPS, "digest": 1})
