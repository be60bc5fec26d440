"""What a source is taken for: text in any encoding that can be told is found; another declared type or charset makes a version."""

from pathlib import Path
from typing import Any

import pytest

from hartonomous_resources.resources import Resources
from hartonomous_service.ingest import ingest as ingest_paths
from hartonomous_service.search import search
from hartonomous_service.source_records import list_sources, reconstruct, verify_sources
from tests.builders import request
from tests.stages import ingest, run_stages_of
from tests.unit.encoded_texts import TEXTS

SENTENCE = "The harbour lay quiet under the fog."
LETTER = TEXTS["German"]


def version(home: Resources, number: int = 1) -> dict[str, Any]:
    """The version of this number of the only source there is."""
    [found] = [row for row in list_sources(home)["sources"] if row["version"] == number]
    return dict(found)


def kinds(home: Resources) -> list[str]:
    """Content types of the versions, the first one first."""
    return [row["contentType"] for row in list_sources(home)["sources"]][::-1]


def hits(home: Resources) -> int:
    return len(search(home, "harbour", mode="lexical")["results"])


def source_text(home: Resources, data: bytes) -> str:
    """The text that lies where the first hit says that it lies, read out of the file's own bytes."""
    [hit] = search(home, "harbour", mode="lexical")["results"]
    [place] = hit["sources"]
    assert place["locator"] == {key: place[key] for key in ("byteOffset", "byteLength")} | {
        "charset": place["locator"]["charset"]
    }
    for text, place_of in ((hit["text"], "byte"), (hit["highlight"]["text"], "highlight")):
        there = data[place[f"{place_of}Offset"] :][: place[f"{place_of}Length"]]
        assert there.decode(place["locator"]["charset"]) == text
    return str(hit["text"])


@pytest.mark.parametrize(
    ("encoding", "charset"),
    [
        ("latin-1", "windows-1252"),
        ("cp1252", "windows-1252"),
        ("mac-roman", "mac-roman"),
        ("utf-16", "utf-16le"),
        ("utf-16-le", "utf-16le"),
        ("utf-16-be", "utf-16be"),
        ("utf-32", "utf-32le"),
    ],
)
@pytest.mark.parametrize("declared", [None, "text/plain", "text/plain; charset=utf-8"])
def test_text_in_another_encoding_is_found_and_comes_back_byte_for_byte(
    home: Resources, encoding: str, charset: str, declared: str | None
) -> None:
    data = f"{LETTER}\n\n{SENTENCE}\n\n{LETTER}\n".encode(encoding)

    ingest(home, request(rawData=data, sourceUri="mail:a.txt", **({"contentType": declared} if declared else {})))

    source = version(home)
    assert (source["status"], source["contentType"]) == ("Atomized", f"text/plain; charset={charset}")
    assert (source["searchable"], source["errorMessage"]) == (True, None)
    assert SENTENCE in source_text(home, data)
    assert b"".join(reconstruct(home, source["sourceId"])) == data
    assert verify_sources(home)["failed"] == []


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (f"{SENTENCE} é".encode("latin-1"), "not UTF-8 at byte 37, and its encoding cannot be told"),
        (SENTENCE.encode() * 2000 + b"\xff", "not UTF-8 at byte 72,000, and its encoding cannot be told"),
        (f"{LETTER}\n".encode() + f"{LETTER}\n".encode("cp1252"), "and its encoding cannot be told"),
        ((SENTENCE * 200).encode("utf-16") + b"x", "text in utf-16le that is broken at byte 14,402"),
        ((SENTENCE * 200).encode("utf-16-le") + b"x", "text in utf-16le that is broken at byte 14,400"),
        (b"\x00\xff\x80" * 3000, "not UTF-8 at byte 1, and its encoding cannot be told"),
    ],
)
@pytest.mark.parametrize("declared", [None, "text/plain; charset=ascii", "text/plain; charset=nonsense"])
def test_text_whose_encoding_cannot_be_told_is_kept_byte_for_byte_and_says_why_it_is_not_found(
    home: Resources, data: bytes, reason: str, declared: str | None
) -> None:
    ingest(home, request(rawData=data, sourceUri="mail:a.txt", **({"contentType": declared} if declared else {})))

    source = version(home)
    assert (source["status"], source["contentType"]) == ("Atomized", "text/plain; charset=unknown-8bit")
    assert source["searchable"] is False and hits(home) == 0
    assert reason in source["errorMessage"] and "with its encoding" in source["errorMessage"]
    assert b"".join(reconstruct(home, source["sourceId"])) == data
    assert verify_sources(home)["failed"] == []


@pytest.mark.parametrize("content_type", ["text/csv", "application/csv", "text/csv; charset=utf-8"])
def test_a_table_as_excel_saves_it_is_found_row_by_row(home: Resources, content_type: str) -> None:
    data = "Kunde;Straße;Betrag\r\nMüller;Hauptstraße 5;12,50\r\n".encode("cp1252")

    ingest(home, request(rawData=data, sourceUri="mail:a.csv", contentType=content_type))

    source = version(home)
    assert source["contentType"] == f"{content_type.partition(';')[0]}; charset=windows-1252"
    [hit] = search(home, "Hauptstraße", mode="lexical")["results"]
    assert "Kunde: Müller; Straße: Hauptstraße 5; Betrag: 12,50" in hit["text"]
    assert b"".join(reconstruct(home, source["sourceId"])) == data


def test_text_whose_encoding_cannot_be_told_is_found_once_it_is_said(home: Resources) -> None:
    data = "harbour = 5 é".encode("latin-1")
    said = ["text/plain", "text/plain; charset=iso-8859-1", "text/plain; charset=koi8-r", "Text/plain;Charset=KOI8-R"]
    for content_type in said:
        ingest(home, request(rawData=data, sourceUri="mail:a.txt", contentType=content_type))

    assert kinds(home) == [f"text/plain; charset={name}" for name in ("unknown-8bit", "windows-1252", "koi8-r")]
    assert version(home, 3)["errorMessage"] is None
    assert source_text(home, data) == "harbour = 5 И"


def test_the_encoding_of_a_file_that_is_unchanged_can_be_said(home: Resources, tmp_path: Path) -> None:
    path = tmp_path / "short.txt"
    path.write_bytes("Łódź".encode("cp852"))
    for content_type in (None, None, "text/plain", "text/plain; charset=cp852", "text/plain; charset=cp852", None):
        ingest_paths(home, [path], content_type=content_type, wait=False)
        run_stages_of(home)

    assert kinds(home) == ["text/plain; charset=unknown-8bit", "text/plain; charset=cp852"]
    assert [hit["text"] for hit in search(home, "Łódź", mode="lexical")["results"]] == ["Łódź"]


def test_one_text_in_three_encodings_is_one_atom_in_three_sources(home: Resources) -> None:
    text = "Größe ist nicht alles am harbour."
    for encoding in ("utf-8", "cp1252", "utf-16-le"):
        kind = f"text/plain; charset={encoding}"
        ingest(home, request(rawData=text.encode(encoding), sourceUri=f"mail:{encoding}", contentType=kind))

    [hit] = search(home, "harbour", mode="lexical")["results"]
    assert [place["byteLength"] for place in hit["sources"]] == [
        len(text.encode(e)) for e in ("utf-8", "cp1252", "utf-16-le")
    ]
    assert verify_sources(home)["failed"] == []


def test_the_same_bytes_in_two_encodings_are_two_texts(home: Resources) -> None:
    data = "harbour é".encode("latin-1")
    for charset in ("windows-1252", "koi8-r"):
        kind = f"text/plain; charset={charset}"
        ingest(home, request(rawData=data, sourceUri=f"mail:{charset}", contentType=kind))

    found = search(home, "harbour", mode="lexical")["results"]
    assert {(hit["text"], hit["sources"][0]["sourceUri"]) for hit in found} == {
        ("harbour é", "mail:windows-1252"),
        ("harbour И", "mail:koi8-r"),
    }


def test_text_that_is_declared_in_an_encoding_but_is_utf8_is_text(home: Resources) -> None:
    ingest(home, request(rawData=SENTENCE.encode(), sourceUri="mail:a", contentType="text/plain; charset=iso-8859-1"))

    assert version(home)["contentType"] == "text/plain"
    assert hits(home) == 1


def test_a_file_that_has_become_utf8_is_found(home: Resources) -> None:
    for encoding in ("utf-16", "utf-8"):
        ingest(home, request(rawData=SENTENCE.encode(encoding), sourceUri="mail:a.txt"))

    assert kinds(home) == ["text/plain; charset=utf-16le", "text/plain"]
    assert version(home, 2)["errorMessage"] is None
    assert hits(home) == 1


def test_the_same_bytes_under_another_type_are_a_new_version(home: Resources) -> None:
    for declared in ("text/plain", "application/octet-stream", "text/markdown"):
        ingest(home, request(rawData=SENTENCE.encode(), sourceUri="mail:a", contentType=declared))

    assert kinds(home) == ["text/plain", "application/octet-stream", "text/markdown"]
    assert version(home, 1)["supersededBy"] == version(home, 2)["sourceId"]
    assert version(home, 3)["searchable"] is True and hits(home) == 1
    assert verify_sources(home)["failed"] == []


@pytest.mark.parametrize("again", ["text/plain", "Text/PLAIN", "text/plain; charset=utf-8", "text/plain;format=flowed"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_the_same_bytes_under_the_same_type_are_no_new_version(home: Resources, again: str, encoding: str) -> None:
    for declared in ("text/plain", again, again):
        ingest(home, request(rawData=SENTENCE.encode(encoding), sourceUri="mail:a", contentType=declared))

    assert len(kinds(home)) == 1


def test_a_content_type_given_for_an_unchanged_file_is_heeded(home: Resources, tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    path.write_text(SENTENCE)

    def given(content_type: str | None) -> list[str]:
        ingest_paths(home, [path], content_type=content_type, wait=False)
        run_stages_of(home)
        return kinds(home)

    assert given(None) == ["text/plain"]
    assert given("text/plain") == ["text/plain"]
    assert given("application/octet-stream") == ["text/plain", "application/octet-stream"]
    assert given(None) == ["text/plain", "application/octet-stream"], "what was said of it holds until other is said"
    assert given("text/plain") == ["text/plain", "application/octet-stream", "text/plain"]
