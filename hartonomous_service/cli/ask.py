"""Commands that read: search, places, lineage, reconstruct, verify."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from hartonomous_service.cli.hit_output import show_search
from hartonomous_service.cli.lineage_commands import lineage
from hartonomous_service.cli.lineage_commands import show_lineage as show_lineage
from hartonomous_service.cli.output import (
    AllTenantsOption,
    JsonOption,
    LimitOption,
    SkipOption,
    TenantOption,
    cell_text,
    choose_tenant,
    err,
    open_home,
    out,
    print_page,
    print_result,
    printable,
)
from hartonomous_service.cli.progress_line import show_progress
from hartonomous_service.errors import Invalid

SourceArgument = Annotated[
    int, typer.Argument(max=2**63 - 1, help="Id of a source, as `hartonomous sources list` shows it.")
]


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this module to the app."""
    app.command()(search)
    app.command()(places)
    app.command()(lineage)
    app.command()(reconstruct)
    app.command()(verify)


def search(
    text: Annotated[
        str | None,
        typer.Argument(help="What to look for; --mode spatial also takes a point or a box.", show_default=False),
    ] = None,
    like: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Find what looks like this picture: PNG, JPEG, GIF, WebP, TIFF or BMP."),
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, max=1000, help="How many results.")] = 10,
    mode: Annotated[
        Literal["hybrid", "semantic", "lexical", "spatial"],
        typer.Option(help="Search by meaning, by words, or by both; or by place in 3-D."),
    ] = "hybrid",
    modality: Annotated[
        Literal["text", "image", "audio", "video", "code"] | None,
        typer.Option(help="Find only atoms of this modality."),
    ] = None,
    source: Annotated[
        int | None, typer.Option(max=2**63 - 1, help="Find only what stands in this source, given by its id.")
    ] = None,
    uri: Annotated[
        str | None,
        typer.Option(
            metavar="PREFIX", help="Find only what stands in sources whose uri begins so, or in files within them."
        ),
    ] = None,
    content_type: Annotated[
        str | None, typer.Option(help="Find only what stands in sources of this type, such as text/csv or text/*.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="… in sources received at or after this date or time, in UTC if it does not say."
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="… in sources received before this date or time.")
    ] = None,
    metadata: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="… in sources whose metadata hold this; may be given several times."),
    ] = None,
    at: Annotated[
        str | None, typer.Option(metavar="X,Y,Z", help="With --mode spatial: find what is nearest to this point.")
    ] = None,
    box: Annotated[
        str | None,
        typer.Option(metavar="X0,Y0,Z0,X1,Y1,Z1", help="With --mode spatial: find only what lies in this box."),
    ] = None,
    radius: Annotated[
        float | None,
        typer.Option(
            help="With --mode spatial: find only what is no farther than this from the text, point or middle of the box."
        ),
    ] = None,
    context: Annotated[
        int,
        typer.Option(min=0, max=10, help="Show so many texts before and after each result, in each of its sources."),
    ] = 0,
    group: Annotated[Literal["source"] | None, typer.Option(help="Show one result a source, the best of each.")] = None,
    highlight: Annotated[
        bool, typer.Option("--highlight/--no-highlight", help="Mark in each result the sentence that answers.")
    ] = True,
    record: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Record an inference: this model was given the results.")
    ] = None,
    task: Annotated[str | None, typer.Option(help="With --record: what the model was asked to do.")] = None,
    tenant: TenantOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Find atoms, and show the sources and byte offsets where each occurs."""
    from hartonomous_service.search import search as search_atoms
    from hartonomous_service.search import search_like
    from hartonomous_service.search.look_alikes import MOST_BYTES
    from hartonomous_service.search.regions import read_coordinates

    if task is not None and record is None:
        raise typer.BadParameter("--task says what a model was asked to do: give --record MODEL, too")
    if like is not None:
        _require_no_question(
            {
                "some words": text is not None,
                "--mode": mode != "hybrid",
                "--modality": modality not in (None, "image"),
                "--record": record is not None,
                "--context": context > 0,
                "--at": at is not None,
                "--box": box is not None,
                "--radius": radius is not None,
                "--no-highlight": not highlight,
            }
        )
    elif text is None and (mode != "spatial" or (at is None and box is None)):
        raise typer.BadParameter("give some words to search for; --mode spatial also takes --at or --box")
    of_sources: dict[str, Any] = {
        "source_id": source,
        "uri_prefix": uri,
        "content_type": content_type,
        "received_since": since,
        "received_until": until,
        "metadata": _read_metadata(metadata or []) or None,
        "group": group,
    }
    with open_home() as resources:
        if like is not None:
            result = search_like(resources, _read_picture(like, MOST_BYTES), tenant=tenant, k=k, **of_sources)
        else:
            result = search_atoms(
                resources,
                text,
                tenant=tenant,
                k=k,
                mode=mode,
                modality=modality,
                at=None if at is None else read_coordinates(at, "at"),
                box=None if box is None else read_coordinates(box, "box"),
                radius=radius,
                context=context,
                highlight=highlight,
                record_for=record,
                task=task,
                **of_sources,
            )
    narrowed = {
        "--modality": modality,
        "--source": source,
        "--uri": uri if uri is None or ":" in uri else f"{uri}: a uri begins with file:///…",
        "--content-type": content_type,
        "--since": since,
        "--until": until,
        "--metadata": " ".join(metadata or []) or None,
        "--box": box,
        "--radius": radius,
    }
    options = [f"{option} {value}" for option, value in narrowed.items() if value is not None]
    print_result(result, as_json, lambda found: show_search(found, options))


def _read_picture(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(most + 1)
    except OSError as error:
        raise Invalid(f"{printable(str(path))}: {error.strerror}", argument="picture") from error


def _require_no_question(given: Mapping[str, bool]) -> None:
    for what, is_given in given.items():
        if is_given:
            raise typer.BadParameter(f"--like compares pictures with a file: {what} cannot be given with it")


def _read_metadata(given: list[str]) -> dict[str, str]:
    read: dict[str, str] = {}
    for pair in given:
        key, separator, value = pair.partition("=")
        if not key or not separator:
            raise typer.BadParameter(f"--metadata {printable(pair)}: give KEY=VALUE")
        if read.setdefault(key, value) != value:
            raise typer.BadParameter(f"--metadata {printable(key)} is given with two values: no source holds both")
    return read


def places(
    atom_hash: Annotated[
        str,
        typer.Argument(
            metavar="HASH", help="SHA-256 of an atom, as `hartonomous search` shows it, or its first 8 digits or more."
        ),
    ],
    limit: LimitOption = 100,
    skip: SkipOption = 0,
    tenant: TenantOption = 0,
    as_json: JsonOption = False,
) -> None:
    """List the places where an atom occurs: sources and byte offsets."""
    from hartonomous_service.search import list_places

    with open_home() as resources:
        result = list_places(resources, atom_hash, tenant=tenant, limit=limit, skip=skip)
    columns = {
        "sourceId": "source",
        "byteOffset": "offset",
        "byteLength": "bytes",
        "locator": "place",
        "sourceUri": "uri",
    }
    print_result(result, as_json, lambda document: print_page("places", document, "places", columns))


def show_fields(document: Any) -> None:
    """Print each field of a document on a line of its own."""
    width = max(map(len, document))
    for key, value in document.items():
        out.print(f"{key:<{width}}  {cell_text(value)}")


def reconstruct(
    source_id: SourceArgument,
    output: Annotated[str, typer.Option("-o", "--output", help="File to write; - for stdout.")],
    tenant: TenantOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Rebuild a source byte for byte from its atoms, and check its hash."""
    from hartonomous_service.source_records import reconstruct as rebuild
    from hartonomous_service.source_records import reconstruct_file

    if as_json and output == "-":
        raise Invalid("- and --json both want stdout; choose a file for one of them", argument="output")
    with open_home() as resources, show_progress("rebuilding") as line:
        if output == "-":
            for piece in rebuild(resources, source_id, tenant=tenant, progress=line.show_bytes):
                sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
            return
        result = reconstruct_file(resources, source_id, output, tenant=tenant, progress=line.show_bytes)
    print_result(result, as_json, _show_rebuilt)


def _show_rebuilt(result: Any) -> None:
    where = printable(result["file"])
    out.print(f"source {result['sourceId']} rebuilt, {result['byteLength']:,} bytes, hash proven: {where}")


def verify(
    source_id: Annotated[
        int | None, typer.Argument(max=2**63 - 1, help="Verify one source; without it, all sources and all invariants.")
    ] = None,
    graph: Annotated[bool, typer.Option("--graph", help="Look only at the graph; compare a copy in Neo4j.")] = False,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair", help="With --graph: write what the graph lacks, remove what the database no longer holds."
        ),
    ] = False,
    everything: Annotated[
        bool,
        typer.Option(
            "--everything",
            help="With --repair: also write hours that agree, for not every property is compared.",
        ),
    ] = False,
    tenant: TenantOption = 0,
    all_tenants: AllTenantsOption = False,
    as_json: JsonOption = False,
) -> None:
    """Check that every source rebuilds to its hash and that the invariants hold."""
    from hartonomous_service.graph_repair import verify_graph
    from hartonomous_service.source_records import verify_sources

    if repair and not graph:
        raise typer.BadParameter("--repair is for the graph: give --graph, too")
    if everything and not repair:
        raise typer.BadParameter("--everything says how much is repaired: give --repair, too")
    if graph and source_id is not None:
        raise typer.BadParameter("--graph compares whole hours: give no source id")
    with open_home() as resources, show_progress("verifying") as line:
        whose = choose_tenant(tenant, all_tenants)
        if graph:
            result = verify_graph(
                resources, tenant=whose, repair=repair, everything=everything, progress=line.show_hours
            )
        else:
            result = verify_sources(resources, source_id, tenant=whose, progress=line.show_bytes)
    print_result(result, as_json, _show_verified)
    if result["failed"]:
        raise typer.Exit(1)


def _show_verified(result: Any) -> None:
    for item in result["failed"]:
        what = f"source {item['sourceId']}" if "sourceId" in item and "invariant" not in item else item["invariant"]
        err.print(f"failed: {what}: {printable(item['error'])}", soft_wrap=True)
    for remedy in dict.fromkeys(item["remedy"] for item in result["failed"] if "remedy" in item):
        err.print(f"`{remedy}` makes the graph what the database says", soft_wrap=True)
    plural = "s" * (result["checked"] != 1)
    of_graph = f"hours, and what has no hour, of {result['tenants']:,} tenants" if "tenants" in result else None
    if "note" in result:
        out.print(printable(result["note"]), soft_wrap=True)
    failed = f"{'at least ' if result.get('truncated') else ''}{len(result['failed']):,} failed"
    out.print(f"{result['checked']:,} {of_graph or f'source{plural}'} checked, {failed}")
    if any((repaired := result.get("repaired", {})).values()):
        written = f"{repaired['nodes']:,} nodes and {repaired['edges']:,} edges written"
        out.print(f"repaired: {written}, {repaired['removed']:,} nodes removed")
