"""The plan of every statement that asks the graph's views about numbers or keys, as a server makes it: each table is entered by an index.

The server is told that the tables are large, as a small one is read as a whole whatever is asked.
"""

from collections.abc import Iterator
from contextlib import closing
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.backends import DATABASES, Store, require
from tests.released import FOLDER
from tests.tools.tsql.definitions import procedures

SHOWPLAN = "{http://schemas.microsoft.com/sqlserver/2004/07/showplan}"
READS_ALL = {"Table Scan", "Index Scan", "Clustered Index Scan", "Columnstore Index Scan"}
COPIES = {"Index Spool"}  # an index made for the one statement
LARGE = {
    **dict.fromkeys(("Atom", "SourceAtom", "AtomEmbedding", "AtomDerivation", "InferenceAtom"), 10_000_000),
    **dict.fromkeys(("Source", "SourceRun", "Inference", "GraphName", "KnownTenant"), 1_000_000),
    **dict.fromkeys(("EmbeddingModel", "ProjectionModel"), 10_000),
}
ASKED = {
    "usp_graph_ends": "0, 'Atom_INGESTED_FROM_Source', 'upstream', N'[1, 2]', NULL, NULL, NULL, 10",
    "usp_graph_edges": "0, 'Atom_INGESTED_FROM_Source', 'upstream', N'[1, 2]', NULL, NULL, NULL",
    "usp_graph_nodes": "0, 'Atom', N'[1, 2]'",
    "usp_graph_node_by_key": "0, 'Atom', N'1'",
    "usp_graph_keys_beginning": "0, 'Atom', N'a', 10",
    "usp_graph_numbers_of_hour": "0, 'Atom', '2026-11-23-09:00', 0, 10",
    "usp_graph_atoms_only_here": "0, 1",
    "usp_first_atoms_of_source": "0, 1, N'[1, 2]'",
}


def faults(plan: str) -> list[str]:
    """Where the plans of SELECT statements, in the XML that the server shows, read a whole table or copy one."""
    return [
        f"{operator.get('PhysicalOp')}: {' '.join(statement.get('StatementText', '').split())[:300]}"
        for statement in selects(plan)
        for operator in statement.iter(f"{SHOWPLAN}RelOp")
        if operator.get("PhysicalOp") in READS_ALL | COPIES or operator.get("LogicalOp") == "Eager Spool"
    ]


def selects(plan: str) -> list[ElementTree.Element]:
    statements = ElementTree.fromstring(plan).iter(f"{SHOWPLAN}StmtSimple")  # noqa: S314 - of our own server
    return [statement for statement in statements if statement.get("StatementType") == "SELECT"]


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """A connection to a database of the server whose tables are said to be large."""
    backend = DATABASES["sqlserver"]
    require("sqlserver", backend.variable)
    store = Store("sqlserver", backend.create(FOLDER))
    store.open().migrate()
    with closing(store.connect()) as connection:
        connection.autocommit = True
        for table, rows in LARGE.items():
            connection.execute(f"UPDATE STATISTICS dbo.{table} WITH ROWCOUNT = {rows}, PAGECOUNT = {rows // 50}")
        yield connection
    backend.drop(store.location)


@pytest.mark.parametrize("procedure", ASKED)
def test_each_table_is_entered_by_an_index(client: Any, procedure: str) -> None:
    cursor = client.cursor()
    cursor.execute("SET SHOWPLAN_XML ON")
    try:
        plan = cursor.execute(f"EXEC dbo.{procedure} {ASKED[procedure]}").fetchone()[0]
    finally:
        cursor.execute("SET SHOWPLAN_XML OFF")

    node = procedures()[procedure].node
    assert len(selects(plan)) == len(list(node.walk("SelectStatement"))), "the plan has every branch"
    assert faults(plan) == []


def test_the_arguments_are_those_of_the_procedures() -> None:
    for name, arguments in ASKED.items():
        given = ["NULL" if "[" in each else each for each in arguments.replace("[1, 2]", "[]").split(", ")]
        assert len(given) == len(procedures()[name].parameters), name


@pytest.mark.parametrize(
    ("operator", "wrong"),
    [
        ('PhysicalOp="Clustered Index Scan" LogicalOp="Clustered Index Scan"', True),
        ('PhysicalOp="Index Spool" LogicalOp="Eager Spool"', True),
        ('PhysicalOp="Table Spool" LogicalOp="Eager Spool"', True),
        ('PhysicalOp="Index Seek" LogicalOp="Index Seek"', False),
    ],
)
def test_what_reads_all_of_a_table_is_found_in_a_plan(operator: str, wrong: bool) -> None:
    plan = (
        f'<ShowPlanXML xmlns="{SHOWPLAN[1:-1]}"><BatchSequence><Batch><Statements><StmtSimple StatementType="EXECUTE PROC">'
        '<StoredProc><Statements><StmtCond><Then><Statements><StmtSimple StatementType="SELECT" StatementText="SELECT 1">'
        f'<QueryPlan><RelOp PhysicalOp="Nested Loops" LogicalOp="Inner Join"><RelOp {operator}/></RelOp></QueryPlan></StmtSimple>'
        "</Statements></Then></StmtCond></Statements></StoredProc></StmtSimple></Statements></Batch></BatchSequence></ShowPlanXML>"
    )
    assert len(faults(plan)) == wrong
