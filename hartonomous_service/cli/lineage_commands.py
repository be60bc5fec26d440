"""The command `lineage`: the lineage of a node, its impact, and the path between two nodes."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from hartonomous_service.cli.output import JsonOption, TenantOption, open_home, out, print_result, printable
from hartonomous_service.lineage.node_text import node_name, nodes_with_edge_ends
from hartonomous_service.output_files import resolve_output_file

if TYPE_CHECKING:
    from hartonomous_resources.graph.protocol import Direction

NAME = "HASH|SOURCE_ID|LABEL:KEY"
LIMIT = 1000
LIMIT_OF_TEXT = 50
LIMIT_OF_PICTURES = 100
"""As many as a person can take in; Mermaid refuses more than 500 edges."""
_PATH_DEPTH = 20


def lineage(
    name: Annotated[
        str,
        typer.Argument(
            metavar=NAME,
            help="SHA-256 of an atom (or its first 8 digits or more), id of a source, or any node, as in Run:KEY.",
        ),
    ],
    upstream: Annotated[bool, typer.Option("--upstream", help="Show only where it came from.")] = False,
    downstream: Annotated[bool, typer.Option("--downstream", help="Show only what was made from it.")] = False,
    depth: Annotated[
        int | None,
        typer.Option(
            min=1, max=20, help=f"Follow so many edges in each direction; by default 4, for a path {_PATH_DEPTH}."
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=100_000,
            help=f"Show at most so many nodes; by default {LIMIT_OF_TEXT} as text, {LIMIT_OF_PICTURES} as a picture, else {LIMIT:,}.",
        ),
    ] = None,
    after: Annotated[
        str | None, typer.Option(metavar="NEXT", help="Go on after a page, with what that says as its next.")
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Show only what existed at this ISO 8601 time; without a zone it is UTC."),
    ] = None,
    impact: Annotated[
        bool,
        typer.Option(
            "--impact",
            help="Show everything that depends on it, at any distance: what its removal or replacement would affect.",
        ),
    ] = False,
    to: Annotated[
        str | None,
        typer.Option(
            metavar=NAME, help="Show the shortest path to this node; that there is none is an answer, too: exit 0."
        ),
    ] = None,
    how: Annotated[
        Literal["text", "json", "mermaid", "dot", "prov-json", "svg"] | None,
        typer.Option(
            "--format", help="Format of the output: text for people, svg for a picture, the others for programs."
        ),
    ] = None,
    output: Annotated[str | None, typer.Option("-o", "--output", help="Write this file instead of stdout.")] = None,
    tenant: TenantOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Show where an atom, a source or an answer came from, and what was made from it."""
    if as_json and how not in (None, "json"):
        raise typer.BadParameter(f"--json and --format {how} want different things: give one of them")
    how = "json" if as_json else how or "text"
    if upstream and downstream:
        raise typer.BadParameter(
            "--upstream and --downstream together are what is asked without them: give one, or none"
        )
    if output is not None and how == "text":
        raise typer.BadParameter("-o takes a format for programs or a picture: give --format, too")
    if impact and (upstream or downstream or depth or after or as_of or to):
        raise typer.BadParameter(
            "--impact is all that is downstream now: of the other questions only --limit goes with it"
        )
    if impact and how not in ("text", "json"):
        raise typer.BadParameter(f"--impact gives counts and nodes without edges: text or json, not {how}")
    if to is not None and (upstream or downstream or limit or after):
        raise typer.BadParameter("--to asks for a path: only --depth and --as-of go with it")

    from hartonomous_service.lineage import queries

    direction: Direction = "upstream" if upstream else "downstream" if downstream else "both"
    limit = limit or {"text": LIMIT_OF_TEXT, "json": LIMIT, "prov-json": LIMIT}.get(how, LIMIT_OF_PICTURES)
    with open_home() as resources:
        if impact:
            result = queries.find_impact(resources, name, tenant=tenant, limit=limit)
        elif to is not None:
            result = queries.find_path(resources, name, to, tenant=tenant, depth=depth or _PATH_DEPTH, as_of=as_of)
        else:
            query = queries.LineageQuery(name, tenant, depth or 4, limit, direction, as_of, after)
            result = queries.find_lineage(resources, query)
    if how == "text":
        (show_impact if impact else show_path if to is not None else show_lineage)(result)
    elif how == "json" and output is None:
        print_result(result, True, show_lineage)
    else:
        from hartonomous_service.lineage.formats import render

        _write(render(result, how), output)


def _write(text: str, output: str | None) -> None:
    if output is None or output == "-":
        typer.echo(text.encode(), nl=False)  # what reads a format expects UTF-8, whatever stdout is
        return
    resolve_output_file(output).write_text(text, encoding="utf-8")


def show_lineage(result: Any) -> None:
    """Print a page of a lineage: an edge a line, in the order of the nodes that they bring in."""
    names = {node["id"]: node_name(node) for node in nodes_with_edge_ends(result)}
    place = {node["id"]: n for n, node in enumerate(result["nodes"])}

    def order(edge: Any) -> tuple[int, int, str]:
        nearer, further = sorted((place.get(edge["from"], -1), place.get(edge["to"], -1)))
        return further, nearer, edge["type"]

    for edge in sorted(result["edges"], key=order):
        out.print(f"{names[edge['from']]}  --{edge['type']}-->  {names[edge['to']]}")
    if not result["nodes"]:
        out.print("nothing is left to show")
    elif not result["edges"]:
        alone = "" if result["truncated"] else ": nothing is linked to it"
        out.print(f"{names[result['nodes'][0]['id']]}{alone}")
    if result["truncated"]:
        out.print(f"… and there are more: --after {result['next']} shows the next, --limit N more at once")


def show_path(result: Any) -> None:
    """Print a path: a node a line, and between two nodes the edge that joins them."""
    if not result["nodes"]:
        out.print("no path joins them within --depth")
    for node, edge in zip(result["nodes"], [None, *result["edges"]], strict=False):
        if edge is not None:
            out.print(f"  {'<--' if edge['from'] == node['id'] else '-->'} {edge['type']}")
        out.print(node_name(node))


def show_impact(result: Any) -> None:
    """Print an impact: the counts, then the nearest nodes."""
    if not result["counts"]:
        out.print(f"{printable(result['node'])}: nothing depends on it")
        return
    out.print("affected: " + ", ".join(f"{n:,} {label}" for label, n in result["counts"].items()))
    if result["node"].startswith("Source:"):
        out.print(f"atoms that no other source holds: {result['onlyHere']:,}")
    for node in result["nodes"]:
        out.print(f"  {node_name(node)}")
    if result["truncated"]:
        out.print("  … and there are more: --limit N shows N of them")
