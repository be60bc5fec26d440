"""Atoms: one per tenant and content, counted, with one job each where an embedding is needed."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hartonomous_core.clock import current_hour, timestamp
from hartonomous_resources.blobs import LocalBlobs
from hartonomous_resources.database.protocol import Database, WrittenAtoms
from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.work.contents import read_content
from tests.backends import Store, rows
from tests.builders import HOUR, atom, atoms_of, broken_invariants, insert_source, receive_all, write
from tests.processes import in_processes

ATOM_RULES = ("broken_reference_counts", "duplicate_atoms", "broken_tenancy")
INSERT_BY_HAND = (
    "INSERT INTO Atom (TenantId, Modality, Subtype, ContentHash, CanonicalText, AtomicValue, CreatedAt)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)


def insert_by_hand(client: Any, text: str, tenant_id: int = 0, hash_of: str | None = None) -> None:
    """The INSERT that people of the .NET workers type; `hash_of` another text, where it is wrong."""
    data = text.encode()
    content_hash = hashlib.sha256((hash_of or text).encode()).digest()
    values = (tenant_id, "text", "sentence", content_hash, text, data[:64], timestamp())
    client.cursor().execute(INSERT_BY_HAND, values)
    client.commit()


def contents_of(database: Database, source_id: int, folder: Path) -> list[bytes]:
    """The bytes of the atoms of a source, in order."""
    with database.read() as unit_of_work:
        found = unit_of_work.query("source_contents", source_id=source_id, role="content", from_ordinal=0, n=100)
    return [read_content(row, LocalBlobs(folder)) for row in found]


def reference_counts(client: Any) -> dict[tuple[int, str], int]:
    """ReferenceCount by tenant and text."""
    found = rows(client, "SELECT TenantId, CanonicalText, ReferenceCount FROM Atom")
    return {(row["TenantId"], row["CanonicalText"]): row["ReferenceCount"] for row in found}


def jobs(client: Any) -> list[dict[str, Any]]:
    return rows(client, "SELECT * FROM BackgroundJob ORDER BY AtomId")


def test_content_that_repeats_within_a_batch_is_one_atom_counted_each_time(database: Database, client: Any) -> None:
    write(database, "twice", "once", "twice")

    assert reference_counts(client) == {(0, "twice"): 2, (0, "once"): 1}
    assert not broken_invariants(database, *ATOM_RULES)


def test_content_that_repeats_in_a_later_batch_is_the_same_atom(database: Database, client: Any) -> None:
    with database.unit_of_work() as unit_of_work:
        source_id = insert_source(unit_of_work)
        unit_of_work.write_atoms(0, HOUR, {source_id: atoms_of("again", "first")})
        unit_of_work.write_atoms(0, HOUR, {source_id: [atom("again", ordinal=2)]})
    write(database, "again", uri="file:///another source")

    assert reference_counts(client) == {(0, "again"): 3, (0, "first"): 1}
    assert not broken_invariants(database, *ATOM_RULES)


def test_what_several_sources_of_one_call_hold_is_one_atom_new_once_with_its_place_in_each(
    database: Database, client: Any
) -> None:
    write(database, "known", uri="file:///before")
    with database.unit_of_work() as unit_of_work:
        first, second, empty = (insert_source(unit_of_work, uri=f"file:///{name}") for name in ("b", "a", "empty"))
        batch = {second: atoms_of("own", "shared", "known"), first: atoms_of("shared", "shared"), empty: []}
        written = unit_of_work.write_atoms(0, HOUR, batch)

    assert written == WrittenAtoms(2, len("own") + len("shared"))
    assert reference_counts(client) == {(0, "known"): 2, (0, "shared"): 3, (0, "own"): 1}
    assert len(jobs(client)) == 3
    found = rows(
        client,
        "SELECT sa.SourceId, sa.Ordinal, a.CanonicalText FROM SourceAtom AS sa JOIN Atom AS a ON a.AtomId = sa.AtomId"
        f" WHERE sa.SourceId IN ({first}, {second}, {empty}) ORDER BY sa.SourceId, sa.Ordinal",
    )
    of_first = [(first, 0, "shared"), (first, 1, "shared")]
    assert [tuple(row.values()) for row in found] == [
        *of_first,
        (second, 0, "own"),
        (second, 1, "shared"),
        (second, 2, "known"),
    ]
    assert not broken_invariants(database, *ATOM_RULES)


@pytest.mark.parametrize("text_first", [True, False])
def test_what_one_source_of_a_call_holds_as_text_and_another_as_bytes_is_text(
    database: Database, client: Any, text_first: bool
) -> None:
    as_bytes, as_text = atom(b"the same"), atom("the same")
    with database.unit_of_work() as unit_of_work:
        first, second = (insert_source(unit_of_work, uri=f"file:///{name}") for name in ("a", "b"))
        held = [as_text, as_bytes] if text_first else [as_bytes, as_text]
        written = unit_of_work.write_atoms(0, HOUR, {first: held[:1], second: held[1:]})

    assert written == WrittenAtoms(1, 8)
    assert reference_counts(client) == {(0, "the same"): 2}
    assert [job["AtomId"] for job in jobs(client)] == [row["AtomId"] for row in rows(client, "SELECT AtomId FROM Atom")]
    assert not broken_invariants(database, *ATOM_RULES)


def test_tenants_share_no_atom(database: Database, client: Any) -> None:
    for tenant_id in (1, 2):
        write(database, "the same", tenant_id=tenant_id)

    assert reference_counts(client) == {(1, "the same"): 1, (2, "the same"): 1}
    assert not broken_invariants(database, *ATOM_RULES)


def test_writing_tells_how_many_atoms_and_bytes_were_new_to_the_tenant(database: Database) -> None:
    with database.unit_of_work() as unit_of_work:
        source_id = insert_source(unit_of_work)
        first = unit_of_work.write_atoms(0, HOUR, {source_id: atoms_of("1234", "123456", "1234")})
        second = unit_of_work.write_atoms(0, HOUR, {source_id: [atom("1234", 3), atom(b"x" * 70, 4)]})
        other = insert_source(unit_of_work, tenant_id=1)
        elsewhere = unit_of_work.write_atoms(1, HOUR, {other: atoms_of("1234")})

    assert (first, second, elsewhere) == (WrittenAtoms(2, 10), WrittenAtoms(1, 70), WrittenAtoms(1, 4))


def test_every_occurrence_is_a_row_with_its_place_in_the_source(database: Database, client: Any) -> None:
    occurrences = [
        atom("One.", 0, suffix=b" "),
        atom("One.", 1, byte_offset=5, suffix=b"\r\n"),
        atom("derived", 0, role="derived", byte_offset=None, locator=json.dumps({"page": 3})),
    ]
    with database.unit_of_work() as unit_of_work:
        unit_of_work.write_atoms(0, HOUR, {insert_source(unit_of_work): occurrences})

    found = rows(
        client,
        "SELECT sa.Role, sa.Ordinal, a.CanonicalText, sa.ByteOffset, sa.ByteLength, sa.Suffix, sa.Locator"
        " FROM SourceAtom AS sa JOIN Atom AS a ON a.AtomId = sa.AtomId ORDER BY sa.Role, sa.Ordinal",
    )
    assert [tuple(row.values()) for row in found] == [
        ("content", 0, "One.", 0, 4, b" ", None),
        ("content", 1, "One.", 5, 4, b"\r\n", None),
        ("derived", 0, "derived", None, None, None, '{"page": 3}'),
    ]


def test_what_is_derived_and_in_the_file_is_what_it_is_in_the_file_whichever_comes_first(
    database: Database, client: Any
) -> None:
    derived = atom("the same", 0, role="derived", byte_offset=None, locator="{}")
    with database.unit_of_work() as unit_of_work:
        unit_of_work.write_atoms(
            0,
            HOUR,
            {insert_source(unit_of_work): [replace(derived, modality="code", subtype="function"), atom("the same", 0)]},
        )

    [found] = rows(client, "SELECT Modality AS modality, ReferenceCount AS count FROM Atom")
    assert found == {"modality": "text", "count": 2}


@pytest.mark.parametrize(("length", "in_atom", "in_content"), [(1, 1, 0), (64, 1, 0), (65, 0, 1), (65536, 0, 1)])
def test_only_bytes_above_64_have_a_row_in_atom_content(
    database: Database, client: Any, length: int, in_atom: int, in_content: int
) -> None:
    write(database, b"x" * length)

    (found,) = rows(client, "SELECT COUNT(AtomicValue) AS atoms, (SELECT COUNT(*) FROM AtomContent) AS n FROM Atom")
    assert found == {"atoms": in_atom, "n": in_content}


TEXTS = [
    "a",
    "€" * 21,
    "€" * 22,
    "x" * 64,
    "x" * 65,
    "with\0a NUL",
    "\0",
    "trailing spaces  ",
    "\ufeffmark",
    "𝄞 e\u0301 é",
    "ä" * 40_000,
]


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: f"{ascii(text)[:20]} {len(text)}")
def test_a_text_is_the_only_copy_of_its_bytes(database: Database, client: Any, tmp_path: Path, text: str) -> None:
    source_id = write(database, text)

    places = "SELECT CanonicalText, AtomicValue, (SELECT COUNT(*) FROM AtomContent) AS n FROM Atom"
    assert [tuple(row.values()) for row in rows(client, places)] == [(text, None, 0)]
    assert contents_of(database, source_id, tmp_path) == [text.encode()]


def test_a_text_that_is_not_what_the_bytes_say_lies_beside_them(
    database: Database, client: Any, tmp_path: Path
) -> None:
    short, long = (atom(bytes(n), n, modality="image", canonical_text="A caption.") for n in (7, 70))
    with database.unit_of_work() as unit_of_work:
        source_id = insert_source(unit_of_work)
        unit_of_work.write_atoms(0, HOUR, {source_id: [short, long]})

    assert contents_of(database, source_id, tmp_path) == [bytes(7), bytes(70)]


@pytest.mark.parametrize("length", [0, 1, 64, 65, 65536, 70 * 1024])
def test_bytes_are_read_back_from_whichever_of_their_three_places_it_lies_in(
    database: Database, tmp_path: Path, length: int
) -> None:
    blobs = LocalBlobs(tmp_path / "blobs")
    content = bytes(n % 251 for n in range(length))
    key = blobs.put(0, content) if length > 65536 else None
    with database.unit_of_work() as unit_of_work:
        source_id = insert_source(unit_of_work)
        unit_of_work.write_atoms(0, HOUR, {source_id: [atom(content, blob_key=key)]})

    with database.read() as unit_of_work:
        (row,) = unit_of_work.query("source_contents", source_id=source_id, role="content", from_ordinal=0, n=10)
    assert row["blobKey"] == key
    assert read_content(row, blobs) == content


def test_content_that_a_client_inserted_as_characters_is_read_as_utf8(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "hartonomous.db")  # no column of SQL Server's takes characters for bytes
    database.migrate()
    values = (0, "binary", "chunk", hashlib.sha256("ä€".encode()).digest(), None, "ä€", timestamp())
    database.connection().execute(INSERT_BY_HAND, values)

    source_id = write(database, "ä€".encode())

    with database.read() as unit_of_work:
        (row,) = unit_of_work.query("source_contents", source_id=source_id, role="content", from_ordinal=0, n=10)
    assert read_content(row, LocalBlobs(tmp_path)) == "ä€".encode()


def test_each_new_atom_that_needs_an_embedding_has_exactly_one_job(database: Database, client: Any) -> None:
    write(database, "a", "b", "a", hour="2026-01-01-05:00")
    write(database, "a", "c", uri="file:///again", hour="2026-01-01-06:00")

    atoms = rows(client, "SELECT AtomId, TenantId, IngestHour FROM Atom ORDER BY AtomId")
    found = jobs(client)
    assert len(atoms) == 3
    assert [{name: job[name] for name in ("AtomId", "TenantId", "IngestHour")} for job in found] == atoms
    assert {(j["JobType"], j["Status"], j["AttemptCount"]) for j in found} == {("GenerateEmbedding", "Pending", 0)}
    assert [json.loads(job["Parameters"])["AtomId"] for job in found] == [row["AtomId"] for row in atoms]


@pytest.mark.parametrize("modality", ["text", "image", "audio", "video", "code"])
def test_an_atom_of_an_embeddable_modality_has_a_job(database: Database, client: Any, modality: str) -> None:
    with database.unit_of_work() as unit_of_work:
        unit_of_work.write_atoms(0, HOUR, {insert_source(unit_of_work): [atom("content", modality=modality)]})

    assert len(jobs(client)) == 1


def test_gaps_and_binary_chunks_have_no_job(database: Database, client: Any) -> None:
    with database.unit_of_work() as unit_of_work:
        gap = atom(" " * 70, 0, subtype="gap", canonical_text=None)
        unit_of_work.write_atoms(0, HOUR, {insert_source(unit_of_work): [gap, atom(b"\xff\x00", 1)]})

    assert jobs(client) == []


def test_atoms_of_a_transaction_that_fails_leave_neither_rows_nor_jobs(database: Database, client: Any) -> None:
    with pytest.raises(ZeroDivisionError), database.unit_of_work() as unit_of_work:
        unit_of_work.write_atoms(0, HOUR, {insert_source(unit_of_work): atoms_of("gone", b"x" * 100)})
        _ = 1 / 0

    for table in ("Source", "Atom", "AtomContent", "SourceAtom", "BackgroundJob"):
        assert rows(client, f"SELECT * FROM {table}") == []


def test_an_insert_by_hand_from_any_client_has_a_job_at_once(database: Database, client: Any) -> None:
    insert_by_hand(client, "Typed by a person.", tenant_id=3)

    (found,) = rows(client, "SELECT AtomId, ReferenceCount, IngestHour FROM Atom")
    (job,) = jobs(client)
    assert (job["AtomId"], job["TenantId"], job["Status"]) == (found["AtomId"], 3, "Pending")
    assert found["ReferenceCount"] == 0
    assert found["IngestHour"] == job["IngestHour"] == current_hour()


def test_bytes_first_seen_as_a_binary_chunk_turn_into_text_when_they_come_as_a_sentence(
    database: Database, client: Any, tmp_path: Path
) -> None:
    binary = write(database, b"The same bytes.", uri="file:///binary")
    assert jobs(client) == []

    write(database, "The same bytes.", uri="file:///text")

    (found,) = rows(
        client, "SELECT AtomId, Modality, Subtype, CanonicalText, ContentType, AtomicValue, ReferenceCount FROM Atom"
    )
    assert tuple(found.values())[1:] == ("text", "sentence", "The same bytes.", "text/plain", None, 2)
    assert [job["AtomId"] for job in jobs(client)] == [found["AtomId"]]
    with database.read() as unit_of_work:
        matches = unit_of_work.match_words(0, ["bytes"], 10)
    assert [atom_id for atom_id, _ in matches] == [found["AtomId"]]
    assert contents_of(database, binary, tmp_path) == [b"The same bytes."]


def test_a_long_chunk_that_turns_into_text_is_its_text_and_nothing_more(
    database: Database, client: Any, tmp_path: Path
) -> None:
    text = "The same bytes. " * 10
    binary = write(database, text.encode(), uri="file:///binary")
    assert len(rows(client, "SELECT * FROM AtomContent")) == 1

    write(database, text, uri="file:///text")

    assert rows(client, "SELECT * FROM AtomContent") == []
    assert contents_of(database, binary, tmp_path) == [text.encode()]


def test_a_sentence_that_comes_again_as_a_binary_chunk_stays_text(database: Database, client: Any) -> None:
    write(database, "The same bytes.", uri="file:///text")
    write(database, b"The same bytes.", uri="file:///binary")

    assert rows(client, "SELECT Modality, ReferenceCount FROM Atom") == [{"Modality": "text", "ReferenceCount": 2}]
    assert len(jobs(client)) == 1


def test_a_source_that_holds_an_atom_inserted_by_hand_uses_that_atom(database: Database, client: Any) -> None:
    insert_by_hand(client, "known")

    write(database, "known")

    assert reference_counts(client) == {(0, "known"): 1}
    assert len(jobs(client)) == 1


def test_a_source_that_holds_a_long_atom_inserted_by_hand_has_all_of_its_bytes(
    database: Database, client: Any, tmp_path: Path
) -> None:
    text = "A sentence that does not fit into the 64 bytes of AtomicValue, with an ä in it."
    insert_by_hand(client, text)

    source_id = write(database, text)

    assert contents_of(database, source_id, tmp_path) == [text.encode()]


@pytest.mark.parametrize("content", ["what the hash is of", b"what the hash is of", "the same, but long " * 10])
def test_an_atom_inserted_by_hand_under_the_hash_of_other_bytes_is_shared_with_no_source(
    database: Database, client: Any, tmp_path: Path, content: str | bytes
) -> None:
    insert_by_hand(client, "something else", hash_of=content if isinstance(content, str) else content.decode())
    (false,) = rows(client, "SELECT AtomId FROM Atom")
    named = {"unreadable_atoms": [{"atomId": false["AtomId"], "fault": "ContentHash"}]}
    assert broken_invariants(database, "unreadable_atoms") == named

    source_id = write(database, content, "and another")

    assert contents_of(database, source_id, tmp_path)[0] == (content.encode() if isinstance(content, str) else content)
    held = rows(client, "SELECT AtomId FROM SourceAtom")
    assert len(held) == 2 and false not in held
    kept = rows(client, "SELECT CanonicalText, AtomicValue FROM Atom WHERE AtomId = ?", false["AtomId"])
    assert [tuple(row.values()) for row in kept] == [("something else", b"something else")]
    assert false["AtomId"] in [job["AtomId"] for job in jobs(client)]
    assert broken_invariants(database, *ATOM_RULES, "unreadable_atoms") == named
    events = [json.loads(message.body) for message in receive_all(database, "ProvenanceQueue")]
    assert [event["atomIds"] for event in events] == [[false["AtomId"]]] * 2  # it came, and its hash changed


def test_what_an_atom_inserted_by_hand_holds_is_shared_under_its_own_hash(database: Database, client: Any) -> None:
    insert_by_hand(client, "known", hash_of="another text")

    write(database, "known")

    assert rows(client, "SELECT CanonicalText, ReferenceCount FROM Atom ORDER BY AtomId") == [
        {"CanonicalText": "known", "ReferenceCount": 0},
        {"CanonicalText": "known", "ReferenceCount": 1},
    ]


def test_an_atom_that_no_source_holds_goes_with_its_job_unless_inserted_by_hand(
    database: Database, client: Any
) -> None:
    insert_by_hand(client, "by hand")
    kept = write(database, "shared", uri="file:///kept")
    gone = write(database, "by hand", "shared", "only here", "only here", b"x" * 100, uri="file:///gone")

    with database.unit_of_work() as unit_of_work:
        unit_of_work.execute("remove_references", source_ids=json.dumps([gone]))
        unit_of_work.execute("delete_source_atoms", source_ids=json.dumps([gone]))
        unit_of_work.query("delete_unreferenced_atoms")

    assert reference_counts(client) == {(0, "by hand"): 0, (0, "shared"): 1}
    assert len(jobs(client)) == 2
    assert rows(client, "SELECT * FROM AtomContent") == []
    assert [row["SourceId"] for row in rows(client, "SELECT SourceId FROM SourceAtom")] == [kept]


def write_with_others(index: int, store: Store, texts: Sequence[str]) -> None:
    """Write every text twice into a source of one's own, a few at a time, in an order of one's own."""
    database = store.open()
    with database.unit_of_work() as unit_of_work:
        source_id = insert_source(unit_of_work, uri=f"file:///{index}")
    own = [*texts[index * 7 :], *texts[: index * 7]] * 2
    for start in range(0, len(own), 12):
        with database.unit_of_work() as unit_of_work:
            batch = [atom(text, start + n) for n, text in enumerate(own[start : start + 12])]
            unit_of_work.write_atoms(0, HOUR, {source_id: batch})


@pytest.mark.slow
def test_processes_that_write_the_same_atoms_at_once_end_with_one_atom_each_rightly_counted(
    store: Store, database: Database, client: Any
) -> None:
    texts = [f"sentence {n}" for n in range(60)]

    in_processes(4, write_with_others, store, texts)

    assert reference_counts(client) == {(0, text): 8 for text in texts}
    assert len(jobs(client)) == 60
    assert len(rows(client, "SELECT * FROM SourceAtom")) == 480
    assert not broken_invariants(database, *ATOM_RULES)


def write_known_and_new(index: int, store: Store, known: Sequence[str], new: Sequence[str]) -> None:
    """Write known atoms and a part of the new ones, alternating, into a source of one's own; the parts of two processes overlap."""
    database = store.open()
    with database.unit_of_work() as unit_of_work:
        source_id = insert_source(unit_of_work, uri=f"file:///{index}")
    own = new[index * 10 : index * 10 + 30]
    mixed = [text for pair in zip(known if index % 2 else known[::-1], own, strict=True) for text in pair]
    for start in range(0, len(mixed), 12):
        with database.unit_of_work() as unit_of_work:
            batch = [atom(text, start + n) for n, text in enumerate(mixed[start : start + 12])]
            unit_of_work.write_atoms(0, HOUR, {source_id: batch})


@pytest.mark.slow
def test_processes_that_mix_known_and_new_atoms_agree_on_one_atom_each(
    store: Store, database: Database, client: Any
) -> None:
    known, new = [f"known {n}" for n in range(30)], [f"new {n}" for n in range(60)]
    write(database, *known, uri="file:///before")
    before = {row["AtomId"] for row in rows(client, "SELECT AtomId FROM Atom")}

    in_processes(4, write_known_and_new, store, known, new)

    holders = {text: sum(n in range(index * 10, index * 10 + 30) for index in range(4)) for n, text in enumerate(new)}
    assert reference_counts(client) == {(0, text): n for text, n in (dict.fromkeys(known, 5) | holders).items()}
    held = rows(
        client, "SELECT a.CanonicalText, s.AtomId FROM SourceAtom AS s INNER JOIN Atom AS a ON a.AtomId = s.AtomId"
    )
    ids = {(row["CanonicalText"], row["AtomId"]) for row in held}
    assert len(held) == 30 + 4 * 60
    assert len(ids) == len(dict(ids)) == 90, "one id for each text, in every source"
    assert {atom_id for text, atom_id in ids if text in known} == before, "and what was known keeps its own"
    assert not broken_invariants(database, *ATOM_RULES)
