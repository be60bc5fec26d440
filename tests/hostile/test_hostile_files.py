"""Files that are damaged or mean harm go through the stages in one home with good ones: each is kept, and says what cannot be found in it."""

import re
import resource
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from hartonomous_assets import atoms, provenance, source_members
from hartonomous_assets import sources as landing
from hartonomous_core.vocabulary import NOT_SEARCHABLE, PARTIAL
from hartonomous_resources.database.protocol import Row
from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.resources import Resources
from hartonomous_service.ingest import ingest
from hartonomous_service.search import search
from hartonomous_service.source_records import verify_sources
from tests.builders import dead_letters, open_home
from tests.hostile.harmful_files import CANARY, harmful_files
from tests.hostile.small_documents import DOCUMENTS
from tests.stages import all_sources, content_of, run_stages_of

LEAST = 200
MOST_PROCESSOR_SECONDS = 200
"""Some 50 are taken; ten parsers that run into their limit of 20 s are noticed on a machine of any speed."""
MOST_SECONDS = 600
"""Of a machine that has much else to do."""

SAYS = {
    "docx with laughs.docx": "document type",
    "docx with entity from outside.docx": "document type",
    "xlsx with laughs.xlsx": "document type",
    "pptx with quadratic entity.pptx": "document type",
    "odt with laughs.odt": "document type",
    "ods with laughs.ods": "document type",
    "odp with entity from outside.odp": "document type",
    "xml with laughs.xml": "stands for more than 1,000 characters",
    "svg with laughs.svg": "stands for more than 1,000 characters",
    "xml with quadratic entity.xml": "stands for more than 1,000 characters",
    "xml with entity from outside.xml": "what lies in file:///etc/passwd",
    "xml cut in half.xml": "its end is missing",
    "svg cut in half.svg": "its end is missing",
    "svg of itself.svg": "nested more than 500 deep",
    "docx cut in half.docx": "list of its members",
    "pdf without its end.pdf": "it is damaged",
    "rtf cut in half.rtf": "end is missing",
    "zip cut in half.zip": "damaged archive",
    "zip of zeros.zip": "more bytes than they may",
    "zip of overlapping members.zip": "left out",
    "zip with many members.zip": "only the first",
    "zip with a password.zip": "encrypted",
    "zip packed in an unknown way.zip": "left out",
    "zip with a directory of four gibibytes.zip": "directory",
    "tgz cut in half.tgz": "its end is missing",
    "xz without its end.xz": "its end is missing",
    "zip with a name, long.zip": "name is too long",
    "mail with a thousand attachments.eml": "only the first",
    "json nested deeply.json": "is not JSON",
    "ipynb nested deeply.ipynb": "no JSON",
    "ipynb that is a list.ipynb": "no notebook",
    "srt without times.srt": "times are broken",
    "doc with a directory elsewhere.doc": "encrypted or old",
    "pdf of its tests, root-is-itself.pdf": "no page of it can be read",
    "eml of its tests, encrypted.eml": "encrypted",
    "txt of two encodings.txt": "not UTF-8",
    "weights, overlap.safetensors": "overlaps another one",
    "weights, absurd header.safetensors": "its header should have",
    "weights, absurd tensors.gguf": "it says that it has",
    "weights, a group.onnx": "is no field",
    "weights, outside.pt": "lies outside of its numbers",
    "weights, one long key at each level.pt": "name of a tensor has more than",
    "picture, more pixels than are read.png": "pixels",
    "picture, absurd size.jpg": "pixels",
    "picture, absurd size.gif": "pixels",
    "picture, text bomb.png": "no picture can be read",
    "picture, cut off.webp": "no picture can be read",
    "picture, directory of itself.tif": "",
    "jpg cut in half.jpg": "cut off",
    "weights cut in half.pt": "damaged archive",
    "weights cut in half.safetensors": "lies outside of the file",
}
"""What some must say of themselves."""

CLASS_ALONE = re.compile(r"\b[A-Z][A-Za-z]*(?:Error|Exception|BadZipFile)\b(?!: \S)")


@dataclass(frozen=True, slots=True)
class TakenIn:
    """A home that was given all of them, and how it went."""

    home: Resources
    folder: Path
    elsewhere: Path
    files: dict[str, bytes]
    sources: dict[str, Row]
    processor_seconds: float

    def source_of(self, name: str) -> Row:
        return self.sources[(self.folder / name).as_uri()]


@contextmanager
def at_most(seconds: int) -> Iterator[None]:
    """Raise TimeoutError where the block takes longer."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"it is not done after {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def processor_seconds() -> float:
    used = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


@pytest.fixture(scope="module")
def taken_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TakenIn]:
    place = tmp_path_factory.mktemp("place").resolve()
    folder, elsewhere = place / "given", place / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    files = harmful_files()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    for kind, make in DOCUMENTS.items():
        (folder / f"sound.{kind}").write_bytes(make(f"sound{kind}"))
    database = SqliteDatabase(place / "home" / "hartonomous.db")
    (place / "home").mkdir()
    database.migrate()
    started = processor_seconds()
    with pytest.MonkeyPatch.context() as patch, at_most(MOST_SECONDS):
        patch.chdir(elsewhere)
        patch.setenv("TMPDIR", str(elsewhere))
        patch.setattr(tempfile, "tempdir", None)
        patch.setattr(source_members, "MOST_MEMBERS", 100)  # each is a source, and takes as long as one
        home = open_home(place / "home", database, parser_seconds=20)
        ingest(home, [folder], wait=False)
        run_stages_of(home, landing.STAGE, atoms.STAGE, provenance.STAGE)
        home.parsers.close()
    found = {row["sourceUri"]: row for row in all_sources(home)}
    yield TakenIn(home, folder, elsewhere, files, found, processor_seconds() - started)
    home.close()


def test_there_are_hundreds_and_no_two_are_alike(taken_in: TakenIn) -> None:
    digests = {sha256(data).digest() for data in taken_in.files.values()}
    assert len(digests) == len(taken_in.files) >= LEAST


def test_each_is_a_source_and_nothing_failed(taken_in: TakenIn) -> None:
    assert dead_letters(taken_in.home.database) == []
    assert {row["status"] for row in taken_in.sources.values()} == {"Atomized"}
    assert {(taken_in.folder / name).as_uri() for name in taken_in.files} <= set(taken_in.sources)


def test_each_is_rebuilt_byte_for_byte_and_so_is_what_was_found_in_it(taken_in: TakenIn) -> None:
    for name, data in taken_in.files.items():
        assert content_of(taken_in.home, taken_in.source_of(name)) == data, name
    assert verify_sources(taken_in.home)["failed"] == []


def test_nothing_is_written_outside_of_the_home(taken_in: TakenIn) -> None:
    place = taken_in.folder.parent
    assert list(taken_in.elsewhere.iterdir()) == []
    assert {path.name for path in place.iterdir()} == {"given", "elsewhere", "home"}
    assert {path.name for path in taken_in.folder.iterdir()} == {
        *taken_in.files,
        *(f"sound.{kind}" for kind in DOCUMENTS),
    }
    watched = {*place.parents, Path("/tmp"), Path("/etc"), Path.cwd(), Path.home()}
    assert [path for folder in watched for path in folder.iterdir() if CANARY in path.name] == []
    assert [path for path in (place / "home").rglob("*") if CANARY in str(path)] == []


def test_what_is_lost_is_said_in_a_sentence(taken_in: TakenIn) -> None:
    for uri, row in taken_in.sources.items():
        if (note := row["errorMessage"]) is None:
            continue
        assert note.startswith((PARTIAL, NOT_SEARCHABLE)) or "kept as bytes" in note, (uri, note)
        assert note.isprintable() and len(note) < 1000, (uri, note)
        assert len(note.split()) > 3 and "Traceback" not in note and " 0x" not in note, (uri, note)
        assert not CLASS_ALONE.search(note), (uri, note)


@pytest.mark.parametrize("name", SAYS)
def test_some_must_say_what_is_wrong(taken_in: TakenIn, name: str) -> None:
    assert SAYS[name] in (taken_in.source_of(name)["errorMessage"] or "")


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_good_files_among_them_are_found(taken_in: TakenIn, kind: str) -> None:
    sound = (taken_in.folder / f"sound.{kind}").as_uri()
    hits = search(taken_in.home, f"sound{kind}", mode="lexical")["results"]
    assert sound in {
        place["sourceUri"].removeprefix("member:").partition("!/")[0] for hit in hits for place in hit["sources"]
    }
    assert taken_in.sources[sound]["errorMessage"] is None


def test_all_of_it_takes_less_than_a_minute(taken_in: TakenIn) -> None:
    assert taken_in.processor_seconds < MOST_PROCESSOR_SECONDS
