"""Prints the results of commands: one JSON document on stdout, or text for people; everything else goes to stderr."""

import codecs
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Annotated, Any

import typer
from rich.cells import cell_len, set_cell_size
from rich.console import Console

from hartonomous_resources.resources import Resources, open_resources
from hartonomous_resources.settings import Settings
from hartonomous_service.arguments import MAX_PAGE, MAX_SKIP, MAX_TENANT
from hartonomous_service.home_database import require_database
from hartonomous_service.printable import printable as printable

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else.")]
TenantOption = Annotated[
    int,
    typer.Option(
        "--tenant", min=0, max=MAX_TENANT, help="Work on the data of this tenant; another tenant's is not found."
    ),
]
AllTenantsOption = Annotated[bool, typer.Option("--all-tenants", help="Work on the data of all tenants.")]

LimitOption = Annotated[
    int, typer.Option("-n", "--limit", min=1, max=MAX_PAGE, help="Show at most so many rows, the latest first.")
]
SkipOption = Annotated[
    int, typer.Option("--skip", min=0, max=MAX_SKIP, help="Skip so many rows: the page begins after them.")
]

CountOption = Annotated[
    bool, typer.Option("--count", help="Count how many there are in all, which takes a while of many.")
]

out = Console(highlight=False, emoji=False, markup=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, emoji=False, markup=False)


def choose_tenant(tenant: int, all_tenants: bool) -> int | None:
    """Return the tenant that the options choose; None for all tenants."""
    return None if all_tenants else tenant


_documents: list[Mapping[str, Any]] = []
"""What went to stdout as JSON: at most one document."""


def print_result(document: Mapping[str, Any], as_json: bool, show: Callable[[Mapping[str, Any]], None]) -> None:
    """Print a result as JSON, or for people by calling `show`."""
    if as_json:
        _documents.append(document)
        sys.stdout.write(_to_json(document, sys.stdout.encoding or "utf-8") + "\n")
        sys.stdout.flush()
    else:
        show(document)


def print_error_document(message: str, arguments: Sequence[str]) -> None:
    """Where the arguments of a command ask for JSON and it printed no result, print {"error": message}: a program reads stdout alone.

    The arguments are looked at as they were typed: they may be what is wrong, so that no command has read them.
    """
    before_dashes = arguments[: arguments.index("--")] if "--" in arguments else arguments
    if "--json" in before_dashes and not _documents:
        print_result({"error": message}, True, lambda _document: None)


def _to_json(document: Mapping[str, Any], encoding: str) -> str:
    """Return JSON that stdout can encode: where its encoding is not UTF-8, characters are escaped."""
    text = json.dumps(document, ensure_ascii=codecs.lookup(encoding).name != "utf-8", indent=2, default=str)
    # A byte of a file name that is no text is half a surrogate pair; what replaces it is JSON's own escape.
    return text.encode(errors="backslashreplace").decode()


def print_table(what: str, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> None:
    """Print rows, one a line and never cut: in columns on a terminal, else separated by tabs. `columns` maps keys to headings."""
    if not rows:
        out.print(f"{what}: none")
        return
    lines = [list(columns.values()), *([cell_text(row.get(key)) for key in columns] for row in rows)]
    separator = "\t"
    if sys.stdout.isatty():
        separator = "  "
        widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
        lines = [[set_cell_size(*sized) for sized in zip(line, widths, strict=True)] for line in lines]
    sys.stdout.write("".join(separator.join(line).rstrip(" ") + "\n" for line in lines))


def print_page(what: str, document: Mapping[str, Any], key: str, columns: Mapping[str, str]) -> None:
    """Print a page of a list as a table; where there are more rows, print on stderr that there are, and how many where they were counted."""
    print_table(what, document[key], columns)
    if document["truncated"]:
        total = document["total"]
        said = "there are more" if total is None else f"{total:,} in all"
        err.print(f"{said}: --skip and --limit show the others{', --count says how many' if total is None else ''}")


def describe_kept_as_bytes(not_searchable: Mapping[str, Any]) -> str:
    """Say how many files, of how many types, are kept as bytes and cannot be searched."""
    files, types = not_searchable["sources"], len(not_searchable["contentTypes"])
    return f"{files:,} file{'s' * (files != 1)} of {types:,} type{'s' * (types != 1)}"


def cell_text(value: object) -> str:
    """Return a value as one line of text, for a cell of a table."""
    if isinstance(value, Mapping):
        return ", ".join(f"{printable(str(key))} {cell_text(held)}" for key, held in value.items()) or "-"
    return "-" if value is None else printable(str(value))


@contextmanager
def open_home(*, make: bool = False) -> Iterator[Resources]:
    """Open the resources of the home that the settings name, and close them at the end. Where there is none, `make` makes it.

    Raises NotFound else, and leaves nothing there.
    """
    settings = Settings()
    if not make:
        require_database(settings)
    with closing(open_resources(settings)) as resources:
        yield resources
