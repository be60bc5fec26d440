"""Stage `atom_embeddings`: claims GenerateEmbedding jobs, embeds their atoms, publishes AtomsEmbedded; does jobs of other types beside them."""

import json
import threading
import time
from collections import Counter, deque
from collections.abc import Generator, Iterable, Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import dagster as dg

from hartonomous_assets.embedding_calls import Pace, embed_until_stopped
from hartonomous_assets.handled_jobs import do_one_of_each_type
from hartonomous_assets.items_to_embed import items_to_embed
from hartonomous_assets.job_claims import (
    attempt,
    claim,
    complete,
    give_up_exhausted,
    goes_alone,
    has_jobs,
    refuse,
    release,
    renew,
    return_failed,
)
from hartonomous_assets.job_fates import ByFate, sort_jobs
from hartonomous_assets.run_models import RunModels, load_models, queue_next
from hartonomous_assets.stage import Progress, Stage, StageUnavailable, Work, hour_table
from hartonomous_assets.stage_log import GENERATING, log_atoms
from hartonomous_assets.table_schema import column_schema
from hartonomous_core.clock import timestamp
from hartonomous_core.embedders.protocol import Embeddings
from hartonomous_resources.compute.protocol import ComputeUnavailable, ModelIdentity
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.embedding_rows import ATOMS_TO_EMBED, AtomToEmbed, insert_embedding
from hartonomous_resources.database.rows.job_rows import ClaimedJob
from hartonomous_resources.database.transactions import ask, query, transact
from hartonomous_resources.settings import Settings
from hartonomous_resources.work.added_models import added_models
from hartonomous_resources.work.job_handlers import GENERATE_EMBEDDING
from hartonomous_resources.work.models import queue_for_other_models
from hartonomous_resources.work.publishing import publish
from hartonomous_resources.work.rows_read_later import read_next_rows

_SETTINGS = Settings()

_WORTH_OVERLAPPING = 48
"""A batch of fewer texts is computed in a moment: nothing else is done meanwhile."""

_RENEWED_AFTER = 1 / 3
"""The part of a lease after which it is renewed."""


def steps(work: Work) -> Generator[Progress]:
    """Do a job of each other type and embed a batch of atoms, in each step."""
    with closing(_embedding_steps(work)) as embedding:
        while True:
            handled = do_one_of_each_type(work)
            embedded = next(embedding)
            counts = Counter(embedded.counts) + Counter(handled.counts)
            yield Progress(dict(counts), is_unfinished=embedded.is_unfinished)


def _embedding_steps(work: Work) -> Generator[Progress]:
    """Claim a batch of jobs, embed their atoms, complete them. Models are loaded for the first job, not before.

    A thread computes one batch while this one writes the batch before it, and the other stages do their steps. A batch that is hardly
    worth that is finished in the step that claims it.
    """
    settings = work.resources.settings
    models: RunModels | None = None
    begun: deque[_Begun] = deque()
    leased_at = 0.0  # when the lease of what is begun began
    stopped = threading.Event()
    pace = Pace(settings.embedding_batch_size, _WORTH_OVERLAPPING)
    with ThreadPoolExecutor(1, "embedding") as thread:
        try:
            while True:
                done: Counter[str] = Counter()
                goes_on = False
                if begun and time.monotonic() > leased_at + settings.lease_seconds * _RENEWED_AFTER:
                    leased_at = time.monotonic()
                    renew(work, _jobs_of(begun))
                added = ask(work.resources.database, added_models)
                done["queued"] += queue_next(work, added)
                if settings.embedding_enabled:
                    done.update(read_next_rows(work.resources, work.hour, work.run_id))
                if settings.embedding_enabled and has_jobs(work, GENERATE_EMBEDDING):
                    if models is None or not models.are_of(added):
                        models = load_models(work, added)
                    done["dead-lettered"] += give_up_exhausted(work, GENERATE_EMBEDDING)
                    size = pace.batch_size
                    jobs = _claim(work, size, models, tried_before=not begun)
                    if jobs:
                        leased_at = time.monotonic()
                        begin = partial(_begin, work, models, thread, stopped, pace, jobs)
                        if batch := attempt(work, GENERATE_EMBEDDING, jobs, begin):
                            begun.append(batch)
                        else:
                            done["failed attempts"] += len(jobs)
                        goes_on = len(jobs) >= min(size, _WORTH_OVERLAPPING) and not goes_alone(jobs[0])
                    elif models.unavailable and not begun:
                        raise StageUnavailable("; ".join(models.unavailable.values()))  # what is left waits for them
                while len(begun) > goes_on:
                    done.update(_finish(work, begun[0]))
                    begun.popleft()
                yield Progress(dict(+done), is_unfinished=bool(begun))
        finally:
            stopped.set()
            thread.shutdown(wait=False, cancel_futures=True)
            if begun:
                release(work, _jobs_of(begun))


def _claim(work: Work, size: int, models: RunModels, *, tried_before: bool) -> list[ClaimedJob]:
    """Claim jobs for what answers questions first, so that new texts do not wait until another model has all that is there."""
    first = claim(work, GENERATE_EMBEDDING, size, models.of_every_job, tried_before=tried_before)
    if first or models.of_every_job == models.at_hand:
        return first
    return claim(work, GENERATE_EMBEDDING, size, models.at_hand, tried_before=tried_before)


@dataclass(frozen=True, slots=True)
class _Begun:
    """A batch of claimed jobs whose vectors, by ModelId, are being computed."""

    jobs: Sequence[ClaimedJob]
    atoms: Mapping[int | None, AtomToEmbed]
    models: RunModels
    of_every_job: Mapping[int, ModelIdentity]
    by_fate: ByFate
    vectors: "Future[dict[int, Embeddings | Exception]]"
    """Of each model; or why it made none."""


def _jobs_of(begun: Iterable[_Begun]) -> list[ClaimedJob]:
    return [job for batch in begun for job in batch.jobs]


def _begin(
    work: Work,
    models: RunModels,
    thread: ThreadPoolExecutor,
    stopped: threading.Event,
    pace: Pace,
    jobs: Sequence[ClaimedJob],
) -> _Begun:
    """Read the atoms of jobs, and have the thread embed them until it is stopped."""
    ids = json.dumps(list({job["atomId"] for job in jobs}))
    atoms: dict[int | None, AtomToEmbed] = {
        row["atomId"]: row for row in query(work.resources.database, ATOMS_TO_EMBED, atom_ids=ids)
    }
    models.activate_own(work, {atom["modality"] for atom in atoms.values()})
    by_id, of_every_job = dict(models.at_hand), models.of_every_job
    by_fate = sort_jobs(jobs, atoms, by_id, of_every_job)
    log_atoms(
        work,
        "atom_embeddings",
        GENERATING,
        (
            {"AtomId": job["atomId"], "Modality": atoms[job["atomId"]]["modality"], "TenantId": job["tenantId"]}
            for job in by_fate.ready
        ),
    )
    items = items_to_embed(work.resources, by_fate, by_id)

    def embed() -> dict[int, Embeddings | Exception]:
        started = time.monotonic()
        vectors: dict[int, Embeddings | Exception] = {}
        for model_id, of_model in items.items():
            try:
                vectors[model_id] = embed_until_stopped(work.resources.compute, by_id[model_id], of_model, stopped)
            except CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - of any model: the others go on, and the jobs of this one meet it
                vectors[model_id] = error
        pace.note(sum(map(len, items.values())), time.monotonic() - started)
        return vectors

    return _Begun(jobs, atoms, models, of_every_job, by_fate, thread.submit(embed))


def _finish(work: Work, batch: _Begun) -> dict[str, int]:
    """Wait for the vectors of a batch, store them and complete its jobs; returns counts."""
    done = attempt(work, GENERATE_EMBEDDING, batch.jobs, partial(_store, work, batch))
    return {"failed attempts": len(batch.jobs)} if done is None else done


def _store(work: Work, batch: _Begun) -> dict[str, int]:
    by_fate, atoms = batch.by_fate, batch.atoms
    made = batch.vectors.result()
    embedded = {model_id: vectors for model_id, vectors in made.items() if isinstance(vectors, Embeddings)}
    failed = {model_id: error for model_id, error in made.items() if isinstance(error, Exception)}
    for model_id, error in failed.items():
        if isinstance(error, ComputeUnavailable):
            batch.models.lose(model_id, error)
        elif len(failed) == len(made):
            raise error
    # A job that names no model is done, and those of it that failed have one of their own; so nothing is held up by a model beside it.
    held = {job["jobId"]: job for job in by_fate.ready if by_fate.models_of_job[job["jobId"]] <= failed.keys()}
    ready = [job for job in by_fate.ready if job["jobId"] not in held]

    def store(unit_of_work: UnitOfWork) -> None:
        for model_id, vectors in embedded.items():
            _insert_embeddings(unit_of_work, work, model_id, by_fate.atoms_by_model[model_id], vectors)
        complete(unit_of_work, work, ready)
        for result, of_result in by_fate.finished.items():
            complete(unit_of_work, work, of_result, result)
        for reason, of_reason in by_fate.refused.items():
            refuse(unit_of_work, work, of_reason, reason)
        if of_every_model := [atoms[job["atomId"]]["atomId"] for job in ready if job["modelId"] is None]:
            queue_for_other_models(unit_of_work, batch.of_every_job.keys() - failed.keys(), of_every_model)
        publish(
            unit_of_work,
            "AtomsEmbedded",
            [job for job in batch.jobs if job["jobId"] not in held and _is_of_its_tenant(job, atoms)],
            work.run_id,
        )

    transact(work.resources.database, store)
    counts = {"embedded": sum(len(by_fate.atoms_by_model[model_id]) for model_id in embedded)}
    counts |= {result.partition(":")[0]: len(of_result) for result, of_result in by_fate.finished.items()}
    counts["refused"] = sum(map(len, by_fate.refused.values()))
    counts["failed attempts"] = counts["given back"] = 0
    for model_id, error in failed.items():
        of_model = [job for job in held.values() if model_id in by_fate.models_of_job[job["jobId"]]]
        if isinstance(error, ComputeUnavailable):
            release(work, of_model)
            counts["given back"] += len(of_model)
        else:
            return_failed(work, GENERATE_EMBEDDING, of_model, error)
            counts["failed attempts"] += len(of_model)
    return counts


def _is_of_its_tenant(job: ClaimedJob, atoms: Mapping[int | None, AtomToEmbed]) -> bool:
    atom = atoms.get(job["atomId"])
    return atom is not None and atom["tenantId"] == job["tenantId"]


def _insert_embeddings(
    unit_of_work: UnitOfWork, work: Work, model_id: int, atoms: Sequence[AtomToEmbed], embedded: Embeddings
) -> None:
    now = timestamp()
    unit_of_work.execute_many(
        insert_embedding,
        (
            insert_embedding(
                atom_id=atom["atomId"],
                model_id=model_id,
                dimension=len(vector),
                embedding_vector=vector.tobytes(),
                window_count=windows,
                run_id=work.run_id,
                created_at=now,
            )
            for atom, vector, windows in zip(
                atoms, embedded.vectors.astype("<f4", copy=False), embedded.window_counts.tolist(), strict=True
            )
        ),
    )


STAGE = Stage(
    spec=dg.AssetSpec(
        "atom_embeddings",
        deps=["atoms"],
        group_name="vectors",
        kinds={"llvm", "python"},
        owners=["team:hartonomous"],
        metadata=column_schema("AtomEmbedding"),
        code_version=f"{_SETTINGS.api_model} api"
        if _SETTINGS.compute == "api"
        else f"{Path(_SETTINGS.text_model).name} {_SETTINGS.text_precision} {_SETTINGS.text_engine}",
        description="A unit vector of each active model for every atom that needs one, from the GenerateEmbedding jobs that a database trigger "
        "writes on every insert into Atom. Each text is embedded by itself: no vector depends on its neighbours.",
    ),
    steps=steps,
    totals=hour_table("hour_embeddings"),
    batch_size=lambda settings: settings.embedding_batch_size,
    main_count="embedded",
)
