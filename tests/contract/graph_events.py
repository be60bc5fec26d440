"""What applications and stages do, the events that tell of it, and how a copy of the graph is synced by them."""

import hashlib
import json
from collections import Counter
from typing import Any

from hartonomous_assets import atoms, sources
from hartonomous_assets.chain import run_stages
from hartonomous_assets.stage import Work
from hartonomous_core.clock import current_hour, timestamp
from hartonomous_core.messages import (
    INGESTION_QUEUE,
    PROVENANCE_QUEUE,
    ProvenanceEvent,
    parse_provenance_event,
)
from hartonomous_resources.database.protocol import Database
from hartonomous_resources.graph.materialized import GraphChange
from hartonomous_resources.resources import Resources
from hartonomous_resources.work.graph_sync import changes_of
from hartonomous_service.inferences import InferenceRecord, record_inference
from tests.backends import rows
from tests.builders import enqueue, receive_all, request
from tests.held_graph import HeldGraph

SEA, BEES, FOG = "The sea rises.", "Bees dance.", "Fog lies low."


def hash_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def events(database: Database) -> list[ProvenanceEvent]:
    """Take all events off the queue."""
    return [parse_provenance_event(message.body) for message in receive_all(database, PROVENANCE_QUEUE)]


def event(kind: str, *atom_ids: int, tenant: int = 0, **fields: object) -> ProvenanceEvent:
    document = {"eventType": kind, "tenantId": tenant, "atomIds": list(atom_ids), **fields}
    return parse_provenance_event(json.dumps(document).encode())


def ingest(home: Resources, *texts: str, uri: str = "one", tenant: int = 0, run: str = "run") -> list[ProvenanceEvent]:
    """Atomize a text of these sentences; returns the events that tell of it."""
    body = request(rawData=" ".join(texts).encode(), sourceUri=uri, contentType="text/plain", tenantId=tenant)
    enqueue(home.database, INGESTION_QUEUE, [body])
    run_stages(Work(current_hour(), run, home), [sources.STAGE, atoms.STAGE], 0, lambda _stage, _report: None)
    return events(home.database)


def sync(home: Resources, graph: HeldGraph, *told: ProvenanceEvent) -> list[GraphChange]:
    """Write what events point at; returns the changes."""
    changes = []
    for change in changes_of(home.database, graph, told):
        graph.write(change)
        changes.append(change)
    return changes


def use(home: Resources, *texts: str, name: str, answers: tuple[str, ...] = (), tenant: int = 0) -> None:
    """Record an inference that was given texts."""
    record_inference(
        home,
        InferenceRecord(
            model="m",
            task=None,
            input_atoms=[hash_of(text) for text in texts],
            output_texts=list(answers),
            inference_id=name,
            tenant_id=tenant,
        ),
    )


def embed(database: Database, client: Any, *atom_ids: int) -> None:
    """Store vectors of atoms by a model of their own."""
    cursor = client.cursor()
    cursor.execute(
        "INSERT INTO EmbeddingModel (Modality, Name, Dimension, ArtifactHash, Precision, Settings, Active, CreatedAt)"
        " VALUES ('text', 'drawn', 3, 'drawn', 'fp32', '{}', 0, ?)",
        (timestamp(),),
    )
    client.commit()
    model = rows(client, "SELECT MAX(ModelId) AS id FROM EmbeddingModel")[0]["id"]
    cursor.executemany(
        "INSERT INTO AtomEmbedding (AtomId, TenantId, ModelId, Dimension, EmbeddingVector, IngestHour, CreatedAt, RunId)"
        " SELECT AtomId, TenantId, ?, 3, ?, IngestHour, CreatedAt, 'run' FROM Atom WHERE AtomId = ?",
        [(model, b"\0\0\x80\x3f" + bytes(8), atom_id) for atom_id in atom_ids],
    )
    client.commit()


def place(client: Any, artifact: str, *atom_ids: int) -> None:
    """Store positions of atoms by a projection of their own, which takes the place of what placed them before."""
    cursor = client.cursor()
    cursor.execute("UPDATE ProjectionModel SET Active = 0")
    cursor.execute(
        "INSERT INTO ProjectionModel (ModelId, Method, Parameters, TrainedOn, ArtifactHash, Active, CreatedAt)"
        " SELECT MAX(ModelId), 'drawn', '{}', 0, ?, 1, ? FROM EmbeddingModel",
        (artifact, timestamp()),
    )
    cursor.executemany(
        "UPDATE AtomEmbedding SET X = 0.1, Y = 0.1, Z = 0.1, HilbertValue = 1,"
        " ProjectionModelId = (SELECT MAX(ProjectionModelId) FROM ProjectionModel) WHERE AtomId = ?",
        [(atom_id,) for atom_id in atom_ids],
    )
    client.commit()


def atom_ids(client: Any, *texts: str, tenant: int = 0) -> list[int]:
    found = {
        row["hash"]: row["id"]
        for row in rows(client, "SELECT ContentHash AS hash, AtomId AS id FROM Atom WHERE TenantId = ?", tenant)
    }
    return [found[bytes.fromhex(hash_of(text))] for text in texts]


def types(changes: list[GraphChange]) -> Counter[str]:
    return Counter(edge.view.type for change in changes for edge in change.edges)
