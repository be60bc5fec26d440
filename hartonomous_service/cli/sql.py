"""The command `sql`."""

import codecs
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from hartonomous_resources.settings import Settings
from hartonomous_service.cli.output import JsonOption, err, out, print_result, print_table, printable
from hartonomous_service.errors import Invalid


def add_commands(app: typer.Typer) -> None:
    """Add the command of this module to the app."""
    app.command(context_settings={"ignore_unknown_options": True})(sql)  # a text may begin with a comment: -- …


def sql(
    text: Annotated[
        str | None,
        typer.Argument(
            help="SQL in the dialect of SQLite, or T-SQL as people write it for quick checks; - reads it from stdin."
        ),
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", help="Read the text from this file.")] = None,
    write: Annotated[bool, typer.Option("--write", help="Allow the statements to change data.")] = False,
    limit: Annotated[
        int, typer.Option("-n", "--limit", min=1, max=1_000_000, help="Show at most so many rows.")
    ] = 1000,
    seconds: Annotated[float, typer.Option(min=0.1, help="Give up after so many seconds.")] = 60.0,
    as_json: JsonOption = False,
) -> None:
    """Run SQL against the database, read-only unless --write is given; it reads the data of all tenants.

    Semicolons separate statements; a line that holds only GO separates batches.
    """
    if (text is None) == (file is None):
        raise typer.BadParameter("give the text, or - for stdin, or --file FILE")
    if file is not None:
        text = _decode(file.read_bytes(), str(file))
    elif text == "-":
        text = _decode(sys.stdin.buffer.read(), "stdin")
    from hartonomous_service.sql_console import run_sql

    result = run_sql(Settings(), text or "", write=write, limit=limit, seconds=seconds)
    print_result(result, as_json, _show)


def _decode(data: bytes, name: str) -> str:
    """Decode a script: UTF-8, or UTF-16 where the first bytes say so, as SQL Server's tools often write it."""
    encoding = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise Invalid(f"{name}: not {encoding.removesuffix('-sig').upper()} at byte {error.start}") from error


def _show(document: Any) -> None:
    for result in document["results"]:
        columns = {str(place): printable(name) for place, name in enumerate(result["columns"])}  # two may have one name
        print_table("rows", [dict(zip(columns, row, strict=True)) for row in result["rows"]], columns)
    if document["truncated"]:
        err.print("there are more rows: --limit shows them")
    if not document["columns"]:
        out.print(f"{document['rowsChanged']:,} row{'s' * (document['rowsChanged'] != 1)} changed")
