"""Stage `atom_embeddings`: claim GenerateEmbedding jobs, embed their atoms, publish AtomsEmbedded; jobs of other types beside them."""

import json
from collections.abc import Generator, Mapping, Sequence
from functools import partial
from pathlib import Path

import dagster as dg

from hartonomous_assets.handled_jobs import do_one_of_each_type
from hartonomous_assets.job_claims import complete, has_jobs, refuse, work_on_jobs
from hartonomous_assets.stage import IDLE, Progress, Stage, StageUnavailable, Work, hour_table
from hartonomous_assets.stage_log import GENERATING, log_atoms
from hartonomous_assets.table_schema import column_schema
from hartonomous_core.clock import timestamp
from hartonomous_core.json_objects import UnreadableJson, read_object, spelled
from hartonomous_resources.compute.protocol import ComputeUnavailable
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.embedding_rows import ATOMS_TO_EMBED, AtomToEmbed, insert_embedding
from hartonomous_resources.database.rows.job_rows import JobInHand
from hartonomous_resources.database.transactions import query, transact
from hartonomous_resources.settings import Settings
from hartonomous_resources.work.job_handlers import GENERATE_EMBEDDING
from hartonomous_resources.work.models import activate_embedding_model
from hartonomous_resources.work.publishing import publish

_SETTINGS = Settings()


def steps(work: Work) -> Generator[Progress]:
    """A batch of embeddings, then a job of each other type."""
    embedding = _embedding_steps(work)
    while True:
        handled = do_one_of_each_type(work)
        embedded = next(embedding)
        yield Progress({**embedded.counts, **handled.counts})


def _embedding_steps(work: Work) -> Generator[Progress]:
    """Claim a batch of jobs, embed, complete. The model is loaded when there is a first job, not before."""
    settings, database = work.resources.settings, work.resources.database
    model_id: int | None = None
    while True:
        if not (settings.embedding_enabled and has_jobs(work, GENERATE_EMBEDDING)):
            yield IDLE
            continue
        if model_id is None:
            try:
                model = work.resources.compute.text_model()
            except ComputeUnavailable as error:
                raise StageUnavailable(str(error)) from error
            model_id = transact(database, partial(activate_embedding_model, model=model))
        embed = partial(_embed, work, model_id)
        yield work_on_jobs(work, GENERATE_EMBEDDING, settings.embedding_batch_size, embed)


def _embed(work: Work, model_id: int, jobs: Sequence[JobInHand]) -> Progress:
    ids = json.dumps(list({job["atomId"] for job in jobs}))
    rows = query(work.resources.database, ATOMS_TO_EMBED, atom_ids=ids, model_id=model_id)
    atoms: dict[int | None, AtomToEmbed] = {row["atomId"]: row for row in rows}
    done: set[int | None] = {row["atomId"] for row in rows if row["isEmbedded"]}
    ready: list[JobInHand] = []
    finished: dict[str, list[JobInHand]] = {}
    refused: dict[str, list[JobInHand]] = {}
    for job in jobs:
        if reason := _why_refused(job, atoms.get(job["atomId"])):
            refused.setdefault(reason, []).append(job)
        elif not (atoms[job["atomId"]]["text"] or "").strip():
            finished.setdefault("skipped: empty text", []).append(job)
        elif job["atomId"] in done:  # the trigger's job and one by hand: whichever comes first does the work
            finished.setdefault("already embedded", []).append(job)
        else:
            done.add(job["atomId"])
            ready.append(job)
    log_atoms(
        work,
        "atom_embeddings",
        GENERATING,
        (
            {"AtomId": job["atomId"], "Modality": atoms[job["atomId"]]["modality"], "TenantId": job["tenantId"]}
            for job in ready
        ),
    )
    try:
        embedded = (
            work.resources.compute.embed_texts([atoms[job["atomId"]]["text"] or "" for job in ready]) if ready else None
        )
    except ComputeUnavailable as error:
        raise StageUnavailable(str(error)) from error

    def store(unit_of_work: UnitOfWork) -> None:
        now = timestamp()
        if embedded is not None:
            unit_of_work.execute_many(
                insert_embedding,
                (
                    insert_embedding(
                        atom_id=job["atomId"],
                        model_id=model_id,
                        dimension=len(vector),
                        embedding_vector=vector.astype("<f4").tobytes(),
                        window_count=int(windows),
                        run_id=work.run_id,
                        created_at=now,
                    )
                    for job, vector, windows in zip(ready, embedded.vectors, embedded.window_counts, strict=True)
                ),
            )
        complete(unit_of_work, work, ready)
        for result, of_result in finished.items():
            complete(unit_of_work, work, of_result, result)
        for reason, of_reason in refused.items():
            refuse(unit_of_work, work, of_reason, reason)
        publish(unit_of_work, "AtomsEmbedded", [job for job in jobs if _is_of_its_tenant(job, atoms)], work.run_id)

    transact(work.resources.database, store)
    counts = {"embedded": len(ready)}
    counts |= {result.partition(":")[0]: len(of_result) for result, of_result in finished.items()}
    counts["refused"] = sum(map(len, refused.values()))
    return Progress({name: n for name, n in counts.items() if n})


def _is_of_its_tenant(job: JobInHand, atoms: Mapping[int | None, AtomToEmbed]) -> bool:
    atom = atoms.get(job["atomId"])
    return atom is not None and atom["tenantId"] == job["tenantId"]


def _why_refused(job: JobInHand, atom: AtomToEmbed | None) -> str | None:
    """Why a job can never succeed; None where it can. Another tenant's atom reads as one that is not there."""
    if atom is None or atom["tenantId"] != job["tenantId"]:
        try:
            parameters = spelled(read_object(job["parameters"]), ["AtomId"])
        except UnreadableJson as error:
            return f"its Parameters: {error}"
        if "AtomId" not in parameters:
            return "its Parameters name no AtomId"
        return f"tenant {job['tenantId']} has no atom {json.dumps(parameters['AtomId'])[:40]}"
    if atom["modality"] != "text":
        return f"no embedding model is active for modality {atom['modality']!r}"
    if atom["text"] and not atom["textIsValid"]:
        return f"the text of atom {job['atomId']} is not UTF-8"
    return None


STAGE = Stage(
    spec=dg.AssetSpec(
        "atom_embeddings",
        deps=["atoms"],
        group_name="vectors",
        kinds={"onnx", "python"},
        owners=["team:hartonomous"],
        metadata=column_schema("AtomEmbedding"),
        code_version=f"{Path(_SETTINGS.text_model).name} {_SETTINGS.text_precision}",
        description="A unit vector for every atom that needs one, from the GenerateEmbedding jobs that a database trigger writes on "
        "every insert into Atom. Each text is embedded by itself: no vector depends on its neighbours.",
    ),
    steps=steps,
    totals=hour_table("hour_embeddings"),
    batch_size=lambda settings: settings.embedding_batch_size,
    main_count="embedded",
)
