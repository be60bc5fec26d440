"""The command `sql`."""

from typing import Annotated, Any

import typer

from hartonomous_resources.settings import Settings
from hartonomous_service.cli.output import JsonOption, emit, opened, out, printable, table


def add_commands(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command()(sql)


def sql(
    text: Annotated[str, typer.Argument(help="SQL of SQLite, or T-SQL of the kind people use for quick checks.")],
    write: Annotated[bool, typer.Option("--write", help="Allow the statements to change data.")] = False,
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, max=1_000_000, help="Rows at the most.")] = 1000,
    seconds: Annotated[float, typer.Option(min=0.1, help="Give up after so long.")] = 60.0,
    as_json: JsonOption = False,
) -> None:
    """Run SQL against the database, read-only unless --write is given. Sees all tenants."""
    settings = Settings()
    if settings.uses_sqlserver:
        from hartonomous_service.sqlserver_console import run_sql_on_server

        result = run_sql_on_server(settings, text, write=write, n=limit, seconds=seconds)
    else:
        from hartonomous_service.sql_console import run_sql

        with opened() as resources:
            result = run_sql(resources.settings, text, write=write, n=limit, seconds=seconds)

    def show(document: Any) -> None:
        if document["columns"]:
            rows = [dict(zip(document["columns"], row, strict=True)) for row in document["rows"]]
            table("rows", rows, {name: printable(name) for name in document["columns"]})
        else:
            out.print(f"{document['rowsChanged']:,} rows changed")

    emit(result, as_json, show)
