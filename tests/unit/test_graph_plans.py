"""Whatever is asked of the graph's views costs what it finds: an index leads into each of them from either end, on a database of any kind.

A tenant, an hour, a status or a label alone finds a large part of a table, and is no way in.
"""

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from hartonomous_core.vocabulary import LABELS
from hartonomous_resources.database.graph_views import EDGE_VIEWS, NODE_VIEWS, WITHOUT_HOUR, EdgeView, Way
from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.database.sqlite_graph_views import edge_statement, node_statement
from hartonomous_resources.database.statements import load_statements
from hartonomous_resources.project_files import project_file
from tests.typed_statements import AnyName

STATEMENTS = load_statements(project_file("sql") / "sqlite" / "statements")
SMALL = (
    "KnownTenant AS t",
    "EmbeddingModel AS m",
    "ProjectionModel AS p",
    "ProjectionModel AS o",
    "EmbeddingModel AS o",
)
"""Tables of a row or some: where ANALYZE counted one, SQLite reads it. No other table of the views has these letters."""
RETIRED = "SCAN placed USING COVERING INDEX AtomEmbedding_Hour"
"""Read only of a projection that another took the place of; an index that finds it at once would have an entry for each atom."""

ONE_TENANT = {
    "Source.sqlite_autoindex_Source_1": "103952 103952 1 1",
    "Source.Source_Current": "103753 103753 1",
    "Source.Source_Hour": "103952 10396 9451",
    "Source.Source_Parent": "10395 1",
    "Source.Source_SupersededBy": "198 1",
    "SourceRun.SourceRun": "103952 1 1",
    "SourceRun.SourceRun_Run": "103952 1284",
    "SourceAtom.SourceAtom": "1004152 10 10 1",
    "SourceAtom.SourceAtom_Atom": "1004152 2 1",
    "Atom.Atom_ContentHash": "584122 584122 1",
    "Atom.Atom_Hour": "584122 58413",
    "AtomDerivation.AtomDerivation": "15804 4 1 1",
    "AtomDerivation.AtomDerivation_Derived": "15804 1",
    "AtomDerivation.AtomDerivation_From": "15804 1",
    "AtomEmbedding.sqlite_autoindex_AtomEmbedding_1": "58412 1 1",
    "AtomEmbedding.AtomEmbedding_Model": "58412 58412 58412 58412",
    "AtomEmbedding.AtomEmbedding_Hilbert": "58412 58412 58412 58412 1",
    "AtomEmbedding.AtomEmbedding_Hour": "58412 5842 5842",
    "EmbeddingModel.EmbeddingModel_Artifact": "1 1",
    "ProjectionModel.ProjectionModel_Artifact": "1 1",
    "Inference.sqlite_autoindex_Inference_1": "29206 1 1",
    "Inference.Inference_Hour": "29206 2921 2921",
    "Inference.Inference_Model": "29206 29206 29206",
    "InferenceAtom.InferenceAtom": "146030 146030 5 3 1",
    "InferenceAtom.InferenceAtom_Atom": "146030 146030 2",
    "GraphName.sqlite_autoindex_GraphName_1": "84 1 1",
    "KnownTenant.": "1",
}
"""What ANALYZE counts where a tenant has it all, by one model: then what a tenant or a model has is as much as the table."""

MANY_TENANTS = {
    **ONE_TENANT,
    "Source.sqlite_autoindex_Source_1": "103952 104 1 1",
    "Source.Source_Current": "103753 104 1",
    "Atom.Atom_ContentHash": "584122 585 1",
    "AtomEmbedding.AtomEmbedding_Model": "58412 5842 6 6",
    "AtomEmbedding.AtomEmbedding_Hilbert": "58412 5842 6 6 1",
    "EmbeddingModel.EmbeddingModel_Artifact": "10 1",
    "ProjectionModel.ProjectionModel_Artifact": "10 1",
    "Inference.Inference_Hour": "29206 2921 3",
    "Inference.Inference_Model": "29206 292 3",
    "InferenceAtom.InferenceAtom": "146030 147 5 3 1",
    "InferenceAtom.InferenceAtom_Atom": "146030 147 2",
    "KnownTenant.": "1000",
}
WAYS: tuple[Way, ...] = get_args(Way)


@pytest.fixture(scope="module", params=["never analyzed", "one tenant", "many tenants"])
def connection(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[sqlite3.Connection]:
    """A migrated store, with what ANALYZE would have counted in it."""
    database = SqliteDatabase(Path(tmp_path_factory.mktemp("plans"), "hartonomous.db"))
    database.migrate()
    connection = database.connection()
    counted = {"never analyzed": {}, "one tenant": ONE_TENANT, "many tenants": MANY_TENANTS}[request.param]
    if counted:
        connection.execute("ANALYZE")
        connection.execute("DELETE FROM sqlite_stat1")
        named = [(*name.split("."), text) for name, text in counted.items()]
        connection.executemany("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?, NULLIF(?, ''), ?)", named)
        connection.execute("ANALYZE sqlite_schema")
    yield connection
    database.close()


def costly(connection: sqlite3.Connection, statement: str) -> list[str]:
    """The steps of a statement's plan that find more than what is asked for."""
    steps = [row["detail"] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", AnyName())]
    assert steps
    own = {step.removeprefix("CO-ROUTINE ") for step in steps if step.startswith("CO-ROUTINE ")}
    small = {name.rpartition(" ")[2] for name in SMALL} | {"json_each"}  # a list that Python gives
    return [step for step in steps if step != RETIRED and _is_costly(step, own | small)]


def _is_costly(step: str, readable: set[str]) -> bool:
    if scanned := re.match(r"SCAN (\S+)", step):
        return scanned[1] not in readable
    part = r"(?:TenantId|Label|Status|IngestHour|Role)=\?"
    return bool(re.search(rf"MATERIALIZE|AUTOMATIC|\(\w+>\?|\({part}(?: AND {part})*\)", step))


def named(value: EdgeView | str | int) -> str:
    return value.name if isinstance(value, EdgeView) else str(value)


@pytest.mark.parametrize("name", ["graph_ends", "graph_edges"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("view", "count"), [
    *((view, count) for view in EDGE_VIEWS for count in (1, 3)),
    # Of runs, models and tenants there are fewer than that: then SQLite reads them all.
    *((view, 512) for view in EDGE_VIEWS if not {view.start, view.end} & {*WITHOUT_HOUR}),
], ids=named)  # fmt: skip
def test_an_index_leads_into_each_view_from_either_end(
    connection: sqlite3.Connection, view: EdgeView, way: Way, name: str, count: int
) -> None:
    allowed = []
    if view.type == "SUPERSEDES" and count == 512:
        allowed = ["SEARCH older USING INDEX Source_SupersededBy (SupersededBy>? AND SupersededBy<?)"]  # 198 rows
    if view.end == "Tenant" and way == "downstream":
        allowed = [
            "SEARCH s USING INDEX sqlite_autoindex_Source_1 (TenantId=?)"
        ]  # all that the tenant has is what is asked for

    assert [
        step for step in costly(connection, edge_statement(STATEMENTS[name], view, way, count)) if step not in allowed
    ] == []


@pytest.mark.parametrize("statement", [
    *(node_statement(STATEMENTS["graph_nodes"], label, count) for label in LABELS if label != "Tenant" for count in (1, 3)),
    STATEMENTS["graph_atoms_only_here"],
])  # fmt: skip
def test_nodes_are_found_by_their_numbers(connection: sqlite3.Connection, statement: str) -> None:
    assert costly(connection, statement) == []


@pytest.mark.parametrize("statement", [
    node_statement(STATEMENTS["graph_nodes"], "Tenant", 3),
    STATEMENTS["graph_node_by_key"],
    STATEMENTS["graph_keys_beginning"],
])  # fmt: skip
def test_a_key_is_found_by_an_index_and_a_tenant_by_its_first_source(
    connection: sqlite3.Connection, statement: str
) -> None:
    prefixes = {  # of keys, which a page's worth is read of
        "SEARCH i USING COVERING INDEX sqlite_autoindex_Inference_1 (InferenceId>? AND InferenceId<?)",
        "SEARCH n USING COVERING INDEX sqlite_autoindex_GraphName_1 (Name>? AND Name<?)",
    }
    assert set(costly(connection, statement)) - prefixes <= {
        "SEARCH s USING INDEX sqlite_autoindex_Source_1 (TenantId=?)"
    }


def test_the_nodes_of_an_hour_are_read_in_their_order(connection: sqlite3.Connection) -> None:
    text = STATEMENTS["graph_numbers_of_hour"]
    steps = [row["detail"] for row in connection.execute(f"EXPLAIN QUERY PLAN {text}", AnyName())]

    assert "SEARCH a USING INDEX Atom_Hour (IngestHour=? AND rowid>?)" in steps
    assert "SEARCH s USING INDEX Source_Hour (IngestHour=? AND Status=? AND rowid>?)" in steps
    assert [step for step in steps if re.search("MATERIALIZE|AUTOMATIC", step)] == []


@pytest.mark.parametrize(
    ("question", "step"),
    [
        ("SELECT * FROM Atom_INGESTED_FROM_Source WHERE +FromNumber = 1", r"SCAN (sa|s|a)\b"),
        ("SELECT * FROM Atom_DERIVED_FROM_Atom WHERE FromNumber > 1", r"SEARCH \w+ USING .*\(\w+>\?"),
        (
            "SELECT * FROM Atom_EMBEDDED_BY_Model AS e JOIN json_each('[1]') AS of_python ON of_python.value = e.FromNumber",
            "MATERIALIZE",
        ),
        ("SELECT * FROM Source AS s WHERE TenantId = 0 AND Status = 'Atomized'", r"SCAN s|\(TenantId=\?\)"),
    ],
)
def test_what_finds_too_much_is_noticed(connection: sqlite3.Connection, question: str, step: str) -> None:
    assert any(re.search(step, each) for each in costly(connection, question))


def test_only_small_tables_have_the_letters_that_may_be_read_from_end_to_end() -> None:
    migration = (project_file("sql") / "sqlite" / "migrations" / "0008_graph_views.sql").read_text("utf-8")
    statements = (project_file("sql") / "sqlite" / "statements" / "graph.sql").read_text("utf-8")
    texts = [migration.partition("CREATE VIEW")[2], statements]
    letters = "|".join(name.rpartition(" ")[2] for name in SMALL)

    found = {name for text in texts for name in re.findall(rf"\b\w+ AS (?:{letters})\b", text)}

    assert found == {*SMALL}
    assert len(NODE_VIEWS) == len(re.findall("CREATE VIEW Graph", migration))
