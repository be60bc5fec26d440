"""From a number, each table of a view of the graph can be entered by an index: no plan can be asked for here, but what one needs can be looked up.

Beginning with the column that the number is of, a table is reached where an index begins with columns that are known by then, and not by the
tenant or a constant alone. test_graph_plans.py reads the plans themselves where there is a server.
"""

from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import pytest

from hartonomous_resources.database.graph_views import EDGE_VIEWS, NODE_VIEWS
from tests.tools.tsql.definitions import file_set, view_columns, views
from tests.tools.tsql.tree import Node, last_name

Place = tuple[str, str]
"""A table's alias and a column of it."""


class Index(NamedTuple):
    """Keys in order, and whether a row has them for itself."""

    keys: list[str]
    is_unique: bool


@cache
def indexes() -> dict[str, list[Index]]:
    """The indexes of each table that hold every row in which their keys are set."""
    found = defaultdict(list)
    for script in file_set("table_broker"):
        for table in script.tree.walk("CreateTableStatement"):
            for key in table.walk("UniqueConstraintDefinition"):
                columns = [last_name(c["Column"]["MultiPartIdentifier"]) for c in key.all("Columns")]
                owner = [c for c in table["Definition"].all("ColumnDefinitions") if key in c.all("Constraints")]
                keys = columns or [owner[0]["ColumnIdentifier"]["Value"]]
                found[last_name(table["SchemaObjectName"])].append(Index(keys, is_unique=True))
        for index in script.tree.walk("CreateIndexStatement"):
            if not index.get("FilterPredicate") or "IS NOT NULL" in index["FilterPredicate"].text(script.text):
                keys = [last_name(c["Column"]["MultiPartIdentifier"]) for c in index.all("Columns")]
                found[last_name(index["OnName"])].append(Index(keys, is_unique=False))
    return dict(found)


def unreached_tables(query: Node, known: set[Place], outer: set[str]) -> Iterator[str]:
    """The tables of a query, and of those within it, that no index leads to; `outer` are the aliases around it."""
    tables = {each["Alias"]["Value"]: last_name(each["SchemaObject"]) for each in _here(query, "NamedTableReference")}
    derived = {each["Alias"]["Value"]: each["QueryExpression"] for each in _here(query, "QueryDerivedTable")}
    pairs, reached, asked, known = list(_equalities(query)), outer | derived.keys(), known, set(known)
    constant = {(alias, "TenantId") for alias in tables} | {place for pair in pairs if len(pair) == 1 for place in pair}
    while True:
        given = known | {p for pair in pairs for p in pair if p[0] in reached and p[1] != "TenantId"}
        known |= {p for pair in pairs if not given.isdisjoint(pair) for p in pair}
        new = [alias for alias in tables if alias not in reached and _is_entered(alias, tables[alias], known, constant)]
        if not new:
            break
        reached |= set(new)
    yield from (f"{alias} ({tables[alias]})" for alias in tables if alias not in reached)
    for inner in _inner(query):
        alias = next((name for name, each in derived.items() if each is inner), "")
        yield from unreached_tables(inner, known | _asked_within(inner, alias, asked), reached)


def _asked_within(query: Node, alias: str, asked: set[Place]) -> set[Place]:
    """What is asked of a derived table, as the places that its columns come from."""
    elements = [
        (e["ColumnName"]["Value"] if e.get("ColumnName") else "", e["Expression"]) for e in query.all("SelectElements")
    ]
    return {
        place for name, expression in elements for place in _places(expression) if (alias, name or place[1]) in asked
    }


def _is_entered(alias: str, table: str, known: set[Place], constant: set[Place]) -> bool:
    if table == "GraphAtom":  # which is looked at by itself
        return (alias, "Number") in known or (alias, "AtomId") in known
    for index in indexes()[table]:
        places = [(alias, key) for key in index.keys]
        usable = next((n for n, place in enumerate(places) if place not in known | constant), len(places))
        if any(place in known for place in places[:usable]) or (index.is_unique and usable == len(places)):
            return True
    return False


def _here(query: Node, *kinds: str) -> Iterator[Node]:
    """Nodes of a query, not of those within it."""
    for child in query.children():
        if child.kind == "QuerySpecification":
            continue
        if child.kind in kinds:
            yield child
        yield from _here(child, *kinds)


def _inner(query: Node) -> Iterator[Node]:
    for child in query.children():
        if child.kind == "QuerySpecification":
            yield child
        else:
            yield from _inner(child)


def _equalities(query: Node) -> Iterator[list[Place]]:
    for equal in _here(query, "BooleanComparisonExpression"):
        if equal["ComparisonType"] == "Equals":
            sides = (equal["FirstExpression"], equal["SecondExpression"])
            yield [place for side in sides for place in _places(side)]


def _places(expression: Node) -> list[Place]:
    named = [
        c["MultiPartIdentifier"] for c in expression.walk("ColumnReferenceExpression") if c.get("MultiPartIdentifier")
    ]
    return [(names[0]["Value"], names[1]["Value"]) for names in (each.all("Identifiers") for each in named)]


def unreached(view: str, entry: str) -> list[str]:
    """The tables of a view that no index leads to from a number in one of its columns."""
    query = views()[view]
    [place] = _places(query.all("SelectElements")[view_columns(view).index(entry)]["Expression"])
    tables = [last_name(each["SchemaObject"]) for each in _here(query, "NamedTableReference")]
    if tables[0] in views() and tables[0] not in NODE_VIEWS.values():
        return unreached(tables[0], place[1])
    return list(unreached_tables(query, {place}, set()))


@pytest.mark.parametrize("entry", ["FromNumber", "ToNumber"])
@pytest.mark.parametrize("view", [view.name for view in EDGE_VIEWS])
def test_an_edge_is_found_from_either_end(view: str, entry: str) -> None:
    assert unreached(view, entry) == []


@pytest.mark.parametrize("view", NODE_VIEWS.values())
def test_a_node_is_found_by_its_number(view: str) -> None:
    assert unreached(view, "Number") == []


def test_a_table_that_no_index_leads_to_is_named() -> None:
    assert unreached("Atom_INGESTED_FROM_Source", "FirstOrdinal") == [
        "sa (SourceAtom)"
    ]  # fmt: skip
