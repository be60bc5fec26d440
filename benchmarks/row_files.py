"""Tables: how questions about a row find it, what a second export stores anew, and the speed and memory of reading them, on one core."""

import csv
import io
import json
import random
import sqlite3
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pyarrow
from code_files import take_in
from common import Figure, arguments, finish, note, sentences, temporary_home
from office_files import process_status, question_tables, text_embedder
from pyarrow import parquet

from hartonomous_core.atomizers import Atom, Partial, TextAtomizer, atomizer_for
from hartonomous_core.atomizers.rows.delimited_rows import open_delimited
from hartonomous_core.atomizers.rows.json_documents import open_json
from hartonomous_core.atomizers.rows.json_rows import JsonLines
from hartonomous_core.atomizers.rows.row_batches import RowBatches
from hartonomous_core.atomizers.rows.row_blocks import RowReader
from hartonomous_core.words import question_terms

NAMES = ["id", "customer", "city", "amount", "due", "remark"]
TYPES = {
    "csv": "text/csv",
    "jsonl": "application/x-ndjson",
    "json": "application/json",
    "parquet": "application/vnd.apache.parquet",
}


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--megabytes", type=int, default=20, help="of the tables that are timed")
    parser.add_argument("--large", type=int, default=0, help="MB of files whose peak memory is measured; 0: none")
    parser.add_argument("--no-questions", action="store_true", help="embed nothing")
    parser.add_argument(
        "--through-store", action="store_true", help="only how fast rows are searchable by words in a store"
    )
    parser.add_argument(
        "--by-words", action="store_true", help="only what an index of batches would find, against one of rows"
    )
    parser.add_argument("--rounds", type=int, default=5, help="of --through-store, in turn with its peer (5)")
    options = parser.parse_args()
    if options.through_store:
        return finish(through_store(options.data, options.megabytes, options.rounds), options.json)
    if options.by_words:
        others = list(_rows(options.data, 20_000))
        return finish([*by_words([]), *by_words(others), *by_words_in_a_store(others)], options.json)
    rows = list(_rows(options.data, options.megabytes * 10_000))
    figures = [*speeds(rows), *second_exports(rows)]
    if options.large:
        figures += large_files(rows, options.large)
    if not options.no_questions:
        figures += questions()
    return finish(figures, options.json)


def _rows(data: Path, count: int) -> Iterator[list[str]]:
    """Rows of some 100 bytes."""
    draw = random.Random(1)
    words = sentences(data, seed=7, words=8)
    for number in range(count):
        name, _, remark = next(words).rstrip(".").partition(" ")
        day = f"2026-{draw.randrange(1, 13):02}-{draw.randrange(1, 29):02}"
        yield [
            str(number),
            f"{name} {draw.randrange(10**6)}",
            draw.choice(["Leeds", "York", "Lyme"]),
            f"{draw.random():.4f}",
            day,
            remark,
        ]


def _wide_rows(data: Path, count: int) -> Iterator[list[str]]:
    """Rows of ten values, some 230 bytes."""
    words = sentences(data, seed=11, words=6)
    for row in _rows(data, count):
        street, product, note = next(words), next(words), f"{next(words)} {next(words)}"
        yield [*row, street[:24], product, f"{row[1].replace(' ', '.')}@example.org", note]


def _written(kind: str, rows: list[list[str]]) -> bytes:
    names = [*NAMES, "street", "product", "mail", "note"][: len(rows[0])]
    if kind == "csv":
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerows([names, *rows])
        return text.getvalue().encode()
    objects = [dict(zip(names, row, strict=True)) for row in rows]
    if kind == "jsonl":
        return "".join(json.dumps(each) + "\n" for each in objects).encode()
    if kind == "json":
        return json.dumps(objects, indent=1).encode()
    target = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(objects), target, use_content_defined_chunking="cdc" in kind)
    return target.getvalue()


def _atoms(data: bytes, content_type: str) -> list[Atom]:
    return list(atomizer_for(content_type).atomize(io.BytesIO(data), content_type))


def _batches(data: bytes, reader: RowReader) -> int:
    batches, count = RowBatches(), 0
    for block in reader.blocks(io.BytesIO(data)):
        count += sum(1 for _ in batches.add(block.data, block.ends))
    return count + sum(1 for _ in batches.finish())


def speeds(rows: list[list[str]]) -> list[Figure]:
    """By the processor's time; what the peers do is less: they make values, no text, and no bytes that come back."""
    peers: dict[str, tuple[str, Callable[[bytes], object]]] = {
        "csv": ("csv.DictReader", lambda data: sum(1 for _ in csv.DictReader(io.StringIO(data.decode(), newline="")))),
        "jsonl": ("json.loads of each line", lambda data: [json.loads(line) for line in data.splitlines()] and None),
        "json": ("json.loads", lambda data: json.loads(data) and None),
    }
    figures = []
    for kind, (peer, parse) in peers.items():
        data = _written(kind, rows)
        readers = {"csv": open_delimited(data[:65536], False, TYPES[kind]), "jsonl": JsonLines()}
        reader = readers.get(kind) or open_json(data[:65536], False, TYPES[kind])
        assert reader is not None
        searchable = _speed(data, lambda data, kind=kind: _atoms(data, TYPES[kind]))
        alone = _speed(data, lambda data, reader=reader: _batches(data, reader))
        parsed = _speed(data, parse)
        few = data[: 2 << 20]
        as_text = _speed(few, lambda few: list(TextAtomizer().atomize(io.BytesIO(few))))
        target = {"at_least": 8.0} if kind != "json" else {}
        figures += [
            Figure(f"{kind}, {len(data) // len(rows)} bytes a row: searchable", searchable, "MB/s", **target),
            Figure(f"{kind}: batches of rows alone", alone, "MB/s", **({"at_least": 40.0} if target else {})),
            Figure(f"{kind}: searchable against {peer}", searchable / parsed, "x"),
            Figure(f"{kind}: searchable against passages of the text", searchable / as_text, "x"),
        ]
    return figures


def _speed(data: bytes, do: Callable[[bytes], object]) -> float:
    started = time.process_time()
    do(data)
    return len(data) / (time.process_time() - started) / 1e6


def through_store(data: Path, megabytes: int, rounds: int) -> list[Figure]:
    """By the processor's time, from landing to the commit after which words find the rows; nothing is embedded. Then what the first question
    takes, which reads the rows of ten batches, and what it takes to read all others.

    The peer is the least that any store with words must do: SQLite itself takes the lines of the same file into a table of FTS5.
    """
    import hartonomous_service.garbage  # noqa: F401 - as the command does

    figures = []
    for kind, what, make in (
        ("csv", "CSV", _rows),
        ("csv", "CSV of ten columns", _wide_rows),
        ("jsonl", "JSON Lines of ten keys", _wide_rows),
    ):
        few = list(make(data, 1000))
        length = len(_written(kind, few)) // len(few)
        rows = list(make(data, megabytes * 1_000_000 // length))
        content = _written(kind, rows)
        ours, peers, questions, readings = [], [], [], []
        for number in range(rounds + 1):  # the first one warms up: what it imports, it has
            note(f"{what}: round {number} of {rounds}")
            with temporary_home() as folder:
                path = folder / f"table.{kind}"
                path.write_bytes(content)
                found = take_in([path], None)
                question, reading = _read_later(rows)
                peer = _peer_seconds(path, folder / "peer.db")
            assert not found["partial"]
            if number:
                ours.append(len(content) / 1e6 / found["processor"])
                peers.append(len(content) / 1e6 / peer)
                questions.append(question)
                readings.append(len(rows) / reading)
        ratios = [mine / other for mine, other in zip(ours, peers, strict=True)]
        table = f"{what}, {length} bytes a row, through the store"
        figures += [
            Figure(f"{table}: searchable by words, median", statistics.median(ours), "MB/s", at_least=8.0),
            Figure(f"{table}: worst", min(ours), "MB/s"),
            Figure(f"{table}: the first question by words, median", 1000 * statistics.median(questions), "ms"),
            Figure(f"{table}: rows read into atoms later, median", statistics.median(readings), "/s"),
            Figure(f"{table}: SQLite alone takes the lines into FTS5, median", statistics.median(peers), "MB/s"),
            Figure(f"{table}: ratio, median", statistics.median(ratios), "x"),
            Figure(f"{table}: ratio, worst", min(ratios), "x"),
        ]
    return figures


def _read_later(rows: list[list[str]]) -> tuple[float, float]:
    """Seconds of the processor for a question that a row in the middle answers, and for reading all rows that are not atoms yet."""
    from hartonomous_core.clock import current_hour
    from hartonomous_resources.resources import open_resources
    from hartonomous_resources.work.rows_read_later import read_next_rows
    from hartonomous_service.search import search

    row = rows[len(rows) // 2]
    resources = open_resources()
    started = time.process_time()
    [hit] = search(resources, row[1], mode="lexical", k=1)["results"]
    asked = time.process_time()
    assert f"customer: {row[1]}; city: {row[2]}" in hit["text"], hit
    while read_next_rows(resources, current_hour(), "benchmark"):
        pass
    done = time.process_time()
    resources.close()
    return asked - started, done - asked


def _peer_seconds(path: Path, store: Path) -> float:
    started = time.process_time()
    connection = sqlite3.connect(store, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE VIRTUAL TABLE found USING fts5 (line)")
    with path.open(encoding="utf-8", newline="") as file:
        while lines := list(islice(file, 10_000)):
            connection.execute("BEGIN")
            connection.executemany("INSERT INTO found (line) VALUES (?)", ((line,) for line in lines))
            connection.execute("COMMIT")
    connection.close()
    return time.process_time() - started


def second_exports(rows: list[list[str]]) -> list[Figure]:
    """New bytes of a second export in hundredths of those stored for the first: atoms of the bytes and of the text, without vectors."""
    draw = random.Random(3)
    count = len(rows) // 100
    run = range(len(rows) // 2, len(rows) // 2 + count)
    scattered = set(draw.sample(range(len(rows)), count))
    figures = []
    for kind in ("csv", "jsonl", "json", "parquet", "parquet cdc"):
        stored = _stored(kind, rows)
        first = sum(stored.values())
        for how, changed, target in (("a run of 1%", run, {"at_most": 2.0}), ("1% scattered", scattered, {})):
            other = [
                [*row[:3], f"{draw.random():.4f}", *row[4:]] if n in changed else row for n, row in enumerate(rows)
            ]
            new = sum(size for key, size in _stored(kind, other).items() if key not in stored)
            figures.append(
                Figure(
                    f"{kind}: stored anew, {how} changed",
                    100 * new / first,
                    "%",
                    **({} if "parquet" in kind else target),
                )
            )
        other = rows[: run.start] + [["new", *row[1:]] for row in rows[:count]] + rows[run.start :]
        new = sum(size for key, size in _stored(kind, other).items() if key not in stored)
        figures.append(Figure(f"{kind}: stored anew, a run of 1% put in", 100 * new / first, "%"))
    return figures


def _stored(kind: str, rows: list[list[str]]) -> dict[bytes, int]:
    atoms = _atoms(_written(kind, rows), TYPES[kind.partition(" ")[0]])
    return {sha256(atom.content).digest(): len(atom.content) for atom in atoms}


def large_files(rows: list[list[str]], megabytes: int) -> list[Figure]:
    """Peak memory of the process above what it has before it reads; of Parquet that of its child."""
    figures = []
    for kind in TYPES:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, kind)
            _write_large(kind, path, rows, megabytes * 1_000_000)
            size = path.stat().st_size
            with get_context("spawn").Pool(1) as fresh:
                seconds, above, read = fresh.apply(_read_large, (kind, str(path)))
        what = f"{kind} of {size / 1e6:,.0f} MB"
        figures.append(Figure(f"{what}: peak memory above that before", above / 1024, "MiB", at_most=256))
        figures.append(Figure(f"{what}: searchable, {read:,} passages", size / seconds / 1e6, "MB/s"))
    return figures


def _write_large(kind: str, path: Path, rows: list[list[str]], size: int) -> None:
    """The rows again and again, each time with other numbers."""
    if kind == "parquet":
        table = pyarrow.Table.from_pylist([dict(zip(NAMES, row, strict=True)) for row in rows])
        with parquet.ParquetWriter(path, table.schema, compression="none") as writer:
            while not path.exists() or path.stat().st_size < size:
                writer.write_table(table)
        return
    with path.open("wb") as file:
        file.write(b"[" if kind == "json" else b"")
        turn = 0
        while file.tell() < size:
            some = [[f"{turn}-{row[0]}", *row[1:]] for row in rows]
            data = _written(kind, some)
            file.write(data.strip()[1:-1] + b"," if kind == "json" else data)
            turn += 1
        file.write(b"{}]" if kind == "json" else b"")


def _read_large(kind: str, path: str) -> tuple[float, int, int]:
    """Return seconds of the processor, KiB of memory above what the process has before it reads, and passages."""
    from hartonomous_core.atomizers.extractors import parquet as extractor

    before = process_status("VmHWM")
    count = 0
    started = time.process_time()
    with Path(path).open("rb") as file:
        if kind == "parquet":
            for _ in extractor.extract(file, TYPES[kind]):
                count += 1
        else:
            try:
                for atom in atomizer_for(TYPES[kind]).atomize(file, TYPES[kind]):
                    count += atom.role == "derived"
            except Partial as problem:
                raise AssertionError(str(problem)) from problem
    return time.process_time() - started, process_status("VmHWM") - before, count


def questions() -> list[Figure]:
    """Of 720 questions about the rows of three tables, how many find first a passage of the row that answers."""
    embedder = text_embedder()
    tables = question_tables()
    asked = [(sheet, question) for sheet, (_, rows, ask) in tables.items() for row in rows for question in ask(row)]
    vectors = np.asarray(embedder.embed([question for _, question in asked]).vectors, dtype=np.float32)
    figures = []
    for what in ("rows in words, as built", "rows as they are", "passages of the text"):
        texts, holds = [], []
        for sheet, (names, rows, _) in tables.items():
            lines = [",".join(row) for row in [names, *rows]]
            if what.startswith("rows in words"):
                atoms = _atoms("\n".join(lines).encode(), TYPES["csv"])
                passages = [atom.text for atom in atoms if atom.role == "derived"]
            elif what == "rows as they are":
                passages = lines
            else:
                passages = [
                    atom.text for atom in TextAtomizer().atomize(io.BytesIO("\n".join(lines).encode())) if atom.text
                ]
            for passage in passages:
                texts.append(passage)
                holds.append({(sheet, n) for n, row in enumerate(rows) if all(value in passage for value in row)})
        answers = [
            {(sheet, n) for n, row in enumerate(tables[sheet][1]) if question in tables[sheet][2](row)}
            for sheet, question in asked
        ]
        scores = vectors @ np.asarray(embedder.embed(texts).vectors, dtype=np.float32).T
        right = sum(bool(holds[best] & answer) for best, answer in zip(scores.argmax(1), answers, strict=True))
        figures.append(Figure(f"{what} ({len(texts)}): right one first", 100 * right / len(asked), "%"))
    return figures


def by_words(others: list[list[str]]) -> list[Figure]:
    """Of the same questions, how many find the right row first by words, beside other rows: with each row indexed, as built, and with batches.

    Of the ten best batches every row is then ranked among the others of these, as it is or in words.
    """
    tables = question_tables()
    asked = [
        (question, {" ".join(each) for each in rows if question in ask(each)})
        for _, rows, ask in tables.values()
        for row in rows
        for question in ask(row)
    ]
    passages: list[tuple[str, set[str]]] = []  # with the rows that each holds
    batches: list[list[tuple[str, str]]] = []  # of rows: as they are, and in words
    for names, rows in [*((names, rows) for names, rows, _ in tables.values()), (NAMES, others)]:
        text = io.StringIO(newline="")
        csv.writer(text).writerows([names, *rows])
        for atom in _atoms(text.getvalue().encode(), TYPES["csv"]) if rows else ():
            if atom.text is None:
                cells = csv.reader(io.StringIO(atom.content.decode(), newline=""))
                batches.append(
                    [(" ".join(row), "; ".join(map(": ".join, zip(names, row, strict=True)))) for row in cells]
                )
            else:
                held = [] if rows is others else [row for row in rows if all(value in atom.text for value in row)]
                passages.append((atom.text, set(map(" ".join, held))))
    by_row, by_batch = (
        _indexed([text for text, _ in passages]),
        _indexed([" ".join(row for row, _ in batch) for batch in batches]),
    )
    right = Counter[str]()
    for question, answers in asked:
        best = _best(by_row, question, 1)
        right["each row indexed"] += bool(best and passages[best[0]][1] & answers)
        candidates = [row for number in _best(by_batch, question, 10) for row in batches[number]]
        for what, column in (
            ("batches indexed, their rows ranked as they are", 0),
            ("batches indexed, their rows ranked in words", 1),
        ):
            best = _best(_indexed([row[column] for row in candidates]), question, 1)
            right[what] += bool(best and candidates[best[0]][0] in answers)
    beside = f" beside {len(others):,} other rows" if others else ""
    return [Figure(f"{what}: right row first by words{beside}", 100 * n / len(asked), "%") for what, n in right.items()]


def by_words_in_a_store(others: list[list[str]]) -> list[Figure]:
    """Of every third of the same questions, how many find the right row first beside other rows, by a search in a store: in one where no row is an
    atom yet, each question in a fresh copy; and in one where every row is.
    """
    from hartonomous_assets import atoms
    from hartonomous_resources.resources import open_resources
    from hartonomous_service.search import search

    tables = question_tables()
    asked = [
        (question, [each for each in rows if question in ask(each)])
        for _, rows, ask in tables.values()
        for row in rows
        for question in ask(row)
    ][::3]
    figures = []
    for what, above in (("rows read when they are asked for", 0), ("every row an atom", 1 << 40)):
        with temporary_home() as folder, patch.object(atoms, "_READ_LATER_BYTES", above):
            paths = []
            for names, rows in [*((names, rows) for names, rows, _ in tables.values()), (NAMES, others)]:
                path = folder / f"{len(paths)}.csv"
                with path.open("w", newline="", encoding="utf-8") as file:
                    csv.writer(file).writerows([names, *rows])
                paths.append(path)
            take_in(paths, None)
            resources = open_resources()
            file_of_store = resources.settings.database_path
            resources.close()
            filled = file_of_store.read_bytes()
            right, seconds = 0, []
            for question, answers in asked:
                if not above:
                    for suffix in ("-wal", "-shm"):
                        file_of_store.with_name(file_of_store.name + suffix).unlink(missing_ok=True)
                    file_of_store.write_bytes(filled)
                resources = open_resources()
                started = time.process_time()
                hits = search(resources, question, mode="lexical", k=1)["results"]
                seconds.append(time.process_time() - started)
                resources.close()
                right += any(all(value in hit["text"] for value in row) for hit in hits for row in answers)
        name = f"in a store beside {len(others):,} other rows, {what}"
        figures += [
            Figure(f"{name}: right row first by words", 100 * right / len(asked), "%"),
            Figure(f"{name}: a question, median", 1000 * statistics.median(seconds), "ms"),
        ]
    return figures


def _indexed(texts: list[str]) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.execute(
        "CREATE VIRTUAL TABLE found USING fts5 (text, content = '', tokenize = \"porter unicode61 remove_diacritics 2\")"
    )
    connection.executemany("INSERT INTO found (rowid, text) VALUES (?, ?)", enumerate(texts))
    return connection


def _best(index: sqlite3.Connection, question: str, n: int) -> list[int]:
    words = " OR ".join('"' + term.replace('"', '""') + '"' for term in question_terms(question))
    found = index.execute("SELECT rowid FROM found WHERE found MATCH ? ORDER BY bm25(found), rowid LIMIT ?", (words, n))
    return [number for (number,) in found]


if __name__ == "__main__":
    raise SystemExit(main())
