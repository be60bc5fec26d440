"""Whatever happens in whatever order, the graph that events made is in the end the one that a rebuild makes of the tables."""

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from hartonomous_assets import atoms, projections, provenance, sources
from hartonomous_assets.stage import Work
from hartonomous_core.clock import current_hour, timestamp
from hartonomous_core.messages import INGESTION_QUEUE, PROVENANCE_QUEUE
from hartonomous_core.vocabulary import EDGE_KINDS
from hartonomous_resources.compute.protocol import ModelIdentity
from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.graph.sqlite_graph import SqliteGraph
from hartonomous_resources.work.agreement import hours_of
from hartonomous_resources.work.graph_rebuild import rebuild_hour
from hartonomous_resources.work.models import activate_embedding_models
from hartonomous_resources.work.publishing import publish
from hartonomous_service.inferences import InferenceRecord, record_inference
from tests.builders import enqueue, open_home, request
from tests.graph.test_agreement import differences, hash_of, run, whole

SENTENCES = ["The sea rises.", "Bees dance.", "Fog lies low.", "It is so.", "Who knows."]
some = st.lists(st.sampled_from(SENTENCES), max_size=3, unique=True)
VECTOR = (b"\0\0\x80\x3f" + bytes(4)) + bytes(4)


def comparable(graph: SqliteGraph) -> Any:
    """All of a graph but since when a run has made an atom: of two sources of that run, it is the one whose event came last."""
    nodes, edges = whole(graph)
    for (_, kind, end), properties in edges.items():
        if kind == "GENERATED_BY" and end[0] == "Run":
            del properties["since"]
    return nodes, edges


class Synced(RuleBasedStateMachine):
    """One tenant's atoms, sources and inferences on SQLite; events are synced a few at a time, twice, or late."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name)
        database = SqliteDatabase(path / "hartonomous.db")
        database.migrate()
        self.home = open_home(
            path, database, SqliteGraph(path / "graph.db"), provenance_batch_size=2, text_unit="sentence"
        )
        self.work = Work(current_hour(), "run", self.home)
        self.inferences = 0
        self.by_hand = False

    def query(self, text: str) -> list[Any]:
        return self.home.database.connection().execute(text).fetchall()  # type: ignore[attr-defined, no-any-return]

    @rule(given=some, answers=some)
    def record(self, given: list[str], answers: list[str]) -> None:
        self.inferences += 1
        record_inference(
            self.home,
            InferenceRecord(
                model="m",
                task=None,
                input_atoms=[hash_of(text) for text in given],
                output_texts=answers,
                inference_id=f"inference-{self.inferences}",
            ),
        )

    @rule(texts=some.filter(bool), name=st.sampled_from(["a", "b"]))
    def ingest(self, texts: list[str], name: str) -> None:
        body = request(rawData=" ".join(texts).encode(), sourceUri=name, contentType="text/plain")
        enqueue(self.home.database, INGESTION_QUEUE, [body])
        run(self.home, sources.STAGE, atoms.STAGE)

    @rule(text=st.sampled_from(SENTENCES))
    def insert_by_hand(self, text: str) -> None:
        self.by_hand = True
        values = (bytes.fromhex(hash_of(text)), text)
        self.home.database.connection().execute(  # type: ignore[attr-defined]
            "INSERT OR IGNORE INTO Atom (TenantId, Modality, ContentHash, CanonicalText) VALUES (0, 'text', ?, ?)",
            values,
        )

    @rule()
    def embed(self) -> None:
        """All that waits, as the stage leaves it."""
        with self.home.database.unit_of_work() as unit_of_work:
            identity = ModelIdentity("text", "drawn", 3, "0" * 64, "int8", "{}")
            [model] = activate_embedding_models(unit_of_work, [identity])
            waiting = self.query(
                "SELECT AtomId AS atomId, TenantId AS tenantId FROM BackgroundJob WHERE Status = 'Pending'"
            )
            rows = [(row["atomId"], model, 3, VECTOR, 1, "run", timestamp()) for row in waiting]
            unit_of_work.execute_many("insert_embedding", rows)
            publish(unit_of_work, "AtomsEmbedded", waiting, "run")
        self.home.database.connection().execute("UPDATE BackgroundJob SET Status = 'Completed'")  # type: ignore[attr-defined]
        run(self.home, projections.STAGE)

    @rule()
    def sync_some(self) -> None:
        next(provenance.STAGE.steps(self.work))

    @precondition(lambda self: self.query("SELECT 1 FROM QueueMessage"))
    @rule(backwards=st.booleans())
    def send_all_again(self, backwards: bool) -> None:
        rows = self.query("SELECT OrderingKey, Body FROM QueueMessage ORDER BY Sequence")
        events = [(row["OrderingKey"], bytes(row["Body"])) for row in rows]
        with self.home.database.unit_of_work() as unit_of_work:
            unit_of_work.enqueue(PROVENANCE_QUEUE, events[::-1] if backwards else events)

    def teardown(self) -> None:
        if self.by_hand:  # such an atom comes with the event of its embedding
            self.embed()
        run(self.home, provenance.STAGE)
        fresh = SqliteGraph(Path(self.folder.name, "fresh.db"))
        of_tables = open_home(Path(self.folder.name), self.home.database, fresh)
        for _ in range(2):  # an inference of an hour may have used atoms of a later one
            for hour in hours_of(self.home.database, 0):
                list(rebuild_hour(of_tables, hour, 0, everything=True))
        try:
            rebuilt = comparable(fresh)
            assert comparable(self.home.graph) == rebuilt
            joined = {(kind, (start[0], end[0])) for start, kind, end in rebuilt[1]}
            assert [each for each in joined if each[1] not in EDGE_KINDS[each[0]].joins] == []
            assert differences(self.home) == []
        finally:
            fresh.close()
            self.home.graph.close()
            self.home.database.close()
            self.folder.cleanup()


def test_the_synced_graph_is_the_one_of_the_tables() -> None:
    run_state_machine_as_test(Synced, settings=settings(deadline=None, max_examples=40, stateful_step_count=15))
