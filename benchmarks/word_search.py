"""Latency of search by words over passages of about 110 words, and the size and the making of their index.

Questions of 12 words drawn as texts have them, and questions of frequent words alone. Beside it, in turn: the same texts in FTS5 with every
word of a question, best first by its own column `rank`, as search did before.
"""

import hashlib
import sqlite3
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from common import Figure, arguments, count, finish, note, sentences, temporary_home

FREQUENT = ("what is the of in", "to be or not to be", "and the of a to in", "it was for the")
BATCH = 10_000
SENTENCES = 8
K = 10


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--questions", type=int, default=300)
    options = parser.parse_args()
    with temporary_home() as folder:
        figures = measure(folder, options.data, options.passages, options.questions)
    return finish(figures, options.json)


def measure(folder: Path, data: Path, passages: int, questions: int) -> list[Figure]:
    from hartonomous_resources.database.searchable_atoms import NO_FILTER
    from hartonomous_resources.database.sqlite import SqliteDatabase
    from hartonomous_service.search.by_words import rank_by_words

    database = SqliteDatabase(folder / "words.db")
    database.migrate()
    before = sqlite3.connect(folder / "before.db", isolation_level=None)
    before.execute("PRAGMA cache_size = -65536")
    before.execute(
        "CREATE VIRTUAL TABLE Passage USING fts5(Text, content = '', tokenize = 'unicode61 remove_diacritics 2')"
    )
    text_bytes, seconds = fill(database, before, passages_of(data), passages)
    note(f"{passages:,} passages, {text_bytes / 1e6:.0f} MB")
    index_bytes = count(database, "SELECT SUM(LENGTH(block)) FROM AtomText_data")
    index_bytes += count(database, "SELECT SUM(LENGTH(sz)) FROM AtomText_docsize")

    def ours(question: str) -> int:
        with database.read() as unit_of_work:
            return len(rank_by_words(unit_of_work, question, 0, K, NO_FILTER))

    def theirs(question: str) -> int:
        words = " OR ".join(f'"{word}"' for word in question.split())
        return len(
            before.execute(
                "SELECT rowid FROM Passage WHERE Passage MATCH ? ORDER BY rank LIMIT ?", (words, K)
            ).fetchall()
        )

    drawn = [text.rstrip(".") for text in islice(sentences(data, seed=99, words=12), questions)]
    each_once = max(1, questions // 20)
    timed = {
        "12 words": times(ours, drawn),
        "frequent words": times(ours, FREQUENT * each_once),
        "12 words, as before": times(theirs, drawn[:each_once]),
        "frequent words, as before": times(theirs, FREQUENT),
    }
    before.close()
    database.close()
    figures = []
    for what, (taken, worked) in timed.items():
        target = None if "before" in what else 15
        name, at = f"{what}, {passages:,} passages", int(0.95 * len(taken))
        figures.append(Figure(f"{name}, p50", statistics.median(taken), "ms"))
        figures.append(Figure(f"{name}, p95", taken[at], "ms", at_most=target))
        figures.append(Figure(f"{name}, p50 of the processor's time", statistics.median(worked), "ms"))
        figures.append(Figure(f"{name}, p95 of the processor's time", worked[at], "ms"))
    return [
        *figures,
        Figure("index, of the bytes of the texts", index_bytes / text_bytes, "x"),
        Figure("texts indexed", text_bytes / 1e6 / seconds, "MB/s"),
    ]


def passages_of(data: Path) -> Iterator[str]:
    texts = sentences(data, seed=5)
    while True:
        yield " ".join(islice(texts, SENTENCES))


def fill(database: object, before: sqlite3.Connection, texts: Iterator[str], passages: int) -> tuple[int, float]:
    """Insert atoms as a client of the database would, and have them indexed; returns the bytes and the seconds of indexing."""
    text_bytes = 0
    seconds = 0.0
    for start in range(1, passages + 1, BATCH):
        rows = [(start + at, text) for at, text in enumerate(islice(texts, min(BATCH, passages + 1 - start)))]
        text_bytes += sum(len(text.encode()) for _, text in rows)
        client = sqlite3.connect(database.path)  # type: ignore[attr-defined]
        with client:
            client.executemany(
                "INSERT INTO Atom (AtomId, TenantId, Modality, Subtype, ContentHash, CanonicalText) VALUES (?, 0, 'text', 'passage', ?, ?)",
                ((number, hashlib.sha256(text.encode()).digest(), text) for number, text in rows),
            )
        client.close()
        started = time.perf_counter()
        database.index_texts()  # type: ignore[attr-defined]
        seconds += time.perf_counter() - started
        before.execute("BEGIN")
        before.executemany("INSERT INTO Passage (rowid, Text) VALUES (?, ?)", rows)
        before.execute("COMMIT")
    return text_bytes, seconds


def times(ask: Callable[[str], int], questions: Sequence[str]) -> tuple[list[float], list[float]]:
    """Milliseconds of each question, and of the processor for it, sorted; each finds K passages, and the first is asked once more beforehand."""
    ask(questions[0])
    taken, worked = [], []
    for question in questions:
        started, began = time.perf_counter(), time.thread_time()
        found = ask(question)
        taken.append(1000 * (time.perf_counter() - started))
        worked.append(1000 * (time.thread_time() - began))
        assert found == K, (question, found)
    return sorted(taken), sorted(worked)


if __name__ == "__main__":
    sys.exit(main())
