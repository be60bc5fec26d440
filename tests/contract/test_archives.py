"""Files in tar archives and packed files are sources of their own, on every backend; what means harm is stopped."""

from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

import pytest

from hartonomous_assets import source_members
from hartonomous_core.atomizers import members
from hartonomous_resources.compute.text_model import TextModelFiles
from hartonomous_resources.resources import Resources
from hartonomous_service.search import search
from hartonomous_service.source_records import show_source
from tests.contract.test_members import BEES, FOG, TIDES, assert_whole, current, run, zipped
from tests.unit.packed_files import PACKERS, tarred

gz = PACKERS["gz"]


@pytest.fixture
def home(make_home: Callable[..., Resources], model_dir: Path, text_model: TextModelFiles) -> Resources:
    return make_home(model_dir=model_dir)


def notes(home: Resources) -> dict[str, str]:
    return {uri: row["errorMessage"] for uri, row in current(home).items() if row["errorMessage"]}


@pytest.mark.parametrize("kind", ["", *PACKERS])
def test_files_in_a_tar_archive_are_found_and_rebuilt(home: Resources, kind: str) -> None:
    inner = gz(BEES.encode())
    outer = tarred({"notes/fog.txt": FOG.encode(), "in/bees.txt.gz": inner, "../up.txt": TIDES.encode()})
    data = PACKERS[kind](outer) if kind else outer

    run(home, data, uri="a.tar")

    bees = "member:a.tar!/in/bees.txt.gz!/bees.txt"
    assert_whole(
        home,
        {
            "a.tar": data,
            "member:a.tar!/notes/fog.txt": FOG.encode(),
            "member:a.tar!/in/bees.txt.gz": inner,
            "member:a.tar!/../up.txt": TIDES.encode(),
            bees: BEES.encode(),
        },
    )
    best = search(home, "how do insects tell where food is", mode="semantic")["results"][0]
    assert [place["sourceUri"] for place in best["sources"]] == [bees]
    [listed] = search(home, "notes/fog.txt", mode="lexical")["results"]
    assert listed["sources"][0]["locator"] == {"part": "files"}
    assert notes(home) == {}
    assert len(search(home, "dance", mode="lexical", uri_prefix="a.tar")["results"]) == 1
    assert search(home, "dance", mode="lexical", uri_prefix="b.tar")["results"] == []


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("file:///srv/fog.txt.gz", "fog.txt"),
        ("claimed:file:///srv/low%20fog.txt.gz", "low%20fog.txt"),
        ("fog.tgz", "fog"),
        ("upload:7", "upload%3A7"),
        ("fog/", "fog"),
        ("..", ".."),
    ],
)
def test_the_file_in_a_packed_one_is_named_after_it(home: Resources, uri: str, name: str) -> None:
    run(home, gz(FOG.encode()), uri=uri)
    packed = uri if not uri.startswith("file:") else f"claimed:{uri}"
    assert set(current(home)) == {packed, f"member:{packed}!/{name}"}


def test_what_cannot_be_read_is_left_out_and_said(home: Resources) -> None:
    run(home, gz(FOG.encode())[:-9], uri="fog.txt.gz")
    run(home, gz(tarred({"fog": FOG.encode(), "tides": TIDES.encode()}))[:-9], uri="a.tar.gz")
    run(home, tarred({"fog": FOG.encode(), "tides": TIDES.encode() * 99})[:3000], uri="a.tar")
    run(home, b"7z\xbc\xaf'\x1c" + b"\0" * 50, uri="a.7z")
    assert notes(home) == {
        "fog.txt.gz": "not searchable: 1 file in it was left out: fog.txt: its end is missing",
        "a.tar.gz": "partial: it is damaged behind the files, and so may they be: its end is missing",
        "a.tar": "partial: it is damaged, and what follows is not read: it ends within a file",
        "a.7z": "not searchable: archives of this kind (7z, RAR) are not opened: kept as bytes; unpack it, and ingest the files",
    }
    found = {uri.rpartition("!/")[2] for uri in current(home) if uri.startswith("member:a.tar!")}
    assert found == {"fog"}


@pytest.mark.parametrize("kind", PACKERS)
def test_a_file_that_grows_beyond_measure_is_stopped(
    home: Resources, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(members, "BYTES_OF_ANY", 1_000_000)
    bomb = PACKERS[kind](tarred({"fog": FOG.encode(), "zeros": b"\0" * 50_000_000, "after": b"x"}))
    run(home, bomb, uri="a.tar")
    assert set(current(home)) == {"a.tar", "member:a.tar!/fog"}
    assert "more bytes than they may" in notes(home)["a.tar"] or "it unpacks to more than" in notes(home)["a.tar"]


def test_one_packed_within_another_ends_at_a_depth(home: Resources) -> None:
    """As one that is in itself would: packed, it comes out as it went in."""
    data = FOG.encode()
    for _ in range(7):
        data = gz(data)
    run(home, data, uri="fog.gz")
    assert max(uri.count("!/") for uri in current(home)) == source_members.MOST_DEPTH
    assert list(notes(home).values()) == ["not searchable: files more than 4 archives deep are not taken in"]


def test_archives_of_archives_of_archives_hold_no_more_together_than_one_may(
    home: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As 42.zip, which is 42 kB and 4.5 PB."""
    monkeypatch.setattr(source_members, "MOST_MEMBERS", 60)
    monkeypatch.setattr(members, "BYTES_OF_ANY", 300_000)
    data = b"\0" * 1_000_000
    for level in range(4):
        data = zipped({f"{level} {n}.zip": data for n in range(5)})
    run(home, data)
    found = current(home)
    assert 5 < len(found) <= 1 + 60
    assert sum(row["byteLength"] for row in found.values()) < 2 * 300_000 + len(data) * (members.MOST_RATIO + 1)
    assert notes(home)


def mail(number: int) -> bytes:
    message = EmailMessage()
    message["Subject"], message["Message-ID"] = f"Number {number}", f"<{number}@example.org>"
    message.set_content("What is attached.")
    message.add_attachment(f"Attached to {number}.", filename="fog.txt")
    return message.as_bytes()


def test_every_mail_in_an_archive_gets_its_attachment_as_far_as_files_go(
    home: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_members, "MOST_MEMBERS", 20)
    run(home, tarred({f"{n}.eml": mail(n) for n in range(12)}), uri="a.tar")
    attached = [uri for uri in current(home) if uri.endswith("fog.txt")]
    assert len(attached) == 20 - 12


def test_what_is_left_goes_by_length(home: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_members, "MOST_MEMBERS", 12)
    large = zipped({f"file {n}": f"Number {n}.".encode() for n in range(9)})
    small = gz(tarred({"one": b"1"}))
    run(home, zipped({"small.tgz": small, "large.zip": large}))
    assert sum("large.zip!/" in uri for uri in current(home)) == 9
    assert "member:a.zip!/small.tgz!/one" in current(home)
    assert show_source(home, current(home)["a.zip"]["sourceId"])["errorMessage"] is None
