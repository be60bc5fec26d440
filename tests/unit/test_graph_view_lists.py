"""Statements that name views of the graph one by one name all of them: a view that the vocabulary gains is in none by itself."""

import re
from collections.abc import Callable
from typing import Final

import pytest

from hartonomous_resources.database.graph_views import EDGE_VIEWS, NODE_VIEWS, WITHOUT_HOUR
from hartonomous_resources.database.statements import load_statements
from hartonomous_resources.project_files import project_file

EDGES: Final = {view.name for view in EDGE_VIEWS}
VIEWS: Final = EDGES | {*NODE_VIEWS.values()}
NOT_LOOKED_AT: Final = {
    "Atom_GENERATED_BY_Run",  # its atoms lack what Atom_INGESTED_FROM_Source lacks, its runs what Source_GENERATED_BY_Run does
    "Atom_PROJECTED_BY_Model",  # of the same rows as Atom_EMBEDDED_BY_Model
    "Atom_GENERATED_BY_Inference",  # found within a tenant, as the next two
    "Inference_USED_ATOM_Atom",
    "Inference_PRODUCED_ATOM_Atom",
}
"""Edges that lack an end only where those of another view do: see the statement. SQL Server looks at all of them."""
NAMED: Final = {
    "graph_counts": VIEWS,
    "graph_counts_of_hour": VIEWS - {NODE_VIEWS[label] for label in WITHOUT_HOUR},
    "graph_digests": VIEWS,
}


def on_sqlite(name: str) -> str:
    return load_statements(project_file("sql") / "sqlite" / "statements")[name]


def on_sqlserver(name: str) -> str:
    files = sorted((project_file("sql") / "sqlserver" / "migrations").glob("*.sql"))
    made = [
        text
        for file in files
        for text in file.read_text("utf-8").split("\nGO\n")
        if re.search(rf"PROCEDURE dbo\.usp_{name}\b", text)
    ]
    return made[-1]


@pytest.mark.parametrize(
    ("text_of", "name", "views"),
    [
        *((text_of, name, views) for text_of in (on_sqlite, on_sqlserver) for name, views in NAMED.items()),
        (on_sqlite, "dangling_edges", EDGES - NOT_LOOKED_AT),
        (on_sqlserver, "dangling_edges", EDGES),
    ],
)
def test_no_view_is_forgotten(text_of: Callable[[str], str], name: str, views: set[str]) -> None:
    found = re.findall(r"'(\w+)'(?: AS \[?view\]?)?,", text_of(name))

    assert sorted(each for each in found if each in VIEWS) == sorted(views), "each once"
