"""Events synced end to end: from ProvenanceQueue, through the tables that they point at, into Neo4j. Called by neo4j_sync.py.

Files are atomized and projected by the product's own stages; their vectors are drawn, for the text model would take most of the time.
"""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from common import Figure, note

TENANT = 1
"""Another tenant than that of the existing graph."""
ROUNDS = 3
SOURCES, SENTENCES = 20, 1_000
"""Files of a round, and sentences of each file; each file gives one event of each kind."""


def synced_from_queue(graph: Any) -> list[Figure]:
    """Measure the relationships per second of new events, and of the same events again."""
    from hartonomous_assets import provenance
    from hartonomous_assets.stage import Work
    from hartonomous_core.clock import current_hour
    from hartonomous_core.messages import PROVENANCE_QUEUE
    from hartonomous_resources.database.sqlite import SqliteDatabase
    from tests.builders import open_home

    with tempfile.TemporaryDirectory(prefix="hartonomous-benchmark-") as folder:
        database = SqliteDatabase(Path(folder, "hartonomous.db"))
        database.migrate()
        work = Work(current_hour(), "run", open_home(Path(folder), database, graph, text_unit="sentence"))
        new, again = [], []
        for number in range(ROUNDS):
            events = make_events(work, number)
            for rates in (new, again):
                with database.unit_of_work() as unit_of_work:
                    unit_of_work.enqueue(PROVENANCE_QUEUE, events)
                before = relationships(graph)
                started = time.perf_counter()
                run_to_end(work, provenance.STAGE)
                seconds = time.perf_counter() - started
                if rates is new:
                    written = relationships(graph) - before
                assert relationships(graph) == before + (written if rates is new else 0)
                rates.append(written / seconds)
            note(f"from the queue: {written:,} relationships, {new[-1]:,.0f}/s, again {again[-1]:,.0f}/s")
        database.close()
    return [
        Figure("from ProvenanceQueue, relationships/s", statistics.median(new), "1/s", at_least=10_000),
        Figure("the same events again", statistics.median(again), "1/s", at_least=20_000),
    ]


def run_to_end(work: Any, *stages: Any) -> None:
    from hartonomous_assets.chain import run_stages

    for report in run_stages(work, stages, 0, lambda _stage, _report: None).values():
        if report.error:
            raise report.error


def relationships(graph: Any) -> int:
    return sum(graph.counts(TENANT)[1].values())


def make_events(work: Any, number: int) -> list[tuple[str, bytes]]:
    """Write atoms with sources, vectors and positions; returns the events that announce them."""
    import numpy as np

    from hartonomous_assets import atoms, projections, sources
    from hartonomous_core.clock import timestamp
    from hartonomous_core.messages import INGESTION_QUEUE, PROVENANCE_QUEUE, atoms_events
    from hartonomous_resources.compute.protocol import ModelIdentity
    from hartonomous_resources.work.models import activate_embedding_models
    from tests.builders import enqueue, receive_all, request

    database = work.resources.database
    files = [
        "".join(f"Keeper {number} of tower {tower} counted ship {n}.\n" for n in range(SENTENCES)).encode()
        for tower in range(SOURCES)
    ]
    requests = [request(rawData=file, contentType="text/plain", tenantId=TENANT) for file in files]
    enqueue(database, INGESTION_QUEUE, requests)
    run_to_end(work, sources.STAGE, atoms.STAGE)
    created = receive_all(database, PROVENANCE_QUEUE)

    with database.unit_of_work() as unit_of_work:
        identity = ModelIdentity("text", "drawn", 384, "0" * 64, "int8", "{}")
        [model] = activate_embedding_models(unit_of_work, [identity])
        rows = database.connection().execute("SELECT AtomId FROM Atom WHERE Subtype = 'sentence' ORDER BY AtomId")
        ids = [row["AtomId"] for row in rows][number * SOURCES * SENTENCES :]
        vectors = np.random.default_rng(number).normal(size=(len(ids), 384)).astype("<f4")
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        unit_of_work.execute_many(
            "insert_embedding",
            (
                (atom, model, 384, vector.tobytes(), 1, "run", timestamp())
                for atom, vector in zip(ids, vectors, strict=True)
            ),
        )
    run_to_end(work, projections.STAGE)
    projected = receive_all(database, PROVENANCE_QUEUE)
    embedded = atoms_events("AtomsEmbedded", TENANT, ids, run_id="run")
    return [*((m.ordering_key, m.body) for m in created), *embedded, *((m.ordering_key, m.body) for m in projected)]
