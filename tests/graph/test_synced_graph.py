"""Whatever happens in whatever order, the copy that events made is in the end what the views say, kind by kind, and what a rebuild makes."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from hartonomous_assets import atoms, projections, provenance, sources
from hartonomous_assets.stage import Work
from hartonomous_core.clock import current_hour
from hartonomous_core.messages import INGESTION_QUEUE, PROVENANCE_QUEUE, atoms_events, deletion_events
from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.graph.materialized import MaterializedGraph
from hartonomous_resources.work.agreement import hours_of
from hartonomous_resources.work.graph_rebuild import rebuild_hour
from hartonomous_service.inferences import InferenceRecord, record_inference
from tests.builders import enqueue, open_home, request
from tests.graph.test_agreement import COPIES, differences, embed, hash_of, run
from tests.held_graph import HeldGraph, content_of, content_of_views, forget_source

SENTENCES = ["The sea rises.", "Bees dance.", "Fog lies low.", "It is so.", "Who knows."]
TENANTS = (0, 7)
some = st.lists(st.sampled_from(SENTENCES), max_size=3, unique=True)
tenants = st.sampled_from(TENANTS)


class Synced(RuleBasedStateMachine):
    """Two tenants' atoms, sources and inferences on SQLite; events are synced a few at a time, twice, or late."""

    def __init__(self, copy: MaterializedGraph) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name)
        database = SqliteDatabase(path / "hartonomous.db")
        database.migrate()
        self.copy = copy
        self.home = open_home(path, database, copy, provenance_batch_size=2, text_unit="sentence")
        self.work = Work(current_hour(), "run", self.home)
        self.inferences = 0
        self.told: list[tuple[str, bytes]] = []
        """Events that were sent."""

    @property
    def client(self) -> Any:
        return self.home.database.connection()  # type: ignore[attr-defined]

    def query(self, text: str) -> list[Any]:
        return self.client.execute(text).fetchall()  # type: ignore[no-any-return]

    def send(self, *events: tuple[str, bytes]) -> None:
        with self.home.database.unit_of_work() as unit_of_work:
            unit_of_work.enqueue(PROVENANCE_QUEUE, events)

    @rule(given=some, answers=some, tenant=tenants)
    def record(self, given: list[str], answers: list[str], tenant: int) -> None:
        self.inferences += 1
        record_inference(
            self.home,
            InferenceRecord(
                model="m",
                task=None,
                input_atoms=[hash_of(text) for text in given],
                output_texts=answers,
                inference_id=f"inference-{self.inferences}",
                tenant_id=tenant,
            ),
        )

    @rule(texts=some.filter(bool), name=st.sampled_from(["a", "b"]), tenant=tenants)
    def ingest(self, texts: list[str], name: str, tenant: int) -> None:
        body = request(rawData=" ".join(texts).encode(), sourceUri=name, contentType="text/plain", tenantId=tenant)
        enqueue(self.home.database, INGESTION_QUEUE, [body])
        run(self.home, sources.STAGE, atoms.STAGE)

    @rule(texts=some.filter(lambda texts: len(texts) > 1), run_id=st.sampled_from(["other", "third"]))
    def ingest_in_two_runs(self, texts: list[str], run_id: str) -> None:
        """One that was stopped in the middle: in between, its atoms are there and its source is not."""
        enqueue(
            self.home.database,
            INGESTION_QUEUE,
            [request(rawData=" ".join(texts).encode(), sourceUri="c", contentType="text/plain")],
        )
        run(self.home, sources.STAGE)
        slow = open_home(Path(self.folder.name), self.home.database, self.copy, atom_batch_size=1, text_unit="sentence")
        steps = atoms.STAGE.steps(Work(current_hour(), run_id, slow, "another"))
        next(steps)
        embed(self.home)
        self.sync_some()
        steps.close()
        run(self.home, atoms.STAGE)

    @rule(text=st.sampled_from(SENTENCES), tenant=tenants)
    def insert_by_hand(self, text: str, tenant: int) -> None:
        self.client.execute(
            "INSERT OR IGNORE INTO Atom (TenantId, Modality, ContentHash, CanonicalText) VALUES (?, 'text', ?, ?)",
            (tenant, bytes.fromhex(hash_of(text)), text),
        )

    @rule()
    def embed(self) -> None:
        embed(self.home)
        run(self.home, projections.STAGE)

    @precondition(lambda self: self.query("SELECT 1 FROM Source"))
    @rule(data=st.data())
    def forget(self, data: st.DataObject) -> None:
        """A source goes, and whoever removes it says so, of it and of the version that is current again."""
        chosen = data.draw(st.sampled_from(self.query("SELECT SourceId, TenantId FROM Source ORDER BY SourceId")))
        older = self.query(f"SELECT SourceId FROM Source WHERE SupersededBy = {chosen['SourceId']}")
        newer = self.query(f"SELECT 1 FROM Source WHERE SourceId = {chosen['SourceId']} AND SupersededBy IS NOT NULL")
        if older and newer:
            return  # of three versions the middle one: two would be current
        forget_source(self.client, chosen["SourceId"])
        for source_id in (chosen["SourceId"], *(row["SourceId"] for row in older)):
            self.send(*atoms_events("AtomsCreated", chosen["TenantId"], [], source_id))

    @precondition(lambda self: self.query("SELECT 1 FROM Atom WHERE InsertedByHand = 1 AND ReferenceCount = 0"))
    @rule(data=st.data(), by_hash=st.booleans())
    def forget_atom(self, data: st.DataObject, by_hash: bool) -> None:
        """An atom that somebody inserted goes."""
        found = self.query(
            "SELECT AtomId, TenantId, lower(hex(ContentHash)) AS hash FROM Atom WHERE InsertedByHand = 1"
            " AND ReferenceCount = 0 ORDER BY AtomId"
        )
        atom = data.draw(st.sampled_from(found))
        self.client.execute("DELETE FROM AtomEmbedding WHERE AtomId = ?", (atom["AtomId"],))
        self.client.execute("DELETE FROM Atom WHERE AtomId = ?", (atom["AtomId"],))
        by_id = atoms_events("AtomsCreated", atom["TenantId"], [atom["AtomId"]])
        self.send(*(deletion_events(atom["TenantId"], [atom["hash"]]) if by_hash else by_id))

    @rule()
    def sync_some(self) -> None:
        self.remember()
        next(provenance.STAGE.steps(self.work))

    def remember(self) -> None:
        rows = self.query(
            "SELECT OrderingKey, Body FROM QueueMessage WHERE Queue = 'ProvenanceQueue' ORDER BY Sequence"
        )
        self.told += [(row["OrderingKey"], bytes(row["Body"])) for row in rows]

    @rule(backwards=st.booleans())
    def send_all_again(self, backwards: bool) -> None:
        """Those that were synced long ago, and those that wait."""
        self.remember()
        events = list(dict.fromkeys(self.told))
        self.send(*(events[::-1] if backwards else events))

    def teardown(self) -> None:
        try:
            run(self.home, provenance.STAGE)
            expected = content_of_views(self.client)
            assert content_of(self.copy) == expected
            assert [differences(self.home, tenant) for tenant in TENANTS] == [[], []]
            rebuilt = HeldGraph()
            for tenant in TENANTS:
                for hour in (None, *hours_of(self.home.database, tenant)):
                    list(rebuild_hour(self.home, rebuilt, hour, tenant, everything=True))
            assert rebuilt.content() == expected
        finally:
            self.copy.close()
            self.home.database.close()
            self.folder.cleanup()


@pytest.mark.parametrize(("kind", "examples"), [("memory", 60), ("neo4j", 8)])
def test_the_synced_graph_is_the_one_of_the_views(kind: str, examples: int) -> None:
    run_state_machine_as_test(
        lambda: Synced(COPIES[kind]()), settings=settings(deadline=None, max_examples=examples, stateful_step_count=15)
    )
