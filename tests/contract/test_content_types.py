"""What a source is taken for: text that is not UTF-8 is kept as bytes and said to be so; another declared type makes a version."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from hartonomous_resources.resources import Resources
from hartonomous_service.ingest import ingest as ingest_paths
from hartonomous_service.search import search
from hartonomous_service.source_records import list_sources, reconstruct, verify_sources
from tests.builders import request
from tests.stages import ingest, run_stages_of

SENTENCE = "The harbour lay quiet under the fog."


def version(home: Resources, number: int = 1) -> dict[str, Any]:
    """The version of this number of the only source there is."""
    [found] = [row for row in list_sources(home)["sources"] if row["version"] == number]
    return dict(found)


def kinds(home: Resources) -> list[str]:
    """Content types of the versions, the first one first."""
    return [row["contentType"] for row in list_sources(home)["sources"]][::-1]


def hits(home: Resources) -> int:
    return len(search(home, "harbour", mode="lexical")["results"])


@pytest.mark.parametrize(
    ("encoding", "charset", "reason"),
    [
        ("latin-1", "unknown-8bit", "not UTF-8 at byte 37"),
        ("cp1252", "unknown-8bit", "not UTF-8 at byte 37"),
        ("utf-16", "utf-16", "text in utf-16"),
        ("utf-16-le", "utf-16le", "text in utf-16le"),
        ("utf-16-be", "utf-16be", "text in utf-16be"),
        ("utf-32", "utf-32", "text in utf-32"),
    ],
)
@pytest.mark.parametrize("declared", [None, "text/plain", "text/plain; charset=utf-8"])
def test_text_that_is_not_utf8_is_kept_byte_for_byte_and_says_why_it_is_not_found(
    home: Resources, encoding: str, charset: str, reason: str, declared: str | None
) -> None:
    data = f"{SENTENCE} é".encode(encoding)

    ingest(home, request(rawData=data, sourceUri="mail:a.txt", **({"contentType": declared} if declared else {})))

    source = version(home)
    assert (source["status"], source["contentType"]) == ("Atomized", f"text/plain; charset={charset}")
    assert source["searchable"] is False and hits(home) == 0
    assert reason in source["errorMessage"] and "convert it to UTF-8" in source["errorMessage"]
    assert b"".join(reconstruct(home, source["sourceId"])) == data
    assert verify_sources(home)["failed"] == []


def test_a_byte_beyond_the_first_block_that_is_no_utf8_keeps_the_file_as_bytes(home: Resources) -> None:
    data = SENTENCE.encode() * 2000 + b"\xff"

    ingest(home, request(rawData=data, sourceUri="mail:a.txt"))

    assert version(home)["contentType"] == "text/plain; charset=unknown-8bit"
    assert f"at byte {len(data) - 1:,}" in version(home)["errorMessage"]
    assert hashlib.sha256(b"".join(reconstruct(home, 1))).hexdigest() == version(home)["contentHash"]


def test_text_that_is_declared_in_an_encoding_but_is_utf8_is_text(home: Resources) -> None:
    ingest(home, request(rawData=SENTENCE.encode(), sourceUri="mail:a", contentType="text/plain; charset=iso-8859-1"))

    assert version(home)["contentType"] == "text/plain"
    assert hits(home) == 1


def test_a_file_that_has_become_utf8_is_found(home: Resources) -> None:
    for encoding in ("utf-16", "utf-8"):
        ingest(home, request(rawData=SENTENCE.encode(encoding), sourceUri="mail:a.txt"))

    assert kinds(home) == ["text/plain; charset=utf-16", "text/plain"]
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
