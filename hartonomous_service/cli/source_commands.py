"""The commands `sources`: those that are there, one by one, and one in its viewer."""

from typing import Annotated, Any, Literal

import typer

from hartonomous_service.cli.ask import SourceArgument, show_fields
from hartonomous_service.cli.output import (
    AllTenantsOption,
    CountOption,
    JsonOption,
    LimitOption,
    SkipOption,
    TenantOption,
    choose_tenant,
    open_home,
    out,
    print_page,
    print_result,
    printable,
)
from hartonomous_service.cli.places_in_words import describe_locator


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this module to the app."""
    sources = typer.Typer(help="List, show, open and withdraw sources.", no_args_is_help=True)
    sources.command("list")(sources_list)
    sources.command("show")(sources_show)
    sources.command("open")(sources_open)
    sources.command("withdraw")(sources_withdraw)
    app.add_typer(sources, name="sources")


def sources_list(
    status: Annotated[
        Literal["Landed", "Atomizing", "Atomized", "DeadLettered"] | None,  # nothing is Erased yet
        typer.Option(help="List only sources of this status."),
    ] = None,
    uri: Annotated[
        str | None,
        typer.Option(metavar="PREFIX", help="List only sources whose uri begins so, and what was found in them."),
    ] = None,
    limit: LimitOption = 100,
    skip: SkipOption = 0,
    count: CountOption = False,
    tenant: TenantOption = 0,
    all_tenants: AllTenantsOption = False,
    as_json: JsonOption = False,
) -> None:
    """List sources, the latest first."""
    from hartonomous_service.source_records import list_sources

    with open_home() as resources:
        whose = choose_tenant(tenant, all_tenants)
        result = list_sources(
            resources, tenant=whose, status=status, uri_prefix=uri, limit=limit, skip=skip, count=count
        )
    columns = {
        "sourceId": "source",
        "version": "version",
        "status": "status",
        "contentType": "type",
        "searchable": "searchable",
        "byteLength": "bytes",
        "atomCount": "atoms",
        "newAtomCount": "new",
        "supersededBy": "superseded by",
        "sourceUri": "uri",
    }
    print_result(
        result, as_json, lambda document: print_page("sources", _searchable_as_words(document), "sources", columns)
    )


def _searchable_as_words(document: Any) -> Any:
    words = {True: "yes", False: "no"}
    return {**document, "sources": [{**row, "searchable": words[row["searchable"]]} for row in document["sources"]]}


def sources_show(
    source_id: SourceArgument,
    tenant: TenantOption = 0,
    all_tenants: AllTenantsOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show one source."""
    from hartonomous_service.source_records import show_source

    with open_home() as resources:
        result = show_source(resources, source_id, tenant=choose_tenant(tenant, all_tenants))
    print_result(result, as_json, show_fields)


def sources_open(
    source_id: SourceArgument,
    page: Annotated[int | None, typer.Option(min=1, help="Open a PDF at this page, in a browser.")] = None,
    atom: Annotated[
        str | None,
        typer.Option(metavar="HASH", help="Open it where this atom stands, as `hartonomous search` shows its hash."),
    ] = None,
    tenant: TenantOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Open a source in its viewer: its file if that has not changed, else a copy rebuilt from its atoms."""
    from hartonomous_service.viewed_sources import open_source

    if page is not None and atom is not None:
        raise typer.BadParameter("--atom says the page: give one of --page and --atom")
    with open_home() as resources:
        result = open_source(resources, source_id, page=page, atom=atom, tenant=tenant)
    print_result(result, as_json, _show_opened)


def _show_opened(result: Any) -> None:
    what = "a copy of it" if result["isCopy"] else "its file"
    opened = f"opened by {result['openedWith']}" if result["openedWith"] else "not opened"
    note = f" ({result['note']})" if result["note"] else ""
    if result["file"]:
        out.print(f"source {result['sourceId']}, {what}: {printable(result['file'])}")
    out.print(printable(f"{opened}{note}"))
    if not result["file"]:
        out.print(f"`hartonomous reconstruct {result['sourceId']} -o FILE` writes its bytes")
    place = describe_locator(result["locator"] or {}) or (f"page {result['page']}" if result["page"] else "")
    if place and (result["note"] or result["openedWith"] is None or result["page"] is None):
        out.print(f"go to {place}")


def sources_withdraw(source_id: SourceArgument, tenant: TenantOption = 0, as_json: JsonOption = False) -> None:
    """Withdraw a source that is not atomized yet: it becomes a dead letter, which can be replayed or discarded."""
    from hartonomous_service.withdrawals import withdraw_source

    with open_home() as resources:
        result = withdraw_source(resources, source_id, tenant=tenant)
    print_result(result, as_json, show_fields)
