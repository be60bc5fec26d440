"""Lineage in other programs' formats: whatever a file is called, it stays a text in a document that can be read."""

import json
import re
import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prov.model import ProvDocument

from hartonomous_service.errors import Unavailable
from hartonomous_service.lineage.formats import render, render_dot, render_mermaid, render_prov_json
from hartonomous_service.lineage.layout import assign_columns, lay_out
from hartonomous_service.lineage.node_text import shorten, text_width
from hartonomous_service.lineage.svg import render_svg

ATOM, ANSWER_ATOM = "Atom:" + "a" * 64, "Atom:" + "b" * 64
HOSTILE = 'file:///tmp/"a\\" [b](c) <i>&amp; --> #quot; `x`\n end; }\x00\u202e |'
EDGES = [
    (ATOM, "INGESTED_FROM", "Source:1"),
    (ATOM, "GENERATED_BY", "Run:r"),
    (ATOM, "EMBEDDED_BY", "Model:m"),
    ("Source:1", "BELONGS_TO", "Tenant:0"),
    ("Source:2", "SUPERSEDES", "Source:1"),
    ("Inference:i", "USED_ATOM", ATOM),
    ("Inference:i", "PRODUCED_ATOM", ANSWER_ATOM),
    ("Inference:i", "USED_MODEL", "Model:m"),
    (ANSWER_ATOM, "DERIVED_FROM", ATOM),
]
SVG = "{http://www.w3.org/2000/svg}"


def lineage_of(edges: Sequence[tuple[str, str, str]], **properties: dict[str, Any]) -> dict[str, Any]:
    """A document of these edges; properties of nodes are given by label."""
    ids = list(dict.fromkeys(end for start, _, end_ in edges for end in (start, end_)))
    nodes = [{"id": name, "label": (label := name.split(":")[0]), **properties.get(label, {})} for name in ids]
    return {
        "tenant": 0,
        "node": ids[0],
        "nodes": nodes,
        "edges": [{"from": start, "type": kind, "to": end} for start, kind, end in edges],
        "truncated": False,
        "next": None,
    }


anything = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60) | st.just(HOSTILE)


def hostile_lineage(text: str) -> dict[str, Any]:
    edges = [(a, kind, b) for a, kind, b in EDGES if "Inference" not in a]
    edges += [(f"Inference:{text}", kind, b) for a, kind, b in EDGES if "Inference" in a]
    return lineage_of(edges, Source={"sourceUri": text}, Inference={"task": text}, Model={"name": text})


@given(anything)
def test_no_text_breaks_a_mermaid_flowchart(text: str) -> None:
    first, *lines = render_mermaid(hostile_lineage(text)).split("\n")

    line = re.compile(
        r'  n\d+\["(Tenant|Run|Model|Source|Atom|Inference)( ([^\W_]|[ .,:/-]|#\d+;)*)?"\]:::[A-Z][a-z]+'
        r"|  n\d+ -->\|[A-Z_]+\| n\d+|  classDef [A-Z][a-z]+ [a-z0-9:,#]+|"
    )
    assert first == "flowchart RL"
    assert [bad for bad in lines if not line.fullmatch(bad)] == []
    assert sum(" -->|" in line for line in lines) == len(EDGES)


@given(anything)
def test_no_text_breaks_a_dot_graph(text: str) -> None:
    first, *lines, last, end = render_dot(hostile_lineage(text)).split("\n")

    quoted = r'"([^"\\\n]|\\\\|\\")*"'
    line = re.compile(
        rf"  n\d+ (-> n\d+ )?\[\w+={quoted}(, \w+={quoted})*\];|  (node|edge) \[[\w=, \-\"#]+\];|  rankdir=RL;"
    )
    assert (first, last, end) == ("digraph lineage {", "}", "")
    assert [bad for bad in lines if not line.fullmatch(bad)] == []
    assert sum(" -> n" in line for line in lines) == len(EDGES)


@given(anything)
def test_no_text_breaks_a_picture(text: str) -> None:
    document = hostile_lineage(text)

    picture = ElementTree.fromstring(render_svg(document))  # noqa: S314

    assert len(picture.findall(f"{SVG}g")) == len(document["nodes"])
    assert {element.tag.removeprefix(SVG) for element in picture.iter()} == (
        {"svg", "title", "defs", "marker", "path", "rect", "text", "g"}
    )


@settings(deadline=None)  # the first example imports prov
@given(anything)
def test_no_text_breaks_prov_json(text: str) -> None:
    read = ProvDocument.deserialize(content=render_prov_json(hostile_lineage(text)), format="json")

    uris = {
        value for record in read.get_records() for name, value in record.attributes if name.localpart == "sourceUri"
    }
    assert uris == {text}


# ---- what the formats say


def test_mermaid_shows_names_as_entities() -> None:
    flowchart = render_mermaid(lineage_of(EDGES, Source={"sourceUri": 'a"]-->b'}))

    assert 'n1["Source 1 a#34;#93;--#62;b"]:::Source' in flowchart
    assert "n0 -->|INGESTED_FROM| n1" in flowchart


def test_dot_shows_names_quoted() -> None:
    graph = render_dot(lineage_of(EDGES, Source={"sourceUri": 'a"\\N&lt;'}))

    assert 'label="Source 1 a\\"\\\\N&amp;lt;"' in graph
    assert 'n0 -> n1 [label="INGESTED_FROM"];' in graph


def test_prov_says_what_is_entity_activity_and_agent_and_how_they_are_related() -> None:
    document = lineage_of(
        EDGES, Inference={"startedAt": "2026-11-23T09:44:16.123Z", "durationMs": 1500}, Source={"sourceUri": HOSTILE}
    )

    prov = json.loads(render_prov_json(document))

    name = "hartonomous:{}".format
    atom, answer_atom = (name(node.replace(":", "/")) for node in (ATOM, ANSWER_ATOM))
    assert prov["prefix"] == {"hartonomous": "urn:hartonomous:tenant:0:"}
    assert set(prov["entity"]) == {atom, answer_atom, name("Source/1"), name("Source/2"), name("Model/m")}
    assert set(prov["activity"]) == {name("Run/r"), name("Inference/i")}
    assert set(prov["agent"]) == {name("Tenant/0")}
    inference = prov["activity"][name("Inference/i")]
    assert inference["prov:startTime"].startswith("2026-11-23T09:44:16.123")
    assert inference["prov:endTime"].startswith("2026-11-23T09:44:17.623")

    def related(kind: str, first: str, second: str) -> set[tuple[str, str]]:
        return {(record[f"prov:{first}"], record[f"prov:{second}"]) for record in prov[kind].values()}

    assert related("wasDerivedFrom", "generatedEntity", "usedEntity") == {
        (atom, name("Source/1")),
        (answer_atom, atom),
        (name("Source/2"), name("Source/1")),
    }
    assert related("wasGeneratedBy", "entity", "activity") == {
        (atom, name("Run/r")),
        (answer_atom, name("Inference/i")),
    }
    assert related("used", "activity", "entity") == {
        (name("Inference/i"), atom),
        (name("Inference/i"), name("Model/m")),
    }
    assert related("wasAttributedTo", "entity", "agent") == {(name("Source/1"), name("Tenant/0"))}
    assert related("wasInfluencedBy", "influencee", "influencer") == {(atom, name("Model/m"))}


def test_the_same_atom_of_two_tenants_is_two_entities() -> None:
    document = lineage_of(EDGES)

    first, second = (
        {
            record.identifier.uri
            for record in ProvDocument.deserialize(
                content=render_prov_json({**document, "tenant": tenant}), format="json"
            ).get_records()
            if record.identifier
        }
        for tenant in (0, 7)
    )

    assert first and not first & second


@pytest.mark.parametrize("how", ["json", "mermaid", "dot", "prov-json", "svg"])
def test_a_page_draws_the_ends_of_its_edges_that_stand_on_earlier_pages(how: Any) -> None:
    document = lineage_of(EDGES)
    page = {**document, "nodes": document["nodes"][:1], "edges": document["edges"][:1]}

    assert "INGESTED_FROM" in render(page, how)
    assert render({**page, "nodes": [], "edges": []}, how)


def test_the_picture_says_that_there_is_more() -> None:
    assert "more lies beyond" in render_svg({**lineage_of(EDGES), "truncated": True})
    assert "more lies beyond" not in render_svg(lineage_of(EDGES))


@pytest.mark.parametrize(("n", "boxes"), [(11, 13), (12, 3), (500, 3)])
def test_many_nodes_that_are_joined_alike_are_one_box_of_a_picture(n: int, boxes: int) -> None:
    """The one that was asked for stands alone."""
    atoms = [f"Atom:{number:064x}" for number in range(n + 1)]

    picture = render_svg(lineage_of([(atom, "INGESTED_FROM", "Source:1") for atom in atoms]))

    assert picture.count("<g>") == boxes
    assert (f"{n} × Atom" in picture) == (boxes == 3)
    assert f"Atom {atoms[0][5:17]}" in picture


# ---- layout

names = st.sampled_from("abcdefghij")
drawings = st.lists(st.tuples(names, names), max_size=30)


def test_sources_stand_left_of_atoms_and_atoms_left_of_answers() -> None:
    columns = assign_columns(
        ["atom", "source", "run", "model", "answer"],
        [("atom", "source"), ("source", "run"), ("atom", "run"), ("atom", "model"), ("answer", "atom")],
    )

    assert columns == {"run": 0, "source": 1, "model": 1, "atom": 2, "answer": 3}


@given(drawings)
def test_columns_follow_every_edge_that_is_in_no_circle(edges: list[tuple[str, str]]) -> None:
    ahead = {a: {b for x, b in edges if x == a} for a in "abcdefghij"}

    def reaches(a: str, b: str, seen: frozenset[str] = frozenset()) -> bool:
        return b in ahead[a] or any(reaches(c, b, seen | {a}) for c in ahead[a] - seen)

    columns = assign_columns("abcdefghij", [(a, b) for a, b in edges if a != b])

    assert all(columns[a] > columns[b] for a, b in edges if not reaches(b, a))


@given(drawings, st.sets(st.tuples(names, names), max_size=3))
def test_nothing_overlaps(edges: list[tuple[str, str]], level: set[tuple[str, str]]) -> None:
    layout = lay_out("abcdefghij", edges, level, 50, 10)

    for column in set(layout.columns.values()):
        heights = sorted(layout.heights[name] for name in layout.columns if layout.columns[name] == column)
        assert all(below - above >= 50 - 1e-6 for above, below in pairwise(heights))
    assert min(layout.heights.values()) >= 25 - 1e-6
    for (a, b), route in layout.routes.items():
        assert (route[0][0], route[-1][0]) == (layout.columns[a], layout.columns[b])


@given(st.text(max_size=40), st.integers(2, 30), st.booleans())
def test_a_shortened_text_fits_and_a_short_one_stays(text: str, width: int, keep_end: bool) -> None:
    short = shorten(text, width, keep_end=keep_end)

    assert text_width(short) <= width
    assert short == text or "…" in short
    assert (short == text) == (text_width(text) <= width) or text.endswith("…") or text.startswith("…")


def test_without_the_library_prov_json_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prov.model", None)

    with pytest.raises(Unavailable, match=r"pip install 'hartonomous\[prov\]'"):
        render_prov_json(lineage_of(EDGES))
