"""Ranges of the bytes of a source, each atom checked on the way; and pages that say where the next one begins."""

import hashlib
import itertools
import random
from typing import Any

import pytest

from hartonomous_resources.resources import Resources
from hartonomous_resources.work.contents import ordinal_at
from hartonomous_service.errors import Conflict, Invalid, NotFound, Unavailable
from hartonomous_service.ingest import submit
from hartonomous_service.source_pages import page_source_atoms, page_sources
from hartonomous_service.source_records import reconstruct
from tests.stages import run_stages_of

TEXT = "".join(f"Sentence {n} of the sea, ä€, stands here.\r\n\r\n" for n in range(1500)).encode()
CONTENTS = {
    "text": TEXT,
    "utf16": TEXT[:4000].decode().encode("utf-16"),
    "binary": random.Random(5).randbytes(300_000),
    "mixed": b"\n\n\n" + TEXT[:5000] + b"\x00\xff\xfe" * 900 + TEXT[:3000],
    "tiny": b"x",
}


def source_of(home: Resources, content: bytes) -> int:
    [source] = submit(home, content, source_uri="upload:1")["sources"]
    run_stages_of(home)
    return int(source["sourceId"])


@pytest.mark.parametrize("kind", CONTENTS)
def test_every_range_has_its_bytes(home: Resources, kind: str) -> None:
    content = CONTENTS[kind]
    source_id, end, draw = source_of(home, content), len(content), random.Random(7)
    drawn = [sorted((draw.randint(0, end), draw.randint(0, end))) for _ in range(60)]
    near = [(start, min(end, start + draw.randint(0, 9))) for start in (draw.randint(0, end) for _ in range(60))]
    for first, stop in [(0, end), (0, 0), (end, end), (end - 1, end), (0, 1), *drawn, *near]:
        assert b"".join(reconstruct(home, source_id, first, stop)) == content[first:stop], (first, stop)
    assert b"".join(reconstruct(home, source_id)) == content


def test_blocks_are_neither_tiny_nor_huge(home: Resources) -> None:
    sizes = [len(block) for block in reconstruct(home, source_of(home, TEXT * 3), 100)]
    assert len(sizes) > 2 and all(65_536 <= size < 140_000 for size in sizes[:-1])


def test_a_place_is_found_without_reading_all_before_it(home: Resources) -> None:
    source_id = source_of(home, TEXT)
    atoms = page_source_atoms(home, source_id, limit=10_000)["atoms"]
    for atom, following in itertools.pairwise(atoms):
        assert ordinal_at(home.database, source_id, atom["byteOffset"]) == atom["ordinal"]
        assert ordinal_at(home.database, source_id, following["byteOffset"] - 1) == atom["ordinal"]


@pytest.mark.parametrize(("first", "stop"), [(5, 4), (0, 2), (2, 2), (2**63 - 1, None)])
def test_a_range_that_is_not_there_is_refused(home: Resources, first: int, stop: int | None) -> None:
    source_id = source_of(home, b"x")
    with pytest.raises(Invalid):
        list(reconstruct(home, source_id, first, stop))


def test_only_the_tenants_own_atomized_sources_are_read(home: Resources) -> None:
    [source] = submit(home, b"x", tenant=7)["sources"]
    with pytest.raises(Conflict):
        list(reconstruct(home, source["sourceId"], tenant=7))
    run_stages_of(home)
    for call in (reconstruct, page_source_atoms):
        with pytest.raises(NotFound):
            list(call(home, source["sourceId"]))  # type: ignore[operator]


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE Atom SET CanonicalText = 'Another text that stands in its place.' WHERE AtomId = ?",
        "UPDATE SourceAtom SET ByteOffset = ByteOffset + 1 WHERE AtomId = ?",
        "DELETE FROM SourceAtom WHERE AtomId = ?",
    ],
)
@pytest.mark.parametrize("whole", [True, False])
def test_wrong_bytes_are_never_all_given(home: Resources, client: Any, damage: str, whole: bool) -> None:
    source_id = source_of(home, TEXT)
    cursor = client.cursor()
    cursor.execute(
        "SELECT AtomId FROM SourceAtom WHERE SourceId = ? AND Role = 'content' AND Ordinal = 100", (source_id,)
    )
    [atom_id] = cursor.fetchone()
    cursor.execute(damage, (atom_id,))
    client.commit()
    given = b""
    with pytest.raises(Unavailable):
        for block in reconstruct(home, source_id, 0 if whole else 1):
            given += block
    assert len(given) < len(TEXT) - 1 and TEXT[0 if whole else 1 :].startswith(given)


def test_suffixes_count_where_all_is_asked_for(home: Resources, client: Any) -> None:
    source_id = source_of(home, TEXT)
    cursor = client.cursor()
    cursor.execute(
        "UPDATE SourceAtom SET Suffix = ? WHERE SourceId = ? AND Suffix = ?", (b"\n\n\n\n", source_id, b"\r\n\r\n")
    )
    assert cursor.rowcount > 0
    client.commit()
    with pytest.raises(Unavailable, match="do not give the bytes that came in"):
        list(reconstruct(home, source_id))


def test_pages_of_sources_go_on_below_the_last_one(home: Resources) -> None:
    for n in range(5):
        submit(home, b"%d" % n, source_uri=f"a:{n}", tenant=n % 2)
    first = page_sources(home, limit=2)
    submit(home, b"new", source_uri="a:new")
    second = page_sources(home, limit=2, below=first["next"])

    assert [row["sourceUri"] for row in first["sources"] + second["sources"]] == ["a:4", "a:2", "a:0"]
    assert first["next"] == first["sources"][-1]["sourceId"] and second["next"] is None
    assert page_sources(home, status="Atomized") == {"sources": [], "next": None}


def test_a_page_of_atoms_says_what_stands_where(home: Resources) -> None:
    source_id = source_of(home, TEXT)
    first = page_source_atoms(home, source_id, limit=3)
    rest = page_source_atoms(home, source_id, limit=10_000, from_ordinal=first["next"])

    atoms = first["atoms"] + rest["atoms"]
    assert rest["next"] is None and [atom["ordinal"] for atom in atoms] == list(range(len(atoms)))
    for atom in atoms:
        piece = TEXT[atom["byteOffset"] :][: atom["byteLength"]]
        assert hashlib.sha256(piece).hexdigest() == atom["hash"]
        assert atom["text"] is None or atom["text"].encode() == piece
