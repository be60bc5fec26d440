"""Column schemas for the page and for OpenLineage, as the active stores have them."""

import tomllib
from functools import cache
from typing import Any

import dagster as dg

from hartonomous_resources.project_files import project_file
from hartonomous_resources.settings import Settings

GRAPH = "Graph"
"""What the columns of the graph are described under: those of all its views, or, with Neo4j, the properties there."""


def store_kind() -> str:
    """Return the kind that assets in the database show on the page."""
    return "sqlserver" if Settings().uses_sqlserver else "sqlite"


def graph_kind() -> str:
    """Return the kind that assets in the graph show on the page: that of the database, where the graph is views of it."""
    return "neo4j" if Settings().neo4j_uri else store_kind()


def column_schema(table: str) -> dict[str, dg.TableSchema]:
    """Return metadata that shows the columns of a table, or of the graph, on an asset's page."""
    store = graph_kind() if table == GRAPH else store_kind()
    columns = [
        dg.TableColumn(
            f"{name[0].lower()}{name[1:]}" if store == "neo4j" else name,
            column[store],
            description=column["means"],
            constraints=dg.TableColumnConstraints(nullable=column.get("nullable", False)),
        )
        for name, column in described_columns()[table].items()
        if store in column
    ]
    return {"dagster/column_schema": dg.TableSchema(columns)}


@cache
def described_columns() -> dict[str, dict[str, dict[str, Any]]]:
    """Read, by table and column, the type in each store, whether it may be empty, and what it means."""
    return tomllib.loads((project_file("sql") / "columns.toml").read_text("utf-8"))
