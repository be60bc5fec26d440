"""Stage `atom_embeddings`: claim GenerateEmbedding jobs, embed their atoms, publish AtomsEmbedded."""

import json
from collections.abc import Generator, Sequence
from functools import partial
from itertools import chain

import dagster as dg

from hartonomous_assets.publishing import publish
from hartonomous_assets.stage import IDLE, Progress, Stage, StageUnavailable, Work, hour_table
from hartonomous_assets.table_schema import column_schema
from hartonomous_resources.clock import timestamp
from hartonomous_resources.database.dead_letters import dead_letter_job
from hartonomous_resources.database.errors import DatabaseError
from hartonomous_resources.database.models import activate_embedding_model
from hartonomous_resources.database.protocol import Row, UnitOfWork
from hartonomous_resources.database.transactions import transact
from hartonomous_resources.gpu.protocol import ComputeUnavailable

JOB_TYPE = "GenerateEmbedding"
_ANY_NUMBER = 2**31 - 1  # of attempts: each job says itself how many it has


def steps(work: Work) -> Generator[Progress]:
    """Claim a batch of jobs, embed, complete. The model is loaded when there is a first job, not before."""
    settings, database = work.resources.settings, work.resources.database
    model_id: int | None = None

    while True:
        if not (settings.embedding_enabled and _has_jobs(work)):
            yield IDLE
            continue
        if model_id is None:
            try:
                model = work.resources.compute.text_model()
            except ComputeUnavailable as error:
                raise StageUnavailable(str(error)) from error
            model_id = transact(database, partial(activate_embedding_model, model=model))
        given_up = _give_up_exhausted(work)
        jobs = _claim(work)
        if not jobs:
            yield Progress({"dead-lettered": given_up}) if given_up else IDLE
            continue
        try:
            progress = _embed(work, jobs, model_id)
        except (StageUnavailable, DatabaseError):
            _release(work, jobs)
            raise
        except Exception as error:  # noqa: BLE001 - of some text of the batch: counted, and soon taken one at a time
            progress = _return_failed(work, jobs, error)
        except BaseException:  # a signal: the jobs are free again at once
            _release(work, jobs)
            raise
        yield progress


def _has_jobs(work: Work) -> bool:
    with work.resources.database.read() as unit_of_work:
        return bool(unit_of_work.query("has_claimable_jobs", hour=work.hour, job_type=JOB_TYPE, now=timestamp()))


def _claim(work: Work) -> list[Row]:
    """A batch of jobs; those that failed twice come one at a time, so that one poisonous text cannot take others along."""
    settings = work.resources.settings
    claimed: list[Row] = []

    def take(unit_of_work: UnitOfWork) -> None:
        for least, most, n in ((0, 1, settings.embedding_batch_size), (2, _ANY_NUMBER, 1)):
            claimed[:] = unit_of_work.query(
                "claim_jobs",
                hour=work.hour,
                job_type=JOB_TYPE,
                owner=work.owner,
                now=timestamp(),
                lease_until=timestamp(settings.lease_seconds),
                least_attempts=least,
                most_attempts=most,
                n=n,
            )
            if claimed:
                return

    try:
        transact(work.resources.database, take)
    except Exception:
        raise
    except BaseException:  # a signal, perhaps just after the commit: the jobs are free again at once
        _release(work, claimed)
        raise
    return claimed


def _embed(work: Work, jobs: Sequence[Row], model_id: int) -> Progress:
    with work.resources.database.read() as unit_of_work:
        rows = unit_of_work.query("atoms_by_id", atom_ids=json.dumps([job["atomId"] for job in jobs]))
    atoms = {row["atomId"]: row for row in rows}
    blank, ready = [], []
    refused: dict[str, list[Row]] = {}
    for job in jobs:
        atom = atoms.get(job["atomId"])
        if atom is None:
            continue  # deleted since the claim, and its job with it
        if atom["modality"] != "text":
            refused.setdefault(f"no embedding model is active for modality {atom['modality']!r}", []).append(job)
        elif not (atom["text"] or "").strip():
            blank.append(job)
        else:
            ready.append(job)
    try:
        embedded = (
            work.resources.compute.embed_texts([atoms[job["atomId"]]["text"] for job in ready]) if ready else None
        )
    except ComputeUnavailable as error:
        raise StageUnavailable(str(error)) from error

    def store(unit_of_work: UnitOfWork) -> None:
        now = timestamp()
        if embedded is not None:
            unit_of_work.execute_many(
                "insert_embedding",
                (
                    (
                        job["atomId"],
                        model_id,
                        len(vector),
                        vector.astype("<f4").tobytes(),
                        int(windows),
                        work.run_id,
                        now,
                    )
                    for job, vector, windows in zip(ready, embedded.vectors, embedded.window_counts, strict=True)
                ),
            )
        unit_of_work.execute("complete_jobs", job_ids=_ids(ready), owner=work.owner, now=now, result=None)
        unit_of_work.execute(
            "complete_jobs", job_ids=_ids(blank), owner=work.owner, now=now, result="skipped: empty text"
        )
        for reason, of_reason in refused.items():
            unit_of_work.execute("refuse_jobs", job_ids=_ids(of_reason), owner=work.owner, now=now, reason=reason)
        publish(unit_of_work, "AtomsEmbedded", [*ready, *blank, *chain.from_iterable(refused.values())], work.run_id)

    transact(work.resources.database, store)
    counts = {"embedded": len(ready), "skipped": len(blank), "refused": sum(map(len, refused.values()))}
    return Progress({name: n for name, n in counts.items() if n})


def _release(work: Work, jobs: Sequence[Row]) -> None:
    transact(
        work.resources.database,
        lambda unit_of_work: unit_of_work.execute("release_jobs", job_ids=_ids(jobs), owner=work.owner),
    )


def _return_failed(work: Work, jobs: Sequence[Row], error: Exception) -> Progress:
    transact(
        work.resources.database,
        lambda unit_of_work: unit_of_work.execute(
            "return_jobs", job_ids=_ids(jobs), owner=work.owner, reason=str(error)
        ),
    )
    return Progress({"failed attempts": len(jobs)})


def _give_up_exhausted(work: Work) -> int:
    now = timestamp()
    with work.resources.database.read() as unit_of_work:
        if not unit_of_work.query("has_exhausted_jobs", hour=work.hour, now=now):
            return 0

    def give_up_those_left(unit_of_work: UnitOfWork) -> int:
        exhausted = unit_of_work.query("exhausted_jobs", hour=work.hour, now=now)  # another run may have given some up
        publish(unit_of_work, "AtomsEmbedded", exhausted, work.run_id)
        for job in exhausted:
            why = job["result"] or "the process that worked on it died each time"
            dead_letter_job(unit_of_work, job, f"given up after {job['attemptCount']} attempts: {why}")
        return len(exhausted)

    return transact(work.resources.database, give_up_those_left)


def _ids(jobs: Sequence[Row]) -> str:
    return json.dumps([job["jobId"] for job in jobs])


STAGE = Stage(
    spec=dg.AssetSpec(
        "atom_embeddings",
        deps=["atoms"],
        group_name="vectors",
        kinds={"onnx", "python"},
        owners=["team:hartonomous"],
        metadata=column_schema("AtomEmbedding"),
        description="A unit vector for every atom that needs one, from the GenerateEmbedding jobs that a database trigger writes on "
        "every insert into Atom. Each text is embedded by itself: no vector depends on its neighbours.",
    ),
    steps=steps,
    totals=hour_table("hour_embeddings"),
)
