"""Sources through the real stages `sources` and `atoms`: every byte back, and what is kept and said of each."""

import json
import os
import random
import sys

import pytest

from hartonomous_core.messages import PROVENANCE_QUEUE, parse_provenance_event
from hartonomous_resources.resources import Resources
from tests.builders import (
    broken_invariants,
    receive_all,
    request,
)
from tests.stages import (
    ALL_RULES,
    MakeHome,
    all_sources,
    content_of,
    ingest,
    put_file,
)

RANDOM_BYTES = random.Random(3).randbytes(300_000)


CONTENTS = {
    "CRLF, tabs and trailing spaces": ("a.txt", b"One line.  \r\n\r\n\tAnother one. And more.   \r\nNo end"),
    "byte order mark": ("a.txt", b"\xef\xbb\xbfIt begins with a mark. It goes on.\n"),
    "no final newline": ("a.md", b"# Title\n\nLast line has no end"),
    "NUL bytes": ("a.txt", b"A NUL\x00 inside. And \x00\x00 two more.\n"),
    "nothing": ("a.txt", b""),
    "a separator too long for a suffix": ("a.txt", b"Before." + b" " * 200 + b"After."),
    "white space alone": ("a.txt", b" \n\t\r\n "),
    "one byte": ("a.txt", b"x"),
    "many scripts": ("a.txt", "Grüße aus Köln. 日本語の文です。 Ещё одно. 🎉 Ende!\n".encode() * 50),
    "a line longer than an atom": ("a.json", b'"' + b"abcdefgh" * 5000 + b'"'),
    "random bytes": ("a.bin", RANDOM_BYTES),
    "the same chunk again and again": ("a.bin", bytes(400_000)),
    "bytes with a signature": ("a.png", b"\x89PNG\r\n\x1a\n" + RANDOM_BYTES[:5000]),
    "a name that needs quoting": ("ä %41 #?.txt", b"Its name needs quoting."),
}


@pytest.mark.parametrize(("name", "content"), CONTENTS.values(), ids=CONTENTS)
@pytest.mark.parametrize("inline", [True, False], ids=["inline", "by uri"])
def test_a_source_is_rebuilt_byte_for_byte(home: Resources, name: str, content: bytes, inline: bool) -> None:
    path = put_file(home, name, content)

    ingest(home, request(rawData=content, sourceUri=path.as_uri()) if inline else request(uri=path.as_uri()))

    (source,) = all_sources(home)
    assert source["status"] == "Atomized"
    assert content_of(home, source) == content
    assert source["byteLength"] == len(content)
    assert not broken_invariants(home.database, *ALL_RULES)


@pytest.mark.skipif(sys.platform == "darwin", reason="NOT TESTED: this file system takes only names in UTF-8")
def test_a_file_whose_name_is_not_utf8_is_ingested(home: Resources) -> None:
    path = put_file(home, os.fsdecode(b"\xff.txt"), b"Its name is bytes.")

    ingest(home, request(uri=path.as_uri()))

    (source,) = all_sources(home)
    assert (source["sourceUri"], content_of(home, source)) == (path.as_uri(), b"Its name is bytes.")


def test_bytes_that_a_message_carried_are_kept_once_as_atoms(home: Resources) -> None:
    ingest(home, request(rawData=b"Only a moment in the blob store.", sourceUri="note:a.txt"))

    assert list(home.blobs.list_keys()) == []


def test_an_atomized_source_is_published_with_its_atoms_run_and_id(make_home: MakeHome) -> None:
    home = make_home(text_unit="sentence")
    ingest(home, request(rawData=b"One. Two. One.", sourceUri="note:a.txt"))

    events = [parse_provenance_event(m.body) for m in receive_all(home.database, PROVENANCE_QUEUE)]
    (source,) = all_sources(home)
    (event,) = events
    assert (event.event_type, event.tenant_id, event.source_id, event.run_id) == (
        "AtomsCreated",
        0,
        source["sourceId"],
        "run",
    )
    with home.database.read() as unit_of_work:
        named = unit_of_work.query("atoms_by_id", atom_ids=json.dumps(event.atom_ids))
    assert sorted(row["text"] for row in named) == ["One.", "Two."]


def test_a_source_of_white_space_alone_is_published_too(home: Resources) -> None:
    ingest(home, request(rawData=b"   \n", sourceUri="note:blank.txt"))

    events = [parse_provenance_event(m.body) for m in receive_all(home.database, PROVENANCE_QUEUE)]
    assert [event.source_id for event in events] == [all_sources(home)[0]["sourceId"]]


def test_what_the_message_said_of_the_source_is_kept(home: Resources) -> None:
    said = {"tenantId": 9, "contentType": "text/markdown", "metadata": {"author": "Ä"}, "sourceId": "their id"}
    ingest(home, request(rawData=b"Hello.", **said))

    (source,) = all_sources(home)
    assert (source["tenantId"], source["contentType"], source["sourceUri"]) == (9, "text/markdown", "source:their id")
    assert json.loads(source["metadata"]) == {"author": "Ä", "sourceId": "their id"}
