"""Rows of all tables that the graph is made of, as two tenants have them: in the graph and not in it."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from hartonomous_core.vocabulary import Label
from hartonomous_resources.database.graph_views import NODE_VIEWS
from hartonomous_resources.database.protocol import Database
from hartonomous_resources.database.rows.inference_rows import insert_inference_atom
from tests.backends import rows
from tests.builders import HOUR, atom, atoms_of, insert_source

LATER_HOUR = "2026-11-23-10:00"
INFERENCE_HOUR = "2026-11-23-11:00"
TENANTS = (0, 7)
ARTIFACT, PROJECTION = "a" * 64, "b" * 64
GAP_BYTES = b" " * 99

NODES: dict[Label, set[str]] = {
    "Atom": {"shared", "of the old one", "derived", "of the archive", "by hand"},
    "Source": {"archive", "old", "new"},
    "Run": {"run 1", "run 2", "run 3"},
    "Model": {ARTIFACT, PROJECTION, "writer"},
    "Inference": {"inference 1", "inference 2"},
    "Tenant": {"itself"},
}
"""Of each tenant: atoms by their text, sources by their uri, others by their key."""

EDGES: dict[str, dict[tuple[str, str], dict[str, object]]] = {
    "Atom_INGESTED_FROM_Source": {
        ("of the archive", "archive"): {"FirstOrdinal": 0, "Count": 1},
        ("shared", "old"): {"FirstOrdinal": 0, "Count": 1},
        ("of the old one", "old"): {"FirstOrdinal": 1, "Count": 1},
        ("shared", "new"): {"FirstOrdinal": 1, "Count": 2},
        ("derived", "new"): {"FirstOrdinal": 0, "Count": 1},
    },
    "Atom_DERIVED_FROM_Atom": {("derived", "shared"): {}},
    "Source_DERIVED_FROM_Source": {("new", "archive"): {}},
    "Atom_GENERATED_BY_Run": {
        ("of the archive", "run 1"): {},
        ("of the old one", "run 1"): {},
        ("shared", "run 1"): {},
        ("shared", "run 2"): {},
        ("shared", "run 3"): {},
        ("derived", "run 2"): {},
        ("derived", "run 3"): {},
    },
    "Source_GENERATED_BY_Run": {
        ("archive", "run 1"): {},
        ("old", "run 1"): {},
        ("new", "run 2"): {},
        ("new", "run 3"): {},
    },
    "Atom_GENERATED_BY_Inference": {("derived", "inference 1"): {}, ("by hand", "inference 1"): {}},
    "Atom_EMBEDDED_BY_Model": {("shared", ARTIFACT): {"RunId": "run 2"}, ("by hand", ARTIFACT): {"RunId": None}},
    "Atom_PROJECTED_BY_Model": {("shared", PROJECTION): {}},
    "Inference_USED_ATOM_Atom": {("inference 1", "shared"): {"FirstOrdinal": 2}},
    "Inference_PRODUCED_ATOM_Atom": {
        ("inference 1", "derived"): {"FirstOrdinal": 0},
        ("inference 1", "by hand"): {"FirstOrdinal": 1},
    },
    "Inference_USED_MODEL_Model": {("inference 1", "writer"): {}, ("inference 2", ARTIFACT): {}},
    "Source_BELONGS_TO_Tenant": {("archive", "itself"): {}, ("old", "itself"): {}, ("new", "itself"): {}},
    "Source_SUPERSEDES_Source": {("new", "old"): {}},
}


def of_text(text: str) -> bytes:
    return sha256(text.encode()).digest()


@dataclass(frozen=True)
class Tables:
    """A store, and the rows that a tenant has in it."""

    database: Database
    client: Any

    def change(self, statement: str, *values: object) -> None:
        self.client.cursor().execute(statement, values)
        self.client.commit()

    def read(self, statement: str, *values: object) -> list[dict[str, Any]]:
        return rows(self.client, statement, *values)

    def view(self, name: str, tenant_id: int) -> list[dict[str, Any]]:
        return self.read(f"SELECT * FROM {name} WHERE TenantId = ?", tenant_id)

    def source(
        self, tenant_id: int, uri: str, status: str, *texts: str, runs: tuple[str, ...] = (), hour: str = HOUR
    ) -> int:
        """Make a source of atoms, and of a gap that everything has, as its runs left it."""
        with self.database.unit_of_work() as unit_of_work:
            source_id = insert_source(unit_of_work, tenant_id, uri, hour)
            gap = atom(GAP_BYTES, ordinal=10_000, modality="text", subtype="gap")
            unit_of_work.write_atoms(tenant_id, hour, {source_id: [*atoms_of(*texts), gap]})
            for run in runs:
                unit_of_work.execute("record_source_run", source_id=source_id, run_id=run)
        self.change("UPDATE Source SET Status = ?, ContentHash = ? WHERE SourceId = ?", status, of_text(uri), source_id)
        return source_id

    def atom_id(self, tenant_id: int, text: str) -> int:
        [row] = self.read("SELECT AtomId FROM Atom WHERE TenantId = ? AND ContentHash = ?", tenant_id, of_text(text))
        return int(row["AtomId"])

    def by_hand(self, tenant_id: int, text: str, subtype: str = "note") -> None:
        insert = "INSERT INTO Atom (TenantId, Modality, Subtype, ContentHash, CanonicalText, IngestHour) VALUES (?, 'text', ?, ?, ?, ?)"
        self.change(insert, tenant_id, subtype, of_text(text), text, LATER_HOUR)

    def embed(
        self, tenant_id: int, text: str, model_id: int, projection_id: int | None = None, run: str | None = None
    ) -> None:
        position = (0.5, 0.5, 0.5, 1) if projection_id else (None,) * 4
        self.change(
            "INSERT INTO AtomEmbedding (AtomId, TenantId, ModelId, Dimension, EmbeddingVector, X, Y, Z, HilbertValue, ProjectionModelId,"
            " IngestHour, RunId, CreatedAt) VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, '2026-11-23T11:00:00.000Z')",
            *(self.atom_id(tenant_id, text), tenant_id, model_id, bytes(4), *position, projection_id, HOUR, run),
        )  # fmt: skip

    def space(self, settings: str) -> tuple[int, int]:
        """Make a model and its active projection; returns their ids."""
        self.change(
            "INSERT INTO EmbeddingModel (Modality, Name, Dimension, ArtifactHash, Precision, Settings, Active, CreatedAt)"
            " VALUES ('text', 'small', 1, ?, 'fp32', ?, 0, '2026-11-23T08:00:00.000Z')",
            *(ARTIFACT, settings),
        )
        [model] = self.read("SELECT MAX(ModelId) AS id FROM EmbeddingModel")
        self.change(
            "INSERT INTO ProjectionModel (ModelId, Method, Parameters, TrainedOn, ArtifactHash, Active, CreatedAt)"
            " VALUES (?, 'landmark', '{}', 0, ?, 1, '2026-11-23T08:00:00.000Z')",
            *(model["id"], PROJECTION),
        )
        [projection] = self.read("SELECT MAX(ProjectionModelId) AS id FROM ProjectionModel")
        return model["id"], projection["id"]

    def infer(self, tenant_id: int, name: str, model: str, **named_atoms: list[str]) -> None:
        """Record an inference that names atoms by role."""
        with self.database.unit_of_work() as unit_of_work:
            unit_of_work.execute(
                "record_inference",
                inference_id=name,
                tenant_id=tenant_id,
                model=model,
                task=None,
                started_at=None,
                duration_ms=5,
                metadata="{}",
                now="2026-11-23T11:30:00.000Z",
            )
            unit_of_work.execute_many(
                insert_inference_atom,
                [
                    insert_inference_atom(
                        tenant_id=tenant_id, inference_id=name, role=role, ordinal=ordinal, atom_hash=of_text(text)
                    )
                    for role, texts in named_atoms.items()
                    for ordinal, text in enumerate(texts)
                ],
            )

    def numbers(self, tenant_id: int, label: Label) -> dict[int, str]:
        """What the tests call each node of a label, by number."""
        found = self.view(NODE_VIEWS[label], tenant_id)
        if label == "Atom":
            texts = {row["AtomId"]: row["CanonicalText"] for row in self.read("SELECT AtomId, CanonicalText FROM Atom")}
            return {row["Number"]: texts[row["Number"]] for row in found}
        if label == "Tenant":
            return {row["Number"]: "itself" for row in found}
        return {row["Number"]: row["SourceUri" if label == "Source" else "Key"] for row in found}


def two_tenants(database: Database, client: Any) -> Tables:
    """Two tenants that have the same of everything, in the graph and not in it."""
    tables = Tables(database, client)
    spaces = [tables.space(settings) for settings in ("{}", '{"window": 2}')]  # two models of one artifact are one node
    for tenant_id in TENANTS:
        _fill(tables, tenant_id, *spaces)
    return tables


def _fill(tables: Tables, tenant_id: int, space: tuple[int, int], other_space: tuple[int, int]) -> None:
    archive = tables.source(tenant_id, "archive", "Atomized", "of the archive", runs=("run 1",))
    old = tables.source(tenant_id, "old", "Atomized", "shared", "of the old one", runs=("run 1",))
    texts = ("derived", "shared", "shared")
    new = tables.source(tenant_id, "new", "Atomized", *texts, runs=("run 2", "run 3"), hour=LATER_HOUR)
    tables.change("UPDATE Source SET SupersededBy = ? WHERE SourceId = ?", new, old)
    tables.change("UPDATE Source SET ParentSourceId = ? WHERE SourceId = ?", archive, new)
    half = tables.source(tenant_id, "half written", "Atomizing", "shared", "of the half", runs=("run 4",))
    lost = tables.source(tenant_id, "lost", "DeadLettered", "shared", "of the lost", runs=("run 4",))
    erased = tables.source(tenant_id, "erased", "Erased", "of the erased", runs=("run 4",))
    landed = tables.source(tenant_id, "landed", "Landed", "of the landed")
    for hidden in (half, lost, erased, landed):
        tables.change("UPDATE Source SET ParentSourceId = ?, SupersededBy = ? WHERE SourceId = ?", new, new, hidden)
    tables.by_hand(tenant_id, "by hand")
    tables.by_hand(tenant_id, "\n", subtype="gap")
    derivation = "INSERT INTO AtomDerivation (SourceId, DerivedAtomId, FromAtomId) VALUES (?, ?, ?)"
    ids = {text: tables.atom_id(tenant_id, text) for text in ("derived", "shared", "of the half", "of the archive")}
    tables.change(derivation, new, ids["derived"], ids["shared"])
    tables.change(derivation, new, ids["derived"], ids["of the half"])
    tables.change(derivation, half, ids["derived"], ids["of the archive"])
    for each, run in ((space, "run 2"), (other_space, "run 3")):
        tables.embed(tenant_id, "shared", *each, run)
        tables.embed(tenant_id, "of the half", *each)
    tables.embed(tenant_id, "by hand", other_space[0])
    known = ["unknown", " " * 99, "shared", "of the half", "shared"]
    tables.infer(tenant_id, "inference 1", "writer", input=known, output=["derived", "by hand", "derived"])
    tables.infer(tenant_id, "inference 2", ARTIFACT)
