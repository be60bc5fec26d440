"""Makes the database of this release, small, with rows in every table, and writes it here as text, with the digests of the migrations of
every store: from then on a test fails when one of them changes.

Run `python -m tests.released.make` when the migrations of a release are final, and add what it writes.
"""

import json
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from unittest.mock import patch

import numpy as np

from hartonomous_assets import atoms, embeddings, projections, provenance, sources
from hartonomous_assets.projections import place_anew
from hartonomous_core.clock import current_hour
from hartonomous_core.messages import INGESTION_QUEUE, PROVENANCE_QUEUE
from hartonomous_core.spatial.fitted import fit_pca, to_artifact
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.embedding_rows import EmbeddingModel
from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.database.transactions import transact
from hartonomous_resources.resources import Resources
from hartonomous_resources.work.models import active_embedding_models
from hartonomous_resources.work.space_projections import add_projection_model, fill_with
from hartonomous_service.background_jobs import create_job, update_job_status
from hartonomous_service.inferences import InferenceRecord, record_inference
from tests.builders import SmallCompute, enqueue, open_home, request
from tests.released import FOLDER, migrations
from tests.stages import put_file, run_stages_of

_STAGES = (sources.STAGE, atoms.STAGE, embeddings.STAGE, projections.STAGE, provenance.STAGE)
_TIDES = "The tide rises twice a day.\n\nThe moon pulls at the sea: où va l'eau? 水が満ちる。\n"
_BARNACLES = " ".join(
    f"Barnacle {n} shuts its plates when the water is gone, and waits for the tide." for n in range(40)
)
_WAITING = """
INSERT INTO Atom (TenantId, Modality, Subtype, ContentHash, CanonicalText, AtomicValue)
  VALUES (1, 'text', 'note', x'2259E961582C9AE17235DB655C751DDB198605C3BEA788A4170A8BAA3511C614', 'typed', CAST('typed' AS BLOB));
INSERT INTO PathGrant (MessageId, Uri) VALUES ('a message', 'file:///granted.txt');
INSERT INTO QueueLease (Queue, LeaseOwner, LeaseUntil) VALUES ('ProvenanceQueue', 'nobody', '2026-01-01T00:00:00.000Z');
INSERT INTO AtomDerivation (SourceId, DerivedAtomId, FromAtomId)
  SELECT SourceId, MAX(AtomId), MIN(AtomId) FROM SourceAtom GROUP BY SourceId HAVING COUNT(DISTINCT AtomId) > 1;
INSERT INTO HttpRequest (TenantId, KeyHash, ClaimId, ClaimedUntil, Fingerprint, StatusCode, Answer, CreatedAt)
  VALUES (0, zeroblob(32), 'a claim', '2026-01-01T00:02:00.000Z', zeroblob(32), 201, '{"sourceId": 1}', '2026-01-01T00:00:00.000Z');
INSERT OR IGNORE INTO StageTotal (Stage, Runs, Seconds, Done) VALUES ('sources', 1, 0.5, 1);
INSERT INTO Erasure (TenantId, Salt, SaltedHash, AtomsErased, AtomsKept, BytesErased, GraphNodesErased, ErasedAt)
  VALUES (0, x'00', x'FF', 3, 1, 100, 4, '2026-01-01T00:00:00.000Z');
INSERT INTO ApiKey (KeyId, SecretHash, TenantId, Scopes, Name, CreatedAt)
  VALUES ('0011223344556677', zeroblob(32), 0, 'read', '', '2026-01-01T00:00:00.000Z');
"""
"""What is inserted by hand, and what nothing writes yet, or not for long."""


def open_with_small_model(folder: Path) -> Resources:
    """Open a home whose model needs no files."""
    database = SqliteDatabase(folder / "hartonomous.db")
    database.migrate()
    home = open_home(folder, database)
    object.__setattr__(home, "compute", SmallCompute())
    return home


def close(home: Resources) -> None:
    home.database.close()


def run(home: Resources) -> None:
    """Do what is pending in the running hour."""
    run_stages_of(home, *_STAGES)


def fill(home: Resources) -> None:
    """Do what a home does: versions of a file, bytes, jobs of every status, an inference, dead letters, and work that waits."""
    for text in (_TIDES, f"{_TIDES}\n{_BARNACLES}\n"):
        uri = put_file(home, "tides.txt", text.encode()).as_uri()
        enqueue(home.database, INGESTION_QUEUE, [request(uri=uri, metadata={"topic": "sea"})])
        run(home)
    short, long = bytes(range(40)), bytes(range(256)) * 4
    enqueue(
        home.database,
        INGESTION_QUEUE,
        [request(rawData=each, sourceUri=f"bytes:{len(each)}") for each in (short, long)],
    )
    enqueue(home.database, INGESTION_QUEUE, [b"{"])
    run(home)
    record_inference(
        home,
        InferenceRecord(
            tenant_id=0, model="a model", input_atoms=["0" * 64], output_texts=["The moon makes the tide."]
        ),
    )
    run(home)
    for status in ("Completed", "Failed", "DeadLettered", "InProgress"):
        update_job_status(home, create_job(home, "Report", '{"pages": 3}', 0), status, "by hand")
    fish = "".join(f"{n},plaice from the tide pools of the harbour,Whitby\n" for n in range(60))
    table = request(rawData=f"number,fish,city\n{fish}".encode(), sourceUri="fish", contentType="text/csv")
    enqueue(home.database, INGESTION_QUEUE, [table])
    with patch.object(atoms, "_READ_LATER_BYTES", 0):
        run_stages_of(home, sources.STAGE, atoms.STAGE)
    enqueue(home.database, INGESTION_QUEUE, [request(rawData=b"It waits to be landed.", sourceUri="waits")])
    enqueue(home.database, PROVENANCE_QUEUE, [b'{"eventType":"AtomsCreated","tenantId":0,"atomIds":[1]}'])
    begin_to_place_anew(home)
    with closing(sqlite3.connect(home.settings.database_path)) as client:
        client.executescript(_WAITING)  # last: no transaction of ours has indexed the text


def begin_to_place_anew(home: Resources) -> None:
    """Have a projection that was fitted place one embedding: the others wait, and where that one lay is kept."""

    def begin(unit_of_work: UnitOfWork) -> EmbeddingModel:
        [model] = active_embedding_models(unit_of_work)
        parameters: dict[str, object] = {"dimension": model["dimension"]}
        fitted = to_artifact("pca", fit_pca(np.eye(model["dimension"], dtype=np.float32)))
        projection = add_projection_model(
            unit_of_work, model["modelId"], "pca", parameters, trained_on=3, artifact=fitted
        )
        fill_with(unit_of_work, model["modelId"], projection)
        return model

    place_anew(home.database, home.compute, transact(home.database, begin), 1, None)


def dump(client: sqlite3.Connection) -> Iterator[str]:
    """Yield the statements that make a database anew, with what FTS5 keeps in tables of its own."""
    schema = client.execute("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid").fetchall()
    tables = [(name, sql) for kind, name, sql in schema if kind == "table"]
    yield "BEGIN;"
    for name, sql in tables:
        if not name.startswith(("sqlite_", "AtomText_", "UnreadWords_")):
            yield f"{sql};"
    for name, _ in tables:
        if name in ("AtomText", "UnreadWords"):
            continue
        columns = [row[1] for row in client.execute(f"PRAGMA table_xinfo({name})") if not row[6]]  # 6: it is computed
        quoted = " || ', ' || ".join(f"quote({column})" for column in columns)
        yield f"DELETE FROM {name};"
        for (values,) in client.execute(f"SELECT {quoted} FROM {name}"):
            yield f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({values});"
    for kind, _, sql in schema:
        if kind != "table":
            yield f"{sql};"
    yield "COMMIT;"


def write(folder: Path) -> list[Path]:
    """Make a home, and write its database into a folder as SQL, and the digests as JSON; returns both files."""
    release = version("hartonomous").replace(".", "_")
    with tempfile.TemporaryDirectory() as made:
        home = open_with_small_model(Path(made))
        fill(home)
        close(home)
        with closing(sqlite3.connect(Path(made, "hartonomous.db"))) as client:
            text = "\n".join(dump(client))
    written = [folder / f"database_{release}.sql", folder / f"migrations_{release}.json"]
    written[0].write_text(
        f"-- Made by tests/released/make.py in the hour {current_hour()}.\n{text}\n", encoding="utf-8"
    )
    written[1].write_text(json.dumps(migrations(), indent=1) + "\n", encoding="utf-8")
    return written


def restore(dump: Path, file: Path) -> None:
    """Make a database of what `write` wrote."""
    with closing(sqlite3.connect(file)) as client:
        client.executescript(dump.read_text(encoding="utf-8"))


if __name__ == "__main__":
    sys.stderr.writelines(f"{path}\n" for path in write(FOLDER))
