"""Commands that show, add, activate and drop embedding models."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

import typer

from hartonomous_core.embedders import Engine, Precision
from hartonomous_resources.resources import Resources
from hartonomous_service.cli.output import JsonOption, err, open_home, out, print_result, print_table, printable
from hartonomous_service.cli.pace import STEADY_SECONDS, Pace, describe_waiting
from hartonomous_service.cli.progress_line import ProgressLine, show_progress
from hartonomous_service.cli.weight_commands import models_compare
from hartonomous_service.errors import ServiceError

ModelArgument = Annotated[
    str, typer.Argument(metavar="MODEL", help="Id of a model, or its name, as the list shows them.")
]

_COLUMNS = {
    "modelId": "model",
    "name": "name",
    "precision": "precision",
    "engine": "engine",
    "dimension": "dimension",
    "state": "state",
    "vectors": "vectors",
    "bytesOnDisk": "bytes on disk",
    "since": "since",
}


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this module to the app."""
    models = typer.Typer(
        help="Show, add, activate and drop embedding models, side by side; compare weights.", no_args_is_help=True
    )
    models.command("list")(models_list)
    models.command("add")(models_add)
    models.command("activate")(models_activate)
    models.command("drop")(models_drop)
    models.command("compare")(models_compare)
    app.add_typer(models, name="models")


def models_list(as_json: JsonOption = False) -> None:
    """List the models of the home, which all tenants share, and what each does."""
    from hartonomous_service.embedding_models import list_models

    with open_home() as resources:
        result = list_models(resources)
    print_result(result, as_json, lambda found: print_table("models", [*map(_in_words, found["models"])], _COLUMNS))


def models_add(
    model: Annotated[
        str,
        typer.Argument(
            metavar="NAME|PATH", help="A model as HARTONOMOUS_TEXT_MODEL names it; with --api its name there."
        ),
    ],
    precision: Annotated[Precision, typer.Option(help="Of a model of this machine: int8, fp16 or fp32.")] = "int8",
    engine: Annotated[Engine, typer.Option(help="What computes it: as HARTONOMOUS_TEXT_ENGINE.")] = "native",
    api: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="The server that embeds, as HARTONOMOUS_API_URL; its key is in HARTONOMOUS_API_KEYS."
        ),
    ] = None,
    price: Annotated[float | None, typer.Option(min=0, help="With --api, what a million tokens cost there.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only find and try it, and say what it would take.")
    ] = False,
    fill: Annotated[
        bool,
        typer.Option(
            "--fill", help="Wait until it has all that is there; without a daemon, this command does the work."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Add a model beside those that are there, and queue all atoms for it. Searches go on with the one that answers."""
    from hartonomous_service.embedding_models import add_model, count_missing, list_models
    from hartonomous_service.progress import telling_progress

    with open_home(make=True) as resources:
        with show_progress(f"trying {model}") as line:
            added = add_model(
                resources,
                model,
                precision=precision,
                engine=engine,
                api_url=api,
                api_price=price,
                dry_run=dry_run,
                report=lambda queued: line.say(f"queued {queued:,}"),
            )
        err.print(_estimate_in_words(added["estimate"]), soft_wrap=True)
        stages: dict[str, str] = {}
        if fill and not dry_run:
            pace = Pace(least_seconds=STEADY_SECONDS)
            with (
                show_progress("filling") as line,
                telling_progress(
                    partial(count_missing, resources),
                    lambda left: line.show(describe_waiting(f"{left:,} embeddings wait", left, pace)),
                ),
            ):
                stages = _fill(resources, line)
            shown = [each for each in list_models(resources)["models"] if each["modelId"] == added["model"]["modelId"]]
            added = {**added, "model": shown[0]}
        added["stages"] = stages
    print_result(added, as_json, _show_added)
    if stages:
        raise typer.Exit(1)


def _fill(resources: Resources, line: ProgressLine) -> dict[str, str]:
    from hartonomous_service.embedding_models import fill_models

    try:
        return fill_models(resources, report=line.say)
    except KeyboardInterrupt as interruption:
        raise ServiceError(
            "interrupted; what is queued waits: the same command again, `hartonomous ingest` or `dev` goes on with it"
        ) from interruption


def models_activate(
    model: ModelArgument,
    partial_vectors: Annotated[
        bool, typer.Option("--partial", help="Although it does not have all vectors yet.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Have a model answer questions, from the next one on, in every process. The one before stays filled, to switch back."""
    from hartonomous_service.embedding_models import activate_model

    with open_home() as resources:
        result = activate_model(resources, model, partial_vectors=partial_vectors)
    print_result(result, as_json, lambda row: out.print(f"{_named(row)} answers"))


def models_drop(model: ModelArgument, as_json: JsonOption = False) -> None:
    """Delete a model's vectors, positions, jobs and files of the search matrix. The model's own files stay where they are."""
    from hartonomous_service.embedding_models import drop_model

    with open_home() as resources, show_progress(f"dropping {model}") as line:
        result = drop_model(resources, model, report=lambda deleted: line.say(f"{deleted:,} vectors are deleted"))
    print_result(result, as_json, lambda row: out.print(f"{_named(row)}: {row['vectors']:,} vectors are deleted"))


def _in_words(model: Mapping[str, Any]) -> dict[str, Any]:
    state = model["state"]
    if state in ("filling", "answers") and model["filled"] < 1:
        state = f"{state} {100 * model['filled']:.0f}%"
    if model["failed"]:
        state = f"{state}, {model['failed']:,} failed"
    return {**model, "state": state, "since": model["answersSince"] or model["createdAt"]}


def _named(model: Mapping[str, Any]) -> str:
    return f"model {model['modelId']}, {printable(model['name'])}"


def _show_added(added: Mapping[str, Any]) -> None:
    if added["model"] is None:
        return
    shown = _in_words(added["model"])
    out.print(f"{_named(shown)} ({shown['precision']}, {shown['engine']}): {shown['state']}")
    for stage, reason in added["stages"].items():
        err.print(f"stage {stage}: {printable(reason)}", soft_wrap=True)


def _estimate_in_words(estimate: Mapping[str, Any]) -> str:
    said = f"{estimate['atoms']:,} atoms to embed, some {estimate['tokens']:,} tokens"
    if estimate["seconds"] is not None:
        said += f": {estimate['seconds']:,.0f} s at {estimate['textsPerSecond']:,} a second"
    return said if estimate["cost"] is None else f"{said}, for {estimate['cost']:,.4f}"
