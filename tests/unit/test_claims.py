"""A signal may arrive just after a claim was committed: what was claimed is free again at once."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from hartonomous_assets import atoms, embeddings, provenance, sources
from hartonomous_assets.chain import run_stages
from hartonomous_assets.stage import Stage, Work
from hartonomous_core.clock import current_hour
from hartonomous_core.messages import INGESTION_QUEUE, PROVENANCE_QUEUE
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.resources import Resources
from tests.builders import enqueue, request
from tests.held_graph import HeldGraph


class Interrupted:
    """A database in which the process gets a signal when the transaction of a statement has been committed."""

    def __init__(self, database: Any, statement: str) -> None:
        self._database, self._statement = database, statement

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    @contextmanager
    def unit_of_work(self, patience: float | None = None) -> Iterator[UnitOfWork]:
        asked: list[str] = []
        with self._database.unit_of_work(patience) as unit_of_work:
            query = unit_of_work.query

            def noted(statement: object, **parameters: object) -> Any:
                asked.append(str(statement))
                return query(statement, **parameters)

            unit_of_work.query = noted
            yield unit_of_work
        if self._statement in asked:
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("before", "stage", "statement", "table"),
    [
        ([sources.STAGE], atoms.STAGE, "claim_sources", "Source"),
        ([sources.STAGE, atoms.STAGE], embeddings.STAGE, "claim_jobs", "BackgroundJob"),
    ],
    ids=["source", "jobs"],
)
def test_a_claim_does_not_outlive_a_signal(
    resources: Resources, before: list[Stage], stage: Stage, statement: str, table: str
) -> None:
    enqueue(resources.database, INGESTION_QUEUE, [request(rawData=b"The sea rises.", contentType="text/plain")])
    work = Work(current_hour(), "run", resources)
    run_stages(work, before, 0, lambda _stage, _report: None)
    signalled = dataclasses.replace(resources, database=Interrupted(resources.database, statement))  # type: ignore[arg-type]

    with pytest.raises(KeyboardInterrupt):
        next(stage.steps(dataclasses.replace(work, resources=signalled)))

    found = resources.database.connection().execute(f"SELECT LeaseOwner, AttemptCount FROM {table}").fetchall()  # type: ignore[attr-defined]
    assert [tuple(row) for row in found] == [(None, 0)]


def test_the_lease_of_a_queue_does_not_outlive_a_signal(resources: Resources) -> None:
    enqueue(resources.database, PROVENANCE_QUEUE, [b'{"eventType": "AtomsCreated", "atomIds": [1]}'])
    database: Any = Interrupted(resources.database, "queued_messages")
    signalled = dataclasses.replace(resources, database=database, graph=HeldGraph())

    with pytest.raises(KeyboardInterrupt):
        next(provenance.STAGE.steps(Work(current_hour(), "run", signalled)))

    left = "SELECT (SELECT COUNT(*) FROM QueueLease), (SELECT COUNT(*) FROM QueueMessage)"
    found = resources.database.connection().execute(left).fetchall()  # type: ignore[attr-defined]
    assert [tuple(row) for row in found] == [(0, 1)]
