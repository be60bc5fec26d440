"""How commands speak: one JSON document on stdout, or text for people; everything else goes to stderr."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from hartonomous_resources.resources import Resources, open_resources
from hartonomous_resources.settings import Settings

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else.")]
TenantOption = Annotated[
    int, typer.Option("--tenant", min=0, max=2**31 - 1, help="Whose data; another tenant's reads as not found.")
]
AllTenantsOption = Annotated[bool, typer.Option("--all-tenants", help="Everybody's data.")]

out = Console(highlight=False, emoji=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, emoji=False)


def tenant_of(tenant: int, all_tenants: bool) -> int | None:
    """The tenant to ask for; None for all."""
    return None if all_tenants else tenant


def emit(document: Mapping[str, Any], as_json: bool, show: Callable[[Mapping[str, Any]], None]) -> None:
    """Print a result: as JSON, or as `show` shows it to people."""
    if as_json:
        sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2, default=str) + "\n")
        sys.stdout.flush()
    else:
        show(document)


def table(title: str, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> None:
    """Print rows as a table; `columns` maps keys to headings."""
    if not rows:
        out.print(f"{title}: none")
        return
    grid = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for heading in columns.values():
        grid.add_column(heading, overflow="fold")
    for row in rows:
        grid.add_row(*(_cell(row.get(key)) for key in columns))
    out.print(grid)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if type(value) is int else printable(str(value))


def printable(text: str) -> str:
    """Text of a source, safe for a terminal and for rich: no control characters, no markup."""
    return "".join(c if c.isprintable() else "�" for c in text).replace("[", r"\[")


@contextmanager
def opened() -> Iterator[Resources]:
    """The resources of the home that the settings name."""
    resources = open_resources(Settings())
    try:
        yield resources
    finally:
        resources.graph.close()
        resources.database.close()
