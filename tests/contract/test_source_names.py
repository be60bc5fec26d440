"""One file is one source, however it is spelled, and nobody's bytes become a version of a file that they are not."""

from collections.abc import Callable
from typing import Any

import pytest

from hartonomous_resources.resources import Resources
from tests.builders import request
from tests.stages import all_sources, content_of, ingest, put_file, states

SPELLINGS: dict[str, Callable[[str], str]] = {
    "a plain path": lambda path: path,
    "two leading slashes": lambda path: f"/{path}",
    "slashes and dots": lambda path: path.replace("/", "//").replace("//files", "/./files/../files"),
    "FILE:": lambda path: f"FILE://{path}",
    "file: without an authority": lambda path: f"file:{path}",
    "localhost": lambda path: f"file://localhost{path}",
    "four slashes": lambda path: f"file:///{path}",
    "a query": lambda path: f"file://{path}?x=1",
    "a fragment": lambda path: f"file://{path}#f",
    "percent-encoded": lambda path: "file://" + path.replace("a", "%61"),
}


@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS)
def test_a_file_is_one_source_however_it_is_spelled(home: Resources, spell: Callable[[str], str]) -> None:
    path = put_file(home, "a.txt", b"One file.")
    ingest(home, request(uri=path.as_uri()))

    report = ingest(home, request(uri=spell(str(path))))

    assert [source["sourceUri"] for source in all_sources(home)] == [path.as_uri()]
    assert report["atoms"].counts == {"unchanged": 1}


def test_a_link_to_a_file_is_that_file(home: Resources) -> None:
    path = put_file(home, "a.txt", b"One file.")
    link = path.with_name("link.txt")
    link.symlink_to(path)

    ingest(home, request(uri=path.as_uri()), request(uri=link.as_uri()))

    assert [source["sourceUri"] for source in all_sources(home)] == [path.as_uri()]


def test_two_normal_forms_of_a_name_are_two_files(home: Resources) -> None:
    composed, decomposed = (put_file(home, name, name.encode()) for name in ("\u00e4.txt", "a\u0308.txt"))

    ingest(home, request(uri=composed.as_uri()), request(uri=str(decomposed)))

    assert [source["sourceUri"] for source in all_sources(home)] == [composed.as_uri(), decomposed.as_uri()]


FORGERIES: dict[str, Callable[[str], str]] = {**SPELLINGS, "its own uri": lambda path: f"file://{path}"}


@pytest.mark.parametrize("spell", FORGERIES.values(), ids=FORGERIES)
def test_bytes_that_a_message_brings_are_no_version_of_a_file(home: Resources, spell: Callable[[str], str]) -> None:
    path = put_file(home, "report.txt", b"The true report.")
    ingest(home, request(uri=path.as_uri()))

    ingest(home, request(rawData=b"A forged report.", sourceUri=spell(str(path))))

    true, forged = all_sources(home)
    assert states(home) == [("Atomized", 1, None)] * 2
    assert (true["sourceUri"], forged["sourceUri"]) == (path.as_uri(), f"claimed:{spell(str(path))}")
    assert content_of(home, true) == b"The true report."


def test_a_file_is_no_version_of_another_file(home: Resources) -> None:
    path, other = put_file(home, "report.txt", b"The true report."), put_file(home, "other.txt", b"Another.")
    ingest(home, request(uri=path.as_uri()))

    ingest(home, request(uri=other.as_uri(), sourceUri=path.as_uri()))

    assert states(home) == [("Atomized", 1, None)] * 2
    assert all_sources(home)[1]["sourceUri"] == f"claimed:{path.as_uri()}"


def test_a_file_may_say_its_own_name(home: Resources) -> None:
    path = put_file(home, "a.txt", b"One file.")

    ingest(home, request(uri=str(path), sourceUri=f"FILE://{path}"))

    assert all_sources(home)[0]["sourceUri"] == path.as_uri()


@pytest.mark.parametrize("name", ["mail:42", "https://host/a.txt", "C:\\a.txt", "report.txt"])
def test_a_name_that_is_no_file_of_this_machine_is_kept(home: Resources, name: str) -> None:
    ingest(home, request(rawData=b"Bytes.", sourceUri=name))

    assert all_sources(home)[0]["sourceUri"] == name


def test_a_file_under_a_name_of_the_senders_leaves_the_file_as_it_is(home: Resources) -> None:
    path = put_file(home, "a.txt", b"One file.")
    ingest(home, request(uri=path.as_uri()))

    ingest(home, request(uri=path.as_uri(), sourceUri="mail:42"))

    assert states(home) == [("Atomized", 1, None)] * 2


def test_a_file_that_an_earlier_release_landed_under_another_spelling_is_superseded(
    home: Resources, client: Any
) -> None:
    path = put_file(home, "a.txt", b"Old.")
    ingest(home, request(uri=str(path)))
    client.cursor().execute("UPDATE Source SET SourceUri = ReadUri")
    client.commit()
    path.write_bytes(b"New.")

    ingest(home, request(uri=str(path)))

    old, new = all_sources(home)
    assert (old["sourceUri"], old["supersededBy"], new["sourceUri"]) == (str(path), new["sourceId"], path.as_uri())
