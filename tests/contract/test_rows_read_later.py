"""Large tables on every backend: words find a row once its batch is written; atoms of rows come when somebody asks, or to be embedded."""

import io
import json
import random
import sqlite3
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Literal, cast

import pytest

from hartonomous_assets import atoms, embeddings, projections
from hartonomous_assets import sources as landing
from hartonomous_assets.stage import Progress, Work
from hartonomous_core.atomizers import atomizer_for
from hartonomous_core.clock import current_hour
from hartonomous_core.messages import INGESTION_QUEUE
from hartonomous_resources.compute.text_model import TextModelFiles
from hartonomous_resources.database.database_errors import ReadOnlyDatabase
from hartonomous_resources.database.protocol import Row
from hartonomous_resources.resources import Resources
from hartonomous_resources.work.pending import hours_with_work
from hartonomous_service.search import list_places, search
from hartonomous_service.source_records import reconstruct, show_source, verify_sources
from tests.backends import rows
from tests.builders import broken_invariants, enqueue, request
from tests.stages import ALL_RULES, MakeHome, all_sources, ingest, put_file, run_stages_of

NAMES = ["number", "customer", "city", "what was ordered", "remark"]
CITIES = ["Berlin", "Hamburg", "Lyon", "Porto", "Oslo", "Turin", "Graz", "Leeds", "Bristol", "Cork"]
ROWS = 400


@pytest.fixture(autouse=True)
def small_tables_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atoms, "_READ_LATER_BYTES", 1000)


def values(seed: int = 1, organ: int = 300, count: int = ROWS) -> list[list[str]]:
    """Orders, of which one is of a pipe organ; each row is a passage by itself."""
    draw = random.Random(seed)
    found = [
        [
            str(n),
            f"customer {draw.randrange(10**6)}",
            draw.choice(CITIES),
            "herring in boxes",
            f"as on day {n} of the book",
        ]
        for n in range(count)
    ]
    found[organ][2:4] = ["Whitby", "a pipe organ"]
    return found


def table(of_rows: list[list[str]]) -> bytes:
    return "".join(",".join(row) + "\r\n" for row in [NAMES, *of_rows]).encode()


def json_lines(of_rows: list[list[str]]) -> bytes:
    return "".join(json.dumps(dict(zip(NAMES, row, strict=True))) + "\n" for row in of_rows).encode()


def derived_of(home: Resources, source_id: int) -> Sequence[Row]:
    """What was derived of a source, in order."""
    page = {"source_id": source_id, "role": "derived", "from_ordinal": 0, "n": 10_000}
    with home.database.read() as unit_of_work:
        return unit_of_work.query("source_atoms_from", **page)


def derived(home: Resources) -> list[Row]:
    """The same of all sources."""
    return [row for source in all_sources(home) for row in derived_of(home, source["sourceId"])]


def unread(home: Resources) -> int:
    """How many batches no one has read yet."""
    with home.database.read() as unit_of_work:
        return int(unit_of_work.query("count_unread_batches")[0]["n"])


def said_at_once(data: bytes, content_type: str) -> list[str]:
    """The texts of all rows, as they are read of a small table."""
    found = atomizer_for(content_type).atomize(io.BytesIO(data), content_type)
    return [atom.text for atom in found if atom.text is not None]


@pytest.mark.parametrize(
    ("content_type", "write", "header"), [("text/csv", table, 1), ("application/x-ndjson", json_lines, 0)]
)
def test_words_find_a_row_that_has_no_atom_yet(home: Resources, content_type: str, write: Any, header: int) -> None:
    data = write(values())
    ingest(home, request(rawData=data, sourceUri="orders", contentType=content_type))
    before = derived(home)
    assert not before or not home.database.reads_rows_later

    found = search(home, "pipe organ", mode="lexical")

    hit = found["results"][0]
    [place] = hit["sources"]
    assert "city: Whitby; what was ordered: a pipe organ" in hit["text"]
    assert hit["text"] in said_at_once(data, content_type)
    assert (place["locator"]["row"], place["locator"]["columns"]) == (301 + header, NAMES)
    of_row = data[place["byteOffset"] :][: place["byteLength"]]
    assert b"a pipe organ" in of_row and b"boxes" not in of_row and b"\n" not in of_row
    assert list_places(home, hit["atomHash"])["total"] == 1
    assert len(derived(home)) < ROWS or not home.database.reads_rows_later
    [source] = all_sources(home)
    assert b"".join(reconstruct(home, source["sourceId"])) == data
    assert (show_source(home, source["sourceId"])["searchable"], verify_sources(home)["failed"]) == (True, [])
    assert not broken_invariants(home.database, *ALL_RULES)
    assert search(home, "pipe organ", mode="lexical")["results"] == found["results"]


def test_all_rows_are_read_and_embedded_in_order_and_found_once(
    make_home: MakeHome, client: Any, model_dir: Path, text_model: TextModelFiles
) -> None:
    home = make_home(model_dir=model_dir)
    data = table(values())
    enqueue(home.database, INGESTION_QUEUE, [request(rawData=data, sourceUri="orders", contentType="text/csv")])
    run_stages_of(home, landing.STAGE, atoms.STAGE)
    search(home, "pipe organ", mode="lexical")  # the batch in the middle is read first
    run_stages_of(home, embeddings.STAGE, projections.STAGE)

    texts = [row["text"] for row in derived(home)]
    assert texts == said_at_once(data, "text/csv")
    assert not home.database.reads_rows_later or rows(client, "SELECT * FROM UnreadBatch") == []
    hits = search(home, "who ordered a musical instrument for a church")["results"]
    assert "pipe organ" in hits[0]["text"] and hits[0]["score"] is not None
    assert len({hit["atomHash"] for hit in hits}) == len(hits)
    assert not broken_invariants(home.database, *ALL_RULES, "unexplained_missing_embeddings")


def test_an_hour_with_rows_to_embed_holds_work_where_texts_are_embedded(home: Resources) -> None:
    if not home.database.reads_rows_later:
        pytest.skip("rows are read at once there")
    ingest(home, request(rawData=table(values()), sourceUri="orders", contentType="text/csv"))
    none = dict.fromkeys(["ingestion_enabled", "projection_enabled", "provenance_enabled", "embedding_enabled"], False)
    embedding = home.settings.model_copy(update=none | {"embedding_enabled": True})
    assert hours_with_work(home.database, embedding, current_hour()) == [current_hour()]
    assert hours_with_work(home.database, home.settings.model_copy(update=none), current_hour()) == []


def test_letters_that_json_escapes_and_what_is_no_json_are_found_too(home: Resources) -> None:
    lines = json_lines(values()).splitlines(keepends=True)
    lines[100] = json.dumps({"who": "caf\u00e9 \U0001f600", "said": "one\ntwothirds"}).encode() + b"\n"
    lines[200] = b"{no json, but unmistakable}\n"
    data = b"".join(lines)
    ingest(home, request(rawData=data, sourceUri="orders", contentType="application/x-ndjson"))
    [source] = all_sources(home)
    assert "line 201 is not JSON" in show_source(home, source["sourceId"])["errorMessage"]

    for question, row in (("caf\u00e9", 101), ("twothirds", 101), ("unmistakable", 201)):
        hit = search(home, question, mode="lexical")["results"][0]
        [place] = hit["sources"]
        assert place["locator"]["row"] == row
        assert data[place["byteOffset"] :][: place["byteLength"]] == lines[row - 1].strip()


def test_a_row_of_more_bytes_than_an_atom_is_one_row(home: Resources) -> None:
    lines = json_lines(values()).splitlines(keepends=True)
    long = {"title": "the long one", "text": [f"paragraph {n} of the harbour log" for n in range(4000)], "end": "finis"}
    lines[50] = json.dumps(long).encode() + b"\n"
    data = b"".join(lines)
    ingest(home, request(rawData=data, sourceUri="orders", contentType="application/x-ndjson"))

    for question in ("finis", "the long one", '"paragraph 2345"'):
        hit = search(home, question, mode="lexical", k=1)["results"][0]
        assert hit["sources"][0]["locator"]["row"] == 51
    assert search(home, "pipe organ", mode="lexical")["results"][0]["sources"][0]["locator"]["row"] == 301
    [source] = all_sources(home)
    assert b"".join(reconstruct(home, source["sourceId"])) == data


def test_batches_that_two_tables_share_are_read_for_each(home: Resources) -> None:
    first, second = values(), values()
    second[10][1] = "customer unheard"
    for uri, of_rows in (("first", first), ("second", second)):
        ingest(home, request(rawData=table(of_rows), sourceUri=uri, contentType="text/csv"))
    hit = search(home, "pipe organ", mode="lexical")["results"][0]
    assert [place["sourceUri"] for place in hit["sources"]] == ["first", "second"]


def test_so_many_hits_are_found_as_are_asked_for_and_one_of_each_source(home: Resources) -> None:
    for n in range(3):
        ingest(home, request(rawData=table(values(n, n)), sourceUri=f"orders {n}", contentType="text/csv"))
    of_each = search(home, "herring", mode="lexical", group="source")["results"]
    assert {hit["sources"][0]["sourceUri"] for hit in of_each} == {f"orders {n}" for n in range(3)}
    assert len(search(home, "herring", mode="lexical", k=500)["results"]) == 500


def test_of_a_table_that_was_replaced_only_the_new_version_is_read(
    make_home: MakeHome, model_dir: Path, text_model: TextModelFiles
) -> None:
    home = make_home(model_dir=model_dir)
    old, new = table(values(300, 300, 3000)), table(values(20, 20))  # of the old one a step does not take all batches
    for data in (old, new):
        ingest(home, request(rawData=data, sourceUri="orders", contentType="text/csv"))
    assert not home.database.reads_rows_later or unread(home) > 2 * 16
    [hit] = [hit for hit in search(home, "pipe organ", mode="lexical")["results"] if "organ" in hit["text"]]
    assert hit["sources"][0]["locator"]["row"] == 22
    run_stages_of(home, embeddings.STAGE)
    of_old, of_new = (derived_of(home, source["sourceId"]) for source in all_sources(home))
    assert len(of_new) == len(said_at_once(new, "text/csv"))
    assert len(of_old) == (0 if home.database.reads_rows_later else len(said_at_once(old, "text/csv")))
    assert not home.database.reads_rows_later or unread(home) == 0
    assert not broken_invariants(home.database, *ALL_RULES)


def test_a_filter_and_a_tenant_are_kept_to(home: Resources) -> None:
    for tenant in (0, 7):
        body = request(rawData=table(values()), sourceUri=f"of {tenant}", contentType="text/csv", tenantId=tenant)
        ingest(home, body)
    assert search(home, "pipe organ", mode="lexical", uri_prefix="nothing")["results"] == []
    assert search(home, "pipe organ", mode="lexical", tenant=3)["results"] == []
    assert not derived(home) or not home.database.reads_rows_later
    [hit] = search(home, "pipe organ", mode="lexical", tenant=7, k=1)["results"]
    assert [place["sourceUri"] for place in hit["sources"]] == ["of 7"]


def test_where_the_store_cannot_be_written_to_a_question_finds_what_was_read_before(
    home: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(home, request(rawData=table(values()), sourceUri="orders", contentType="text/csv"))
    found = search(home, "pipe organ", mode="lexical")["results"]

    def refuse(_database: object, _patience: float | None = None) -> None:
        raise ReadOnlyDatabase("its medium is read-only")

    monkeypatch.setattr(type(home.database), "unit_of_work", refuse)
    assert search(home, "pipe organ", mode="lexical")["results"] == found
    others = search(home, "herring", mode="lexical", k=300)
    assert others["results"] and (len(others["results"]) < 300 or not home.database.reads_rows_later)
    assert ("note" in others) == home.database.reads_rows_later


def test_a_question_does_not_wait_for_another_writer_and_says_what_it_left_out(
    home: Resources, caplog: pytest.LogCaptureFixture
) -> None:
    if not home.database.reads_rows_later:
        pytest.skip("rows are read at once there")
    ingest(home, request(rawData=table(values()), sourceUri="orders", contentType="text/csv"))
    with closing(sqlite3.connect(home.settings.home / "hartonomous.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        found = [search(home, "pipe organ", mode="lexical") for _ in range(2)]
        assert time.monotonic() - started < 20
        other.execute("ROLLBACK")
    for each in found:
        assert (each["results"], "rows of large tables" in each["note"]) == ([], True)
    [warning] = [record.getMessage() for record in caplog.records if "rows of large tables" in record.getMessage()]
    assert "held by another writer for 0.2 s" in warning
    after = search(home, "pipe organ", mode="lexical")
    assert len(after["results"]) > 0 and "note" not in after


@pytest.mark.parametrize(("k", "group"), [(500, None), (1, None), (100, "source"), (3, "source")])
def test_a_question_reads_few_batches_however_much_is_asked_for(
    home: Resources, k: int, group: Literal["source"] | None
) -> None:
    if not home.database.reads_rows_later:
        pytest.skip("rows are read at once there")
    for n in range(3):
        ingest(home, request(rawData=table(values(n, n, 1500)), sourceUri=f"orders {n}", contentType="text/csv"))
    before = unread(home)
    results = search(home, "herring", mode="lexical", k=k, group=group)["results"]
    assert 0 < before - unread(home) <= 20 < before
    assert len(results) == (3 if group else k)


def test_what_a_stopped_run_had_written_is_found_once(make_home: MakeHome, client: Any) -> None:
    home = make_home(atom_batch_size=2)
    path = put_file(home, "orders.csv", table(values(organ=5)))
    enqueue(home.database, INGESTION_QUEUE, [request(uri=path.as_uri())])
    run_stages_of(home, landing.STAGE)
    steps = cast(Generator[Progress], atoms.STAGE.steps(Work(current_hour(), "run", home, "test")))
    assert "sources" not in next(steps).counts
    steps.close()
    assert search(home, "pipe organ", mode="lexical")["results"] == []

    run_stages_of(home)

    [hit] = [hit for hit in search(home, "pipe organ", mode="lexical")["results"] if "organ" in hit["text"]]
    assert hit["placeCount"] == 1
    if home.database.reads_rows_later:
        client.execute("INSERT INTO UnreadWords (UnreadWords) VALUES ('integrity-check')")
        [left] = rows(client, "SELECT COUNT(*) AS n FROM UnreadWords_docsize")
        assert [left] == rows(client, "SELECT COUNT(*) AS n FROM UnreadBatch")
