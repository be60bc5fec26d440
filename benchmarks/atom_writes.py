"""Atoms written into SQLite per second: dedup, SourceAtom rows and jobs included, with and without full text.

The peer writes the same atoms into one table with a unique hash index. The three stores take turns, batch by batch, so
that what else the machine does meets all of them.
"""

import hashlib
import itertools
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from common import Figure, arguments, count, finish, note, sentences, temporary_home

from hartonomous_core.clock import current_hour, timestamp
from hartonomous_resources.database.rows.atom_rows import AtomRow
from hartonomous_resources.database.sqlite import SqliteDatabase

BATCH = 10_000
REPEATED = 50  # one atom in so many is one that an earlier batch wrote: it must be found, not written

Write = Callable[[list[AtomRow]], None]


def batches(data: Path) -> Iterator[list[AtomRow]]:
    texts = sentences(data, seed=3)
    earlier: list[str] = []
    offset = 0
    for start in itertools.count(step=BATCH):
        rows = []
        for ordinal in range(start, start + BATCH):
            text = earlier[ordinal % len(earlier)] if earlier and ordinal % REPEATED == 0 else next(texts)
            content = text.encode()
            digest = hashlib.sha256(content).digest()
            rows.append(
                AtomRow(
                    digest, content, len(content), None, "text", "sentence", "text/plain", text, ordinal, offset, b"\n"
                )
            )
            offset += len(content) + 1
        earlier = [row.canonical_text or "" for row in rows]
        yield rows


def product(path: Path, *, full_text: bool) -> tuple[SqliteDatabase, Write]:
    database = SqliteDatabase(path)
    database.migrate()
    if not full_text:
        database._statements = {**database._statements, "index_new_atoms": "SELECT :first, :last"}
    hour = current_hour()
    with database.unit_of_work() as unit_of_work:
        unit_of_work.execute(
            "insert_source",
            tenant_id=0,
            source_uri="file:///benchmark",
            content_type="text/plain",
            byte_length=0,
            hour=hour,
            message_id="benchmark",
            read_uri=None,
            blob_key=None,
            now=timestamp(),
            metadata="{}",
        )

    def write(rows: list[AtomRow]) -> None:
        with database.unit_of_work() as unit_of_work:
            unit_of_work.write_atoms(0, hour, {1: rows})

    return database, write


def peer(path: Path) -> tuple[sqlite3.Connection, Write]:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE atom (id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, content BLOB, text TEXT)")

    def write(rows: list[AtomRow]) -> None:
        connection.execute("BEGIN")
        connection.executemany(
            "INSERT OR IGNORE INTO atom (hash, content, text) VALUES (?, ?, ?)",
            ((row.content_hash, row.content, row.canonical_text) for row in rows),
        )
        connection.execute("COMMIT")

    return connection, write


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--large", action="store_true", help="go on to a million atoms (minutes, 3 GB of disk)")
    options = parser.parse_args()
    windows = {"10^5": (80_000, 120_000), **({"10^6": (900_000, 1_100_000)} if options.large else {})}
    last = max(end for _, end in windows.values())

    with temporary_home() as folder:
        plain_store, write_plain = product(folder / "plain.db", full_text=False)
        full_store, write_full = product(folder / "full.db", full_text=True)
        peer_store, write_peer = peer(folder / "peer.db")
        writers = {"without full text": write_plain, "with full text": write_full, "peer": write_peer}
        seconds = {(name, window): 0.0 for name in writers for window in windows}
        occurrences = 0
        for rows in itertools.islice(batches(options.data), last // BATCH):
            for name, write in writers.items():
                started = time.perf_counter()
                write(rows)
                took = time.perf_counter() - started
                for window, (start, end) in windows.items():
                    seconds[name, window] += took if start <= occurrences < end else 0.0
            occurrences += len(rows)
            if occurrences % 100_000 == 0:
                note(f"{occurrences:,} atoms written")

        [distinct] = peer_store.execute("SELECT COUNT(*) FROM atom").fetchone()
        assert distinct < occurrences, "nothing was repeated"
        for store in (plain_store, full_store):
            assert count(store, "SELECT COUNT(*) FROM Atom") == distinct
            assert count(store, "SELECT COUNT(*) FROM BackgroundJob WHERE Status = 'Pending'") == distinct
            assert count(store, "SELECT COUNT(*) FROM SourceAtom") == occurrences
            assert count(store, "SELECT SUM(ReferenceCount) FROM Atom") == occurrences
        assert count(full_store, "SELECT COUNT(*) FROM AtomText_docsize") == distinct
        assert count(plain_store, "SELECT COUNT(*) FROM AtomText_docsize") == 0
        for store in (plain_store, full_store, peer_store):
            store.close()

    figures = []
    for window, (start, end) in windows.items():
        rate = {name: (end - start) / seconds[name, window] for name in writers}
        target = 40_000 if window == "10^5" else None
        figures += [
            Figure(f"at {window}, without full text", rate["without full text"], "atoms/s", at_least=target),
            Figure(f"at {window}, with full text", rate["with full text"], "atoms/s"),
            Figure(f"at {window}, peer: one table", rate["peer"], "atoms/s"),
            Figure(f"at {window}, without full text / peer", rate["without full text"] / rate["peer"]),
        ]
    return finish(figures, options.json)


if __name__ == "__main__":
    sys.exit(main())
