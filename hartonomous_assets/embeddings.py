"""Stage `atom_embeddings`: claims GenerateEmbedding jobs, embeds their atoms, publishes AtomsEmbedded; does jobs of other types beside them."""

import json
import threading
import time
from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import dagster as dg
import numpy as np

from hartonomous_assets.handled_jobs import do_one_of_each_type
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
)
from hartonomous_assets.job_fates import ByFate, sort_jobs
from hartonomous_assets.stage import Progress, Stage, StageUnavailable, Work, hour_table
from hartonomous_assets.stage_log import GENERATING, log_atoms
from hartonomous_assets.table_schema import column_schema
from hartonomous_core.clock import timestamp
from hartonomous_core.embedders.protocol import Embeddings
from hartonomous_resources.compute.protocol import Compute, ComputeUnavailable, ModelIdentity
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.embedding_rows import ATOMS_TO_EMBED, AtomToEmbed, insert_embedding
from hartonomous_resources.database.rows.job_rows import ClaimedJob
from hartonomous_resources.database.transactions import query, transact
from hartonomous_resources.settings import Settings
from hartonomous_resources.work.job_handlers import GENERATE_EMBEDDING
from hartonomous_resources.work.models import activate_embedding_models, queue_for_other_models
from hartonomous_resources.work.publishing import publish

_SETTINGS = Settings()

_WORTH_OVERLAPPING = 48
"""A batch of fewer texts is computed in a moment: nothing else is done meanwhile."""

_FIRST_BATCH = 64
_BATCH_SECONDS = 1.0
"""What a batch should take the model: whoever stops loses no more than the batch in flight."""

_CHARACTERS_AT_ONCE = 24_000
"""Of the texts of one call of the model, half a second of two cores, however large a batch is: who stops waits for the end of a call."""

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
    models: dict[int, ModelIdentity] | None = None
    begun: deque[_Begun] = deque()
    leased_at = 0.0  # when the lease of what is begun began
    stopped = threading.Event()
    pace = _Pace(settings.embedding_batch_size)
    with ThreadPoolExecutor(1, "embedding") as thread:
        try:
            while True:
                done: Counter[str] = Counter()
                goes_on = False
                if begun and time.monotonic() > leased_at + settings.lease_seconds * _RENEWED_AFTER:
                    leased_at = time.monotonic()
                    renew(work, _jobs_of(begun))
                if settings.embedding_enabled and has_jobs(work, GENERATE_EMBEDDING):
                    if models is None:
                        models = _load_models(work)
                    done["dead-lettered"] += give_up_exhausted(work, GENERATE_EMBEDDING)
                    size = pace.batch_size
                    jobs = claim(work, GENERATE_EMBEDDING, size, models, tried_before=not begun)
                    if jobs:
                        leased_at = time.monotonic()
                        begin = partial(_begin, work, models, thread, stopped, pace, jobs)
                        if batch := attempt(work, GENERATE_EMBEDDING, jobs, begin):
                            begun.append(batch)
                        else:
                            done["failed attempts"] += len(jobs)
                        goes_on = len(jobs) >= min(size, _WORTH_OVERLAPPING) and not goes_alone(jobs[0])
                while len(begun) > goes_on:
                    done.update(_finish(work, begun[0]))
                    begun.popleft()
                yield Progress(dict(+done), is_unfinished=bool(begun))
        finally:
            stopped.set()
            thread.shutdown(wait=False, cancel_futures=True)
            if begun:
                release(work, _jobs_of(begun))


class _Pace:
    """How many texts the model embeds in about a second, up to as many as the settings claim at once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.batch_size = min(_FIRST_BATCH, most)

    def note(self, texts: int, seconds: float) -> None:
        """Let the next batch be as large as one should have been that took so long."""
        worth_it = max(_WORTH_OVERLAPPING, int(texts * _BATCH_SECONDS / max(seconds, 1e-6)))
        self.batch_size = min(worth_it, self._most)


def _load_models(work: Work) -> dict[int, ModelIdentity]:
    try:
        found = work.resources.compute.models()
    except ComputeUnavailable as error:
        raise StageUnavailable(str(error)) from error
    return transact(work.resources.database, partial(activate_embedding_models, models=found))


@dataclass(frozen=True, slots=True)
class _Begun:
    """A batch of claimed jobs whose vectors, by ModelId, are being computed."""

    jobs: Sequence[ClaimedJob]
    atoms: Mapping[int | None, AtomToEmbed]
    models: Mapping[int, ModelIdentity]
    by_fate: ByFate
    vectors: "Future[dict[int, Embeddings]]"


def _jobs_of(begun: Iterable[_Begun]) -> list[ClaimedJob]:
    return [job for batch in begun for job in batch.jobs]


def _begin(
    work: Work,
    models: Mapping[int, ModelIdentity],
    thread: ThreadPoolExecutor,
    stopped: threading.Event,
    pace: _Pace,
    jobs: Sequence[ClaimedJob],
) -> _Begun:
    """Read the atoms of jobs, and have the thread embed them until it is stopped."""
    ids = json.dumps(list({job["atomId"] for job in jobs}))
    atoms: dict[int | None, AtomToEmbed] = {
        row["atomId"]: row for row in query(work.resources.database, ATOMS_TO_EMBED, atom_ids=ids)
    }
    by_fate = sort_jobs(jobs, atoms, models)
    log_atoms(
        work,
        "atom_embeddings",
        GENERATING,
        (
            {"AtomId": job["atomId"], "Modality": atoms[job["atomId"]]["modality"], "TenantId": job["tenantId"]}
            for job in by_fate.ready
        ),
    )
    texts = {i: [atom["text"] or "" for atom in of_model] for i, of_model in by_fate.atoms_by_model.items()}

    def embed() -> dict[int, Embeddings]:
        started = time.monotonic()
        vectors = {i: _embed(work.resources.compute, models[i], of_model, stopped) for i, of_model in texts.items()}
        pace.note(sum(map(len, texts.values())), time.monotonic() - started)
        return vectors

    return _Begun(jobs, atoms, models, by_fate, thread.submit(embed))


def _embed(compute: Compute, model: ModelIdentity, texts: Sequence[str], stopped: threading.Event) -> Embeddings:
    parts = []
    for some in _slices(texts):
        if stopped.is_set():
            raise CancelledError  # nobody waits for it
        parts.append(compute.embed(model, some))
    return Embeddings(
        np.concatenate([part.vectors for part in parts]), np.concatenate([part.window_counts for part in parts])
    )


def _slices(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cut texts into parts of so many characters that a call of the model is short; a text that is longer is a part of its own."""
    first = characters = 0
    for at, text in enumerate(texts):
        if at > first and characters + len(text) > _CHARACTERS_AT_ONCE:
            yield texts[first:at]
            first, characters = at, 0
        characters += len(text)
    yield texts[first:]


def _finish(work: Work, batch: _Begun) -> dict[str, int]:
    """Wait for the vectors of a batch, store them and complete its jobs; returns counts."""
    done = attempt(work, GENERATE_EMBEDDING, batch.jobs, partial(_store, work, batch))
    return {"failed attempts": len(batch.jobs)} if done is None else done


def _store(work: Work, batch: _Begun) -> dict[str, int]:
    by_fate, atoms = batch.by_fate, batch.atoms
    try:
        embedded = batch.vectors.result()
    except ComputeUnavailable as error:
        raise StageUnavailable(str(error)) from error

    def store(unit_of_work: UnitOfWork) -> None:
        for model_id, vectors in embedded.items():
            _insert_embeddings(unit_of_work, work, model_id, by_fate.atoms_by_model[model_id], vectors)
        complete(unit_of_work, work, by_fate.ready)
        for result, of_result in by_fate.finished.items():
            complete(unit_of_work, work, of_result, result)
        for reason, of_reason in by_fate.refused.items():
            refuse(unit_of_work, work, of_reason, reason)
        if of_every_model := [atoms[job["atomId"]]["atomId"] for job in by_fate.ready if job["modelId"] is None]:
            queue_for_other_models(unit_of_work, batch.models, of_every_model)
        publish(
            unit_of_work, "AtomsEmbedded", [job for job in batch.jobs if _is_of_its_tenant(job, atoms)], work.run_id
        )

    transact(work.resources.database, store)
    counts = {"embedded": sum(map(len, by_fate.atoms_by_model.values()))}
    counts |= {result.partition(":")[0]: len(of_result) for result, of_result in by_fate.finished.items()}
    counts["refused"] = sum(map(len, by_fate.refused.values()))
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
