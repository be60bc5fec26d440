"""Commands that record, list and show inferences."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from hartonomous_service.cli.output import (
    AllTenantsOption,
    CountOption,
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
from hartonomous_service.errors import Invalid


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this module to the app."""
    inferences = typer.Typer(help="Record what models were given and what they answered.", no_args_is_help=True)
    inferences.command("record")(inferences_record)
    inferences.command("list")(inferences_list)
    inferences.command("show")(inferences_show)
    app.add_typer(inferences, name="inferences")


def inferences_record(
    file: Annotated[Path | None, typer.Option("--file", help="Read this file instead of stdin.")] = None,
    tenant: TenantOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Record inferences from stdin, which holds one JSON object, or one a line: model, inputAtoms, outputTexts, …

    Further fields: inferenceId, task, outputAtoms, startedAt, durationMs, metadata.
    """
    from hartonomous_service.inferences import record_lines

    content = sys.stdin.buffer.read() if file is None else file.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid(f"{file or 'stdin'}: not UTF-8 at byte {error.start}; give JSON in UTF-8") from error
    with open_home(make=True) as resources:
        result = record_lines(resources, text, tenant=tenant)
    print_result(result, as_json, _show_recorded)
    for item in result["refused"]:
        err.print(f"refused: line {item['line']}: {printable(item['error'])}", soft_wrap=True)
    if result["refused"]:
        raise typer.Exit(1)


def _show_recorded(result: Any) -> None:
    for item in result["recorded"]:
        unknown = f", {len(item['unknownAtoms']):,} of them not here yet" if item["unknownAtoms"] else ""
        out.print(
            f"inference {printable(item['inferenceId'])}: {printable(item['model'])} was given "
            f"{len(item['inputAtoms']):,} atoms{unknown}, and produced {len(item['outputAtoms']):,}"
        )
        for digest in item["outputAtoms"]:
            out.print(f"      atom {digest}")


def inferences_list(
    model: Annotated[str | None, typer.Option(help="List only inferences of this model.")] = None,
    limit: LimitOption = 100,
    skip: SkipOption = 0,
    count: CountOption = False,
    tenant: TenantOption = 0,
    all_tenants: AllTenantsOption = False,
    as_json: JsonOption = False,
) -> None:
    """List inferences, the latest first."""
    from hartonomous_service.recorded_inferences import list_inferences

    with open_home() as resources:
        result = list_inferences(
            resources, tenant=choose_tenant(tenant, all_tenants), model=model, limit=limit, skip=skip, count=count
        )
    columns = {
        "inferenceId": "inference",
        "model": "model",
        "task": "task",
        "inputAtomCount": "given",
        "outputAtomCount": "produced",
        "createdAt": "recorded",
    }
    print_result(result, as_json, lambda document: print_page("inferences", document, "inferences", columns))


def inferences_show(
    inference_id: Annotated[
        str, typer.Argument(metavar="ID", help="Id of an inference, as `hartonomous inferences list` shows it.")
    ],
    tenant: TenantOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Show one inference: the atoms that the model was given, and those that it produced."""
    from hartonomous_service.recorded_inferences import show_inference

    with open_home() as resources:
        result = show_inference(resources, inference_id, tenant=tenant)
    print_result(result, as_json, _show_inference)


def _show_inference(inference: Any) -> None:
    for key in ("inferenceId", "model", "task", "startedAt", "durationMs", "createdAt"):
        out.print(f"{key:<11}  {cell_text(inference[key])}")
    for heading, key in (("given", "inputAtoms"), ("produced", "outputAtoms")):
        out.print(f"{heading}:")
        for atom in inference[key]:
            what = printable(atom["text"] or "(no text)") if atom["isHere"] else "(not here yet)"
            out.print(f"  {atom['atomHash'][:12]}  {what}")
