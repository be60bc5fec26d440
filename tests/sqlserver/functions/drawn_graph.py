"""Rows of every table that the graph's views read, drawn at random, on both stores.

What decides whether a row is in a view is drawn: statuses, gaps, atoms inserted by hand, tenants, who superseded whom.
"""

import json
import random
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from hartonomous_core.vocabulary import SOURCE_STATUSES, Label
from hartonomous_resources.database.graph_views import NODE_VIEWS
from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.database.transactions import query
from tests.tools.tsql_evaluator.server import Server

HOURS = ("2026-11-23-09:00", "2026-11-23-10:00", "2026-11-24-00:00")
TENANTS = (0, 7, 2_000_000_000)
TABLES = (
    *(
        "EmbeddingModel",
        "ProjectionModel",
        "Source",
        "SourceRun",
        "Atom",
        "SourceAtom",
        "AtomDerivation",
        "AtomEmbedding",
    ),
    *("Inference", "InferenceAtom"),
)
"""What the views read, in an order in which rows may come."""

Rows = dict[str, list[dict[str, Any]]]


def drawn(seed: int) -> Rows:
    """Rows of every table."""
    draw = random.Random(seed)

    def moment() -> str:
        return f"2026-11-{draw.randint(23, 24)}T{draw.randint(0, 23):02d}:30:00.{draw.randint(0, 999):03d}Z"

    artifacts = [letter * 64 for letter in "abcd"]
    models = [
        {
            "ModelId": n,
            "Modality": "text",
            "Name": f"model {n}",
            "Dimension": 1,
            "ArtifactHash": artifact,
            "Precision": "int8",
        }
        | {"Settings": json.dumps({"n": n}), "Active": 0, "CreatedAt": moment()}
        for n, artifact in enumerate((artifacts[0], artifacts[1], artifacts[0]), start=1)
    ]
    placed_by = ((1, artifacts[2], 1), (2, artifacts[2], 1), (3, artifacts[0], 1), (1, artifacts[3], 0))
    projections = [
        {"ProjectionModelId": n, "ModelId": model, "Method": "landmark", "Parameters": "{}", "TrainedOn": 0}
        | {"ArtifactHash": artifact, "Active": active, "CreatedAt": moment()}
        for n, (model, artifact, active) in enumerate(placed_by, start=1)
    ]
    statuses = ("Atomized",) * 6 + SOURCE_STATUSES
    sources = [
        {
            "SourceId": n,
            "TenantId": draw.choice(TENANTS),
            "SourceUri": f"u{n}",
            "Version": 1,
            "ContentType": "text/plain",
        }
        | {"ContentHash": draw.randbytes(32), "ByteLength": n, "IngestHour": draw.choice(HOURS)}
        | {
            "Status": draw.choice(statuses),
            "MessageId": "m",
            "AttemptCount": 0,
            "ReceivedAt": moment(),
            "LastSeenAt": moment(),
        }
        | {"Metadata": "{}", "SupersededBy": None, "ParentSourceId": None}
        for n in range(1, 15)
    ]
    for source in sources:
        own = [other["SourceId"] for other in sources if other["TenantId"] == source["TenantId"]]
        source["SupersededBy"], source["ParentSourceId"] = draw.choice([None, *own]), draw.choice([None, *own])
    atoms = [
        {
            "AtomId": n,
            "TenantId": draw.choice(TENANTS),
            "Modality": "text",
            "Subtype": draw.choice([None, "gap", "sentence"]),
        }
        | {
            "ContentHash": draw.randbytes(32),
            "CanonicalText": f"text {n}",
            "ContentType": draw.choice([None, "text/plain"]),
        }
        | {
            "ReferenceCount": 0,
            "InsertedByHand": int(draw.random() < 0.2),
            "IngestHour": draw.choice(HOURS),
            "CreatedAt": moment(),
        }
        for n in range(1, 31)
    ]
    of_tenant = {tenant: [atom for atom in atoms if atom["TenantId"] == tenant] for tenant in TENANTS}
    occurrences = [
        {"SourceId": source["SourceId"], "Role": role, "Ordinal": ordinal}
        | {
            "AtomId": draw.choice(of_tenant[source["TenantId"]])["AtomId"],
            "ByteOffset": 0,
            "ByteLength": 1,
            "Suffix": None,
        }
        for source in sources
        for role in ("content", "derived")
        for ordinal in range(draw.randint(0, 6))
    ]
    runs = {(draw.randint(1, 14), f"run {draw.randint(1, 5)}") for _ in range(16)}
    derivations = {
        (source["SourceId"], *(draw.choice(of_tenant[source["TenantId"]])["AtomId"] for _ in range(2)))
        for source in draw.choices(sources, k=20)
    }
    embeddings = [
        {
            "AtomId": atom["AtomId"],
            "TenantId": atom["TenantId"],
            "ModelId": model,
            "Dimension": 1,
            "EmbeddingVector": bytes(4),
        }
        | {
            "WindowCount": 1,
            "ProjectionModelId": draw.choice([None, model, 4 if model == 1 else model]),
            "IngestHour": atom["IngestHour"],
        }
        | {"RunId": draw.choice([None, "run 1", "run 2"]), "CreatedAt": moment()}
        for atom in atoms
        for model in draw.sample((1, 2, 3), draw.randint(0, 2))
    ]
    inferences = [
        {
            "InferenceNumber": n,
            "InferenceId": f"i{n}",
            "TenantId": draw.choice(TENANTS),
            "Model": draw.choice(["writer", "Writer", artifacts[0]]),
        }
        | {"Task": None, "StartedAt": None, "DurationMs": n, "Metadata": "{}", "CreatedAt": moment()}
        | {"IngestHour": draw.choice(HOURS)}
        for n in range(1, 9)
    ]
    named = [
        {"TenantId": inference["TenantId"], "InferenceId": inference["InferenceId"], "Role": role, "Ordinal": ordinal}
        | {
            "AtomHash": draw.choice(
                [draw.randbytes(32), *(atom["ContentHash"] for atom in of_tenant[inference["TenantId"]])]
            )
        }
        for inference in inferences
        for role in ("input", "output")
        for ordinal in range(draw.randint(0, 5))
    ]
    return {
        "EmbeddingModel": models,
        "ProjectionModel": projections,
        "Source": sources,
        "SourceRun": [{"SourceId": source, "RunId": run} for source, run in sorted(runs)],
        "Atom": atoms,
        "SourceAtom": occurrences,
        "AtomDerivation": [dict(zip(("SourceId", "DerivedAtomId", "FromAtomId"), row, strict=True)) for row in sorted(derivations)],
        "AtomEmbedding": embeddings,
        "Inference": inferences,
        "InferenceAtom": named,
    }  # fmt: skip


def fill(client: sqlite3.Connection, given: Rows) -> Rows:
    """Write rows to an embedded database; returns all that the views read, with the names and tenants that its triggers added."""
    client.execute("PRAGMA foreign_keys = OFF")  # rows of a table name one another
    for table in TABLES:
        for row in given[table]:
            marks = ", ".join(f":{name}" for name in row)
            client.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", row)
    client.commit()
    return given | {
        name: list(map(dict, client.execute(f"SELECT * FROM {name}"))) for name in ("GraphName", "KnownTenant")
    }


@dataclass(frozen=True)
class Both:
    """The same rows on both."""

    embedded: SqliteDatabase
    server: Server

    def numbers(self, label: Label) -> list[int]:
        found = self.embedded.connection().execute(f"SELECT DISTINCT Number FROM {NODE_VIEWS[label]}")
        return [row["Number"] for row in found]

    def ask(self, name: str, **parameters: Any) -> list[dict[str, Any]]:
        return self.server.execute(f"usp_{name}", **parameters)[-1]

    def same(self, name: str, *, ordered: bool = False, **parameters: Any) -> None:
        """A named statement has the same answer."""
        expected, found = query(self.embedded, name, **parameters), self.ask(name, **parameters)
        assert (plain if ordered else in_order)(found) == (plain if ordered else in_order)(expected), parameters

    def change(self, table: str, column: str, value: int, where: str) -> None:
        """Change rows of both, in the embedded database's open transaction."""
        client, key = self.embedded.connection(), f"{table}Id"
        ids = {row[key] for row in client.execute(f"SELECT {key} FROM {table} WHERE {where}")}
        client.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (value,))
        stored = self.server.table(table)
        for row in stored.rows:
            if row[key.lower()] in ids:
                stored.change(row, {column.lower(): value})


def plain(rows: Iterable[Any]) -> list[dict[str, Any]]:
    """Rows with values as SQLite has them."""
    return [{name: _plain(value) for name, value in dict(row).items()} for row in rows]


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    return str(value) if isinstance(value, str) else value


def in_order(rows: Iterable[Any]) -> list[dict[str, Any]]:
    return sorted(plain(rows), key=repr)
