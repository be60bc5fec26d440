"""The calls that show, add, activate and drop embedding models side by side. Models are of the whole home: every tenant has the same."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, NamedTuple

from pydantic import Field

from hartonomous_core.embedders import Engine, Precision
from hartonomous_resources.compute.model_source import ModelSource, local_source
from hartonomous_resources.compute.own_models import own_model
from hartonomous_resources.compute.protocol import ComputeUnavailable
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.embedding_rows import EMBEDDING_MODELS, KnownEmbeddingModel
from hartonomous_resources.database.transactions import ask, transact
from hartonomous_resources.resources import Resources
from hartonomous_resources.settings import ApiUrl
from hartonomous_resources.work.added_models import (
    NothingAnswers,
    add_embedding_model,
    added_models,
    counts_of,
    keep_settings_models,
    let_answer,
    load_added_model,
    queue_for_model,
)
from hartonomous_resources.work.dropping_models import clear_dropped_model, dropped_models, mark_dropped
from hartonomous_service.arguments import Name, checked
from hartonomous_service.errors import Conflict, Invalid, NotFound, Unavailable
from hartonomous_service.model_check import active_text_models, describe_difference
from hartonomous_service.model_estimate import estimate
from hartonomous_service.models_in_use import answering_by_settings, engine_of, settings_models
from hartonomous_service.named_text_models import find_text_models

Reached = Callable[[int], None]
Report = Callable[[str], None]


class _Found(NamedTuple):
    """What a model has, and lacks."""

    vectors: int
    waiting: int
    failed: int
    unqueued: int
    index_bytes: int

    @property
    def filled(self) -> float:
        lacking = self.waiting + self.failed + self.unqueued
        return self.vectors / (self.vectors + lacking) if lacking else 1.0

    @property
    def is_something(self) -> bool:
        return any((self.vectors, self.waiting, self.failed, self.index_bytes))


@checked
def list_models(resources: Resources, *, counted: bool = True) -> dict[str, Any]:
    """Show the embedding models of all tenants, in `models`. `chosenBy` is settings until the first one is added, then database.

    `state` is answers (it is the one that questions are compared by), ready, filling, incomplete (`failed` of its jobs were given up), idle (its
    vectors are here, nothing is done by it) or dropping. `filled` is the part of the atoms that it has, from 0 to 1.
    Not `counted`, what takes a count is None, also a state that does, and models that were dropped are left out.
    """
    shown, database_chooses = _show_models(resources, list, counted=counted)
    return {"models": shown, "chosenBy": "database" if database_chooses else "settings"}


@checked
def add_model(
    resources: Resources,
    model: Name,
    *,
    precision: Precision = "int8",
    engine: Engine = "native",
    api_url: ApiUrl | None = None,
    api_price: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None,
    dry_run: bool = False,
    report: Reached = lambda _queued: None,
) -> dict[str, Any]:
    """Add a text model beside those that are there: by name, by the path of its files, or with `api_url` by its name at that server.

    It is found and tried first: `estimate` says what embedding all atoms will take. With `dry_run` nothing else is done. Then all atoms are
    queued for it (`queued` counts them, `report` is told meanwhile), and runs embed them, while questions go on being answered as before. The
    same model again goes on where it was cut off. A price is what a million tokens cost; without one, that of the settings counts.

    Raises Unavailable where the model cannot be had; Conflict where vectors are here already, and the settings name no model of theirs.
    """
    source = (
        ModelSource(model, api_url=api_url, api_price=api_price)
        if api_url is not None
        else local_source(model, precision, engine)
    )
    if api_url is None and api_price is not None:
        raise Invalid("only what an API embeds has a price", argument="api_price")
    identity = resources.compute.find(source)
    price = source.applied_to(resources.settings).api_price if api_url is not None else None
    try:
        estimated = estimate(resources, identity, price)
    except ValueError as error:
        raise Unavailable(f"{source} refuses a text that is here: {error}") from error
    if dry_run:
        return {"model": None, "estimate": estimated, "queued": 0}
    named = settings_models(resources.settings)

    def add(unit_of_work: UnitOfWork) -> int:
        keep_settings_models(unit_of_work, named)
        try:
            return add_embedding_model(unit_of_work, identity, source)
        except NothingAnswers:
            problem = describe_difference([*named.values()], active_text_models(unit_of_work)) if named else None
            raise Conflict(problem or find_text_models(resources.settings).problem or "nothing answers") from None

    for row in ask(resources.database, lambda unit_of_work: unit_of_work.query(EMBEDDING_MODELS)):
        if row["droppedAt"] is not None and row["artifactHash"] == identity.artifact_hash:
            clear_dropped_model(
                resources.database, resources.vectors, row["modelId"]
            )  # else jobs that it gave up come back with it
    model_id = transact(resources.database, add)
    queued = queue_for_model(resources.database, model_id, report)
    return {"model": _find(resources, str(model_id)), "estimate": estimated, "queued": queued}


@checked
def activate_model(resources: Resources, model: Name, *, partial_vectors: bool = False) -> dict[str, Any]:
    """Have a model, by its id or name, answer questions: from the next one on, in every process. The one before stays filled, to switch back.

    Raises Conflict while it lacks vectors, unless `partial_vectors`; Unavailable where it cannot be had.
    """
    row = _find(resources, model)
    if row["state"] == "dropping":
        raise Conflict(f"model {row['modelId']} is being dropped")
    named = settings_models(resources.settings)
    transact(resources.database, partial(keep_settings_models, named=named))
    added = next((each for each in ask(resources.database, added_models) if each["modelId"] == row["modelId"]), None)
    if added is None:
        raise Conflict(f"model {row['modelId']} is none that was added, nor one that the settings name: add it first")
    if row["state"] == "answers":
        return row

    def require_filled(unit_of_work: UnitOfWork) -> None:
        counts = counts_of(unit_of_work, added["modelId"])
        lacking = counts["waiting"] + counts["failed"] + counts["unqueued"]
        if lacking and not partial_vectors:
            raise Conflict(
                f"model {added['modelId']} lacks {lacking:,} vectors, {counts['failed']:,} of them because its jobs failed: what lacks one would "
                "not be found by meaning",
                remedy="activate_partial",
            )

    def switch(unit_of_work: UnitOfWork) -> None:
        require_filled(unit_of_work)
        if not let_answer(unit_of_work, added):
            raise Conflict(f"model {added['modelId']} is being dropped")

    ask(resources.database, require_filled)
    try:
        resources.compute.embed(load_added_model(resources.compute, added), ["probe"])
    except (ComputeUnavailable, ValueError) as error:
        raise Unavailable(f"model {added['modelId']} cannot embed a question: {error}") from error
    transact(resources.database, switch)
    return _find(resources, str(added["modelId"]))


@checked
def drop_model(resources: Resources, model: Name, *, report: Reached = lambda _deleted: None) -> dict[str, Any]:
    """Delete the vectors, positions, jobs and files of a model, by its id or name; `report` is called with how many vectors went.

    Cut off, the same call goes on. Raises Conflict for the one that answers questions, for one that the settings name, for ours of pictures,
    and for one that is added again meanwhile.
    """
    row = _find(resources, model)
    model_id = row["modelId"]
    if row["active"] and row["modality"] != "text":
        raise Conflict(f"model {model_id} comes with Hartonomous, and stays as long as there are pictures")
    by_settings = not ask(resources.database, added_models)
    if row["state"] == "answers" or (by_settings and row["active"]):
        raise Conflict(
            f"model {model_id} answers questions: activate another one first"
            if row["state"] == "answers"
            else f"model {model_id} is one that the settings name: add or activate one first"
        )
    if not transact(resources.database, partial(mark_dropped, model_id=model_id)):
        raise Conflict(f"model {model_id} answers questions now: activate another one first")
    deleted = clear_dropped_model(resources.database, resources.vectors, model_id, report)
    if model_id not in ask(resources.database, dropped_models):
        raise Conflict(f"model {model_id} was added again meanwhile, and stays")
    return {"modelId": model_id, "name": row["name"], "dropped": True, "vectors": deleted}


@checked
def fill_models(resources: Resources, *, report: Report = lambda _message: None) -> dict[str, str]:
    """Wait until a running daemon has embedded what waits, or do it in this process. Returns what went wrong, by stage."""
    from hartonomous_service.completing import complete_work  # with what looks for a daemon

    return complete_work(resources, partial(count_missing, resources), report, "embeddings")


def count_missing(resources: Resources) -> int:
    """Count the embeddings that wait for added models."""

    def count(unit_of_work: UnitOfWork) -> int:
        found = [counts_of(unit_of_work, row["modelId"]) for row in added_models(unit_of_work)]
        return sum(counts["waiting"] + counts["unqueued"] for counts in found)

    return ask(resources.database, count)


def _show_models(
    resources: Resources,
    choose: Callable[[list[KnownEmbeddingModel]], list[KnownEmbeddingModel]],
    *,
    counted: bool,
) -> tuple[list[dict[str, Any]], bool]:
    """Show those models that are chosen among all, and say whether the database says which there are. Only what is chosen is counted."""

    def read(unit_of_work: UnitOfWork) -> tuple[list[tuple[KnownEmbeddingModel, _Found | None]], bool]:
        rows = unit_of_work.query(EMBEDDING_MODELS)
        found = [(row, _count(unit_of_work, resources, row["modelId"]) if counted else None) for row in choose(rows)]
        shown = [(row, has) for row, has in found if row["droppedAt"] is None or (has and has.is_something)]
        return shown, any(row["loadedFrom"] is not None for row in rows)

    rows, database_chooses = ask(resources.database, read)
    answering = None if database_chooses else answering_by_settings(resources)
    return [_show(row, has, answering) for row, has in rows], database_chooses


def _count(unit_of_work: UnitOfWork, resources: Resources, model_id: int) -> "_Found":
    return _Found(
        **counts_of(unit_of_work, model_id), index_bytes=resources.vectors.byte_length(unit_of_work, model_id)
    )


def _show(row: KnownEmbeddingModel, found: "_Found | None", answering: int | None) -> dict[str, Any]:
    state = None if found is None else "incomplete" if found.failed else "ready"
    if row["queuedThrough"] is not None or (found and found.waiting):
        state = "filling"
    if row["droppedAt"] is not None:
        state = "dropping"
    elif not row["active"]:
        state = "idle"
    elif row["answers"] or row["modelId"] == answering or _is_own(row):
        state = "answers"
    source = None if row["loadedFrom"] is None else ModelSource.from_json(row["loadedFrom"])
    return {
        "modelId": row["modelId"],
        "modality": row["modality"],
        "name": row["name"],
        "precision": row["precision"],
        "engine": engine_of(row["precision"], row["settings"]),
        "dimension": row["dimension"],
        "artifactHash": row["artifactHash"],
        "state": state,
        "active": bool(row["active"]),
        "filled": found and found.filled,
        "vectors": found and found.vectors,
        "waiting": found and found.waiting + found.unqueued,
        "failed": found and found.failed,
        "bytesOnDisk": found and found.vectors * row["dimension"] * 4 + found.index_bytes,
        "loadedFrom": None if source is None else str(source),
        "createdAt": row["createdAt"],
        "answersSince": row["answersSince"],
    }


def _is_own(row: KnownEmbeddingModel) -> bool:
    own = own_model(row["modality"])
    return own is not None and own.artifact_hash == row["artifactHash"]


def _find(resources: Resources, model: str) -> dict[str, Any]:
    """Return a model by its id, else by its name."""

    def choose(rows: list[KnownEmbeddingModel]) -> list[KnownEmbeddingModel]:
        by_id = [row for row in rows if model == str(row["modelId"])]
        return by_id or [row for row in rows if row["name"] == model]

    found, _ = _show_models(resources, choose, counted=True)
    if len(found) > 1:
        ids = " or ".join(f"{row['modelId']} ({row['precision']}, {row['engine']})" for row in found)
        raise Invalid(f"{model!r} is the name of several models: give {ids}", argument="model")
    if not found:
        raise NotFound(f"there is no embedding model {model!r}", remedy="list_models")
    return found[0]
