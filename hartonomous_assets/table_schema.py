"""Column schemas for the page and for OpenLineage, as the active stores have them."""

import tomllib
from functools import cache
from typing import Any

import dagster as dg

from hartonomous_resources.project_files import project_file
from hartonomous_resources.settings import Settings

_GRAPH_TABLE = "GraphNode"


def store_kind() -> str:
    """Return the kind that assets in the database show on the page."""
    return "sqlserver" if Settings().uses_sqlserver else "sqlite"


def graph_kind() -> str:
    """Return the kind that assets in the graph show on the page."""
    return "neo4j" if Settings().neo4j_uri else "sqlite"


def column_schema(table: str) -> dict[str, dg.TableSchema]:
    """Return metadata that shows a table's columns, or the properties of the graph's nodes, on an asset's page."""
    store = graph_kind() if table == _GRAPH_TABLE else store_kind()
    columns = [
        dg.TableColumn(
            name,
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
