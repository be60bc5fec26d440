"""Builds the smallest rows, messages and homes that tests need, and reads back what came of them."""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hartonomous_core.clock import timestamp
from hartonomous_core.embedders.protocol import Embeddings, TokenEmbeddings
from hartonomous_resources.compute.model_source import ModelSource
from hartonomous_resources.compute.own_models import OWN_MODELS
from hartonomous_resources.compute.protocol import ComputeUnavailable, ModelIdentity
from hartonomous_resources.database.protocol import Database, Message, Row, UnitOfWork
from hartonomous_resources.database.rows.atom_rows import AtomRow
from hartonomous_resources.graph.protocol import Graph
from hartonomous_resources.graph.table_graph import TableGraph
from hartonomous_resources.resources import Resources, open_blobs, open_compute
from hartonomous_resources.settings import Settings

HOUR = "2026-11-23-09:00"


# ---- queues


def enqueue(database: Database, queue: str, bodies: Iterable[bytes], key: str = "key") -> list[str]:
    """Put messages on a queue in a transaction of their own."""
    with database.unit_of_work() as unit_of_work:
        return unit_of_work.enqueue(queue, [(key, body) for body in bodies])


def receive_all(database: Database, queue: str, batch_size: int = 100) -> list[Message]:
    """Receive and acknowledge until the queue is empty."""
    received: list[Message] = []
    while True:
        with database.receive(queue, batch_size) as delivery:
            received += delivery.messages
        if not delivery.messages:
            return received


def receive_and_return(database: Database, queue: str, batch_size: int = 100) -> list[Message]:
    """Receive messages and let the unit of work fail, so that they return to the queue."""
    messages: list[Message] = []
    with suppress(InterruptedError), database.receive(queue, batch_size) as delivery:
        messages = list(delivery.messages)
        raise InterruptedError
    return messages


def dead_letters(database: Database) -> list[Row]:
    """Return every dead letter, the newest first."""
    with database.read() as unit_of_work:
        return unit_of_work.query("dead_letters", tenant_id=None, dead_letter_id=None, after=None, n=10_000)


# ---- atoms


def atom(content: bytes | str, ordinal: int = 0, **changes: Any) -> AtomRow:
    """Build an atom as it occurs in a source: a sentence if its content is a text, which is then its only copy, a chunk if it is bytes."""
    data = content.encode() if isinstance(content, str) else content
    is_text = isinstance(content, str)
    fields: dict[str, Any] = {
        "content_hash": hashlib.sha256(data).digest(),
        "content": None if is_text else b"" if changes.get("blob_key") else data,
        "byte_length": len(data),
        "blob_key": None,
        "modality": "text" if is_text else "binary",
        "subtype": "sentence" if is_text else "chunk",
        "content_type": "text/plain" if is_text else "application/octet-stream",
        "canonical_text": content if is_text else None,
        "ordinal": ordinal,
        "byte_offset": 0,
        "suffix": b"",
    }
    return AtomRow(**fields | changes)


def atoms_of(*contents: bytes | str) -> list[AtomRow]:
    """Build atoms with these contents, in this order."""
    return [atom(content, ordinal) for ordinal, content in enumerate(contents)]


def insert_source(unit_of_work: UnitOfWork, tenant_id: int = 0, uri: str = "file:///source", hour: str = HOUR) -> int:
    """Insert a source as Landed, the next version of its uri, and return its SourceId."""
    unit_of_work.execute(
        "insert_source",
        tenant_id=tenant_id,
        source_uri=uri,
        content_type="text/plain",
        byte_length=1,
        hour=hour,
        message_id="message",
        read_uri=uri,
        blob_key=None,
        now=timestamp(),
        metadata="{}",
    )
    return int(sources(unit_of_work, uri)[0]["sourceId"])


def sources(unit_of_work: UnitOfWork, uri: str | None = None) -> list[Row]:
    """Return all sources, or those of a uri, the newest first."""
    return unit_of_work.query("sources", tenant_id=None, source_id=None, source_uri=uri, status=None, n=10_000)


def claim_sources(unit_of_work: UnitOfWork, owner: str, hour: str = HOUR, lease_seconds: float = 60) -> list[Row]:
    """Claim the next source, as the stage does."""
    chosen = unit_of_work.query("claimable_sources", hour=hour, now=timestamp(), n=1)
    return unit_of_work.query(
        "claim_sources",
        source_ids=json.dumps([row["sourceId"] for row in chosen]),
        owner=owner,
        lease_until=timestamp(lease_seconds),
    )


def write(
    database: Database, *contents: bytes | str, tenant_id: int = 0, uri: str = "file:///source", hour: str = HOUR
) -> int:
    """Insert a source and its atoms in one transaction; returns the SourceId."""
    with database.unit_of_work() as unit_of_work:
        source_id = insert_source(unit_of_work, tenant_id, uri, hour)
        unit_of_work.write_atoms(tenant_id, hour, {source_id: atoms_of(*contents)})
    return source_id


def broken_invariants(database: Database, *statements: str) -> dict[str, list[Row]]:
    """Run these statements of invariants.sql and return the rows that break each; empty where all is well."""
    with database.read() as unit_of_work:
        found = {name: unit_of_work.query(name, hour=None, tenant_id=None) for name in statements}
    return {name: broken for name, broken in found.items() if broken}


# ---- homes and messages


def open_home(folder: Path, database: Database, graph: Graph | None = None, **settings: Any) -> Resources:
    """Open a home in `folder` whose messages may name the files of `folder / "files"`. It loads no model before it embeds something."""
    graph = graph or TableGraph(database)
    files = folder / "files"
    files.mkdir(parents=True, exist_ok=True)
    chosen = Settings(home=folder, **{"linger_seconds": 0, "allowed_roots": [files], **settings})
    return Resources(chosen, database, graph, open_compute(chosen), open_blobs(chosen))


def small_model(name: str, modality: str = "text") -> ModelIdentity:
    """Describe a model of three dimensions."""
    return ModelIdentity(modality, name, 3, hashlib.sha256(name.encode()).hexdigest(), "fp32", "{}")


class SmallCompute:
    """A Compute whose models have three dimensions, by default one text model; it keeps the texts that it embedded."""

    def __init__(self, *models: ModelIdentity) -> None:
        self.texts: list[str] = []
        self._models = models or (small_model("small"),)

    def models(self) -> Sequence[ModelIdentity]:
        return self._models

    def find(self, source: ModelSource) -> ModelIdentity:
        """Find one of its models by name."""
        for model in self._models:
            if model.name == source.model:
                return model
        raise ComputeUnavailable(f"{source.model} is not there")

    def warm(self, _sources: Sequence[ModelSource] = ()) -> None:
        """It has nothing to load."""

    def embed(self, model: ModelIdentity, texts: list[str]) -> Embeddings:
        if load := OWN_MODELS.get(model):
            return load().embed(texts)
        self.texts += texts
        return Embeddings(
            np.tile(np.array([1, 0, 0], dtype=np.float32), (len(texts), 1)), np.ones(len(texts), dtype=np.int64)
        )

    def embed_tokens(self, model: ModelIdentity, texts: list[str]) -> list[TokenEmbeddings]:
        """It has no vectors of tokens."""
        no_tokens, no_offsets = np.empty((0, 3), dtype=np.float32), np.empty((0, 2), dtype=np.int64)
        return [TokenEmbeddings(vector, no_tokens, no_offsets) for vector in self.embed(model, texts).vectors]

    def project(
        self, vectors: NDArray[np.float32], _axes: NDArray[np.float64], _mean: NDArray[np.float64], _scale: float
    ) -> NDArray[np.float64]:
        return vectors[:, :3].astype(np.float64)

    def device(self) -> str:
        return "none"


def request(**fields: object) -> bytes:
    """Build the body of an IngestionRequest, of tenant 0 unless the fields say otherwise; bytes become base64."""
    coded = {name: base64.b64encode(f).decode() if isinstance(f, bytes) else f for name, f in fields.items()}
    return json.dumps({"tenantId": 0, **coded}).encode()


def without(values: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Copy a mapping without some of its names."""
    return {name: value for name, value in values.items() if name not in names}
