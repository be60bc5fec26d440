"""Rows of which the graphs of these tests are made: written as plain SQL, as any client may, each in its own moment.

What they make of the graph is said by the views; a copy is filled with what those say.
"""

import hashlib
from collections.abc import Iterable
from itertools import count
from typing import Any

from hartonomous_core.vocabulary import Label
from hartonomous_resources.database.graph_views import EDGE_VIEWS, NODE_VIEWS, row_properties
from hartonomous_resources.database.protocol import Database
from hartonomous_resources.graph.materialized import EdgeRow, GraphChange
from hartonomous_resources.graph.protocol import Node, NodeId
from tests.backends import rows
from tests.builders import HOUR

NOON, ONE, TWO = "2026-11-23T12:00:00.000Z", "2026-11-23T13:00:00.000Z", "2026-11-23T14:00:00.000Z"


class Tables:
    """Inserts sources, atoms and inferences; every number that it returns is that of a node."""

    def __init__(self, client: Any, tenant: int = 0) -> None:
        self.client = client
        self.tenant = tenant
        self._names = (f"{tenant}-{n}" for n in count())

    def atom(self, content: str | None = None, *, at: str = NOON, by_hand: bool = False, gap: bool = False) -> NodeId:
        """An atom; one that is not inserted by hand is in the graph once an announced source holds it."""
        text = next(self._names) if content is None else content
        self._insert(
            "Atom",
            TenantId=self.tenant,
            Modality="text",
            Subtype="gap" if gap else "sentence",
            ContentHash=hashlib.sha256(text.encode()).digest(),
            CanonicalText=None if gap else text,
            AtomicValue=text.encode() if gap else None,
            ContentType="text/sentence",
            InsertedByHand=int(by_hand),
            IngestHour=HOUR,
            CreatedAt=at,
        )
        return "Atom", self._last("Atom", "AtomId")

    def atoms(self, n: int) -> list[NodeId]:
        return [self.atom() for _ in range(n)]

    def source(
        self,
        *atoms: NodeId,
        at: str = NOON,
        runs: Iterable[str] = (),
        status: str = "Atomized",
        parent: NodeId | None = None,
        supersedes: NodeId | None = None,
        uri: str | None = None,
    ) -> NodeId:
        """A source that holds atoms in this order, however often; announced, unless its status is another one."""
        self._insert(
            "Source",
            TenantId=self.tenant,
            SourceUri=uri or f"file:///{next(self._names)}",
            ParentSourceId=parent and parent[1],
            Version=1,
            ContentType="text/plain",
            ContentHash=bytes(32),
            ByteLength=1,
            IngestHour=HOUR,
            Status=status,
            MessageId="message",
            ReceivedAt=at,
            LastSeenAt=at,
        )
        number = self._last("Source", "SourceId")
        self.hold(("Source", number), *atoms)
        for run in runs:
            self._insert("SourceRun", SourceId=number, RunId=run)
        if supersedes:
            self._run("UPDATE Source SET SupersededBy = ? WHERE SourceId = ?", number, supersedes[1])
        return "Source", number

    def hold(self, source: NodeId, *atoms: NodeId) -> None:
        """Further occurrences in a source."""
        [held] = rows(self.client, "SELECT COUNT(*) AS n FROM SourceAtom WHERE SourceId = ?", source[1])
        for ordinal, (_, atom) in enumerate(atoms, held["n"]):
            self._insert("SourceAtom", SourceId=source[1], Role="content", Ordinal=ordinal, AtomId=atom)

    def derived(self, source: NodeId, atom: NodeId, *origins: NodeId) -> None:
        """An atom that was made from others of a source."""
        for origin in origins:
            self._insert("AtomDerivation", SourceId=source[1], DerivedAtomId=atom[1], FromAtomId=origin[1])

    def model(self, name: str) -> None:
        """An embedding model; nothing, where it is there already."""
        if not rows(self.client, "SELECT ModelId FROM EmbeddingModel WHERE ArtifactHash = ?", name):
            self._insert(
                "EmbeddingModel",
                Modality="text",
                Name=name,
                Dimension=1,
                ArtifactHash=name,
                Precision="fp32",
                Settings="{}",
                Active=0,
                CreatedAt=NOON,
            )

    def embedded(self, model: str, *atoms: NodeId, at: str = NOON) -> None:
        self.model(model)
        [found] = rows(self.client, "SELECT ModelId AS id FROM EmbeddingModel WHERE ArtifactHash = ?", model)
        for _, atom in atoms:
            self._insert(
                "AtomEmbedding",
                AtomId=atom,
                TenantId=self.tenant,
                ModelId=found["id"],
                Dimension=1,
                EmbeddingVector=bytes(4),
                IngestHour=HOUR,
                CreatedAt=at,
            )

    def inference(
        self,
        used: Iterable[NodeId] = (),
        made: Iterable[NodeId] = (),
        *,
        model: str = "writer",
        at: str = NOON,
        name: str | None = None,
        task: str | None = None,
    ) -> NodeId:
        """An inference that was given atoms and produced others."""
        inference_id = name or f"answer-{next(self._names)}"
        self._insert("Inference", InferenceId=inference_id, TenantId=self.tenant, Model=model, Task=task, CreatedAt=at)
        for role, atoms in (("input", used), ("output", made)):
            for ordinal, (_, atom) in enumerate(atoms):
                [held] = rows(self.client, "SELECT ContentHash AS hash FROM Atom WHERE AtomId = ?", atom)
                self._insert(
                    "InferenceAtom",
                    TenantId=self.tenant,
                    InferenceId=inference_id,
                    Role=role,
                    Ordinal=ordinal,
                    AtomHash=held["hash"],
                )
        return "Inference", self._last("Inference", "InferenceNumber")

    def named(self, label: Label, name: str) -> NodeId:
        """The node of a run or of a model."""
        [found] = rows(self.client, "SELECT Number AS n FROM GraphName WHERE Label = ? AND Name = ?", label, name)
        return label, int(found["n"])

    def _insert(self, table: str, **values: object) -> None:
        places = ", ".join("?" for _ in values)
        self._run(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({places})", *values.values())

    def _run(self, statement: str, *parameters: object) -> None:
        self.client.cursor().execute(statement, parameters)
        self.client.commit()

    def _last(self, table: str, column: str) -> int:
        return int(rows(self.client, f"SELECT MAX({column}) AS id FROM {table}")[0]["id"])


def copy_of_views(database: Database, client: Any, tenant: int) -> GraphChange:
    """What a copy of the views holds of a tenant, read without the code that finds what an event changes."""
    nodes, edges = [], []
    with database.read() as unit_of_work:
        for label, view_name in NODE_VIEWS.items():
            numbers = [
                row["n"] for row in rows(client, f"SELECT Number AS n FROM {view_name} WHERE TenantId = ?", tenant)
            ]
            if not numbers:
                continue
            nodes += [
                Node(tenant, label, row["Number"], row["Key"], row_properties(row))
                for row in unit_of_work.graph_nodes(tenant, label, numbers)
            ]
            for view in EDGE_VIEWS:
                if view.start == label:
                    edges += [
                        EdgeRow(tenant, view, row["FromNumber"], row["ToNumber"], row_properties(row))
                        for row in unit_of_work.graph_edges(tenant, view, "upstream", numbers)
                    ]
    return GraphChange(nodes=nodes, edges=edges)
