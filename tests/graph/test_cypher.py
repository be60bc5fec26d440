"""Cypher text and its plans, and the properties and texts that go into it."""

import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as for_any
from hypothesis import strategies as st

from hartonomous_core.clock import time_text
from hartonomous_core.vocabulary import EDGE_TYPES, LABELS
from hartonomous_resources.database.graph_views import EDGE_VIEWS, EdgeView, row_properties
from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.database.statements import load_statements
from hartonomous_resources.graph.materialized import Gone, GraphChange, Replaced
from hartonomous_resources.graph.neo4j_digests import digest_statements
from hartonomous_resources.graph.neo4j_graph import Neo4jGraph
from hartonomous_resources.graph.neo4j_statements import statement
from hartonomous_resources.graph.neo4j_values import from_neo4j
from hartonomous_resources.graph.neo4j_writing import OF_EACH_EDGE, OF_MANY_EDGES, statements_of_change
from hartonomous_resources.graph.protocol import Node
from hartonomous_resources.project_files import project_file
from tests.backends import rows
from tests.graph.changes import EMBEDDED, INGESTED, USED, edge, node
from tests.tools.neo4j.server import Address, run_cypher

SLOW = {"Eager", "AllNodesScan", "NodeByLabelScan", "DirectedAllRelationshipsScan", "UndirectedAllRelationshipsScan"}


EXPECTED = {
    # What a batch deletes is found first. It is at most the edges of 10,000 nodes.
    **{name: {"Eager"} for name in ("remove_edges", "keep_edges", "remove_nodes")},
    # Asked once, while the index of keys is there.
    "is_of_older_layout": {"NodeByLabelScan"},
}


NEO4J = project_file("sql") / "neo4j"


# ---- statements


def every_statement() -> Iterator[tuple[str, str]]:
    """Each named statement with each label and type, and each view of edges, that it is asked with."""
    of_digests = {"node_digest", "node_digest_of_hour", "edge_digest_by_start", "edge_digest_by_end"}
    for name, text in load_statements(NEO4J / "statements").items():
        if name in of_digests:
            continue  # each is asked about some views only: below
        if "__START__" in text:
            named = [{"start": view.start, "type": view.type, "end": view.end} for view in EDGE_VIEWS]
        elif "__LABEL__" in text:
            named = [{"label": label} for label in LABELS]
        else:
            named = [{"type": kind} for kind in EDGE_TYPES] if "__TYPE__" in text else [{}]
        yield from ((name, statement(name, **names)) for names in named)
    for of_hour in (True, False):
        yield from digest_statements(of_hour=of_hour).items()


def test_no_place_for_a_name_is_left_open_in_any_statement() -> None:
    texts = [text for _, text in every_statement()]

    assert len(texts) > 4 * len(EDGE_VIEWS) + 4 * len(LABELS)
    assert [text for text in texts if "__" in text] == []


@pytest.mark.parametrize("name", ["", "Nobody", "Atom) DETACH DELETE n //", "Atom`", "INGESTED_FROM"])
def test_a_label_that_is_none_of_ours_never_gets_into_a_statement(name: str) -> None:
    with pytest.raises(ValueError, match="the graph has no label"):
        statement("write_nodes", label=name)
    with pytest.raises(ValueError, match="the graph has no"):
        statement("write_edges", start="Atom", type=name if name != "INGESTED_FROM" else "Atom", end="Source")


# A value for every parameter that a statement may ask for.
LISTS = (
    "rows",
    "times",
    "shared",
    "hashes",
    "labels",
    "upstream",
    "downstream",
    "page",
    "found",
    "frontier",
    "nodes",
    "among",
)


TEXTS = ("hour", "id", "a", "b", "name", "sha256", "applied_at", "owner")


NUMBERS = ("tenant_id", "number", "end", "n", "version", "seconds")


PARAMETERS: dict[str, object] = {
    **{name: [] for name in LISTS},
    **dict.fromkeys(TEXTS, ""),
    **dict.fromkeys(NUMBERS, 1),
    **dict.fromkeys(("as_of", "after", "until")),
}


@pytest.mark.parametrize("size", [0, 2, 3000])
def test_no_statement_scans_a_label_or_holds_all_its_rows(graph: Neo4jGraph, address: Address, size: int) -> None:
    """However few nodes there are when its plan is made, which is kept."""
    atoms = [node("Atom", n, key=f"{n:064x}") for n in range(size)]
    hubs = [node("Source", 1), node("Source", 2), node("Model", 1)]
    edges = [edge(view, atom.number, 1) for atom in atoms for view in (INGESTED, EMBEDDED)]
    graph.write(GraphChange([*atoms, *hubs] if size else [], edges))
    run_cypher(address, "CALL db.resampleOutdatedIndexes()")
    run_cypher(address, "CALL db.clearQueryCaches()")

    from neo4j import GraphDatabase

    found = {}
    with (
        GraphDatabase.driver(address.uri, auth=(address.user, address.password)) as driver,
        driver.session() as session,
    ):
        for name, text in every_statement():
            operators = set(plan_operators(session.run(f"EXPLAIN {text}", PARAMETERS).consume().plan))
            slow = SLOW | {"Expand(All)"} if name in ("write_edges", "remove_edges") else SLOW  # both ends are given
            if bad := operators & slow - EXPECTED.get(name, set()):
                found[name] = bad
    assert found == {}


def plan_operators(plan: Any) -> Iterator[str]:
    yield plan["operatorType"].partition("@")[0]
    for child in plan.get("children", []):
        yield from plan_operators(child)


def test_the_module_is_imported_without_the_driver() -> None:
    program = "import sys, hartonomous_resources.graph.neo4j_graph; sys.exit('neo4j' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


# ---- properties

NAMES = st.from_regex(r"[a-z][A-Za-z]{0,20}", fullmatch=True) | st.sampled_from(["createdAt", "startedAt"])


VALUES = st.none() | st.integers(-(2**63), 2**63 - 1) | st.text() | st.datetimes(timezones=st.just(UTC)).map(time_text)


@for_any(st.dictionaries(NAMES, VALUES))
def test_properties_come_back_from_what_is_sent_but_those_that_are_none(properties: dict[str, Any]) -> None:
    [(_, sent)] = statements_of_change(GraphChange([Node(7, "Atom", 1, "one", properties)]))
    [(_, _, others, place)] = sent["rows"]
    held: dict[str, Any] = {**others, **sent["times"][place]}

    expected = {name: value for name, value in properties.items() if value is not None}
    assert from_neo4j({name: as_held(value) for name, value in held.items()}) == {
        **expected,
        "tenantId": 7,
        "number": 1,
        "key": "one",
    }
    assert None not in held.values()
    assert not any(isinstance(value, datetime) for value in others.values())


def test_an_edge_is_written_with_every_column_that_a_view_of_edges_has(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "hartonomous.db")
    database.migrate()
    with closing(sqlite3.connect(tmp_path / "hartonomous.db")) as client:
        of_views = [rows(client, "SELECT name FROM pragma_table_info(?)", view.name) for view in EDGE_VIEWS]
    database.close()

    columns = {name for of_view in of_views for name in row_properties({row["name"]: 0 for row in of_view})}
    assert columns == {*OF_MANY_EDGES, *OF_EACH_EDGE}
    text = statement("write_edges", start="Atom", type="GENERATED_BY", end="Run")
    assert re.findall(r"[$]shared.edge.1...(\w+)", text) == [*OF_MANY_EDGES] * 2
    assert (
        re.findall(r"(?!number)\b(\w+): edge\[(\d)", text)
        == [(name, str(at)) for at, name in enumerate(OF_EACH_EDGE, 2)] * 2
    )


def as_held(value: object) -> object:
    from neo4j.time import DateTime

    return DateTime.from_native(value) if isinstance(value, datetime) else value


HOSTILE = [
    "'}) DETACH DELETE n //",
    '"}) MATCH (m) DETACH DELETE m //',
    "`) DETACH DELETE n //",
    "$rows",
    "\\u0027}) DETACH DELETE n //",
    "'; MATCH (n) DETACH DELETE n; //",
    "x\0y",
    "\uffff and 𝄞",
    "long" * 10_000,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_text_that_would_be_cypher_is_text(graph: Neo4jGraph, text: str) -> None:
    graph.write(GraphChange([node("Atom", 1), node("Source", 7)], [edge(INGESTED, 1, 7, since=None)]))
    answer = Node(0, "Inference", 5, text, {"model": text, "task": text})
    graph.write(GraphChange([answer], [edge(USED, 5, 1, since=None, runId=text)]))

    found = graph.lineage(0, ("Inference", 5), depth=3, limit=10, as_of=text)
    assert [(node.label, node.key) for node in found.nodes] == [("Inference", text), *KEYS]
    assert found.nodes[0].properties == {"tenantId": 0, "model": text, "task": text}
    assert [edge.properties.get("runId") for edge in found.edges] == [None, text]
    assert len(graph.path(0, ("Inference", 5), ("Source", 7), 3, as_of=text).nodes) == 3
    assert graph.digests(0, text) == {}
    assert graph.atoms_by_hash(0, [text]) == []
    assert graph.counts(0) == ({"Atom": 1, "Source": 1, "Inference": 1}, {"INGESTED_FROM": 1, "USED_ATOM": 1})


KEYS = [("Atom", "Atom-1"), ("Source", "Source-7")]


@pytest.mark.parametrize("name", ["Atom) DETACH DELETE n //", "Atom:Source", ""])
def test_names_that_are_none_of_ours_are_refused_before_anything_is_written(graph: Neo4jGraph, name: Any) -> None:
    kept = node("Atom", 1)
    for change in (
        GraphChange([kept, node(name, 1)]),
        GraphChange([kept], [edge(EdgeView("Atom", name, "Source"), 1, 7)]),
        GraphChange([kept], [edge(EdgeView("Atom", "INGESTED_FROM", name), 1, 7)]),
        GraphChange([kept], replaced=[Replaced(0, EdgeView(name, "INGESTED_FROM", "Source"), [1])]),
        GraphChange([kept], gone=[Gone(0, name, [1])]),
    ):
        with pytest.raises(ValueError, match="the graph has no"):
            graph.write(change)
    with pytest.raises(ValueError, match="the graph has no label"):
        graph.numbers(0, name, 0, 1)
    assert graph.counts(0) == ({}, {})
