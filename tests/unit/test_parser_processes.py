"""What a parser does wrong in its child costs its source what is derived of it, and nothing else."""

import ctypes
import gc
import io
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import psutil
import pytest

from hartonomous_core.atomizers import Context, DocumentAtomizer, Format, Partial, Section
from hartonomous_core.atomizers.document_atomizer import Item
from hartonomous_core.atomizers.members import Member, MemberLost, NoMembers
from hartonomous_resources.parsing import parser_child, parser_processes
from hartonomous_resources.parsing.parser_processes import ParserProcesses

MEMORY = 512 * 1024 * 1024


def format_of(name: str) -> Format:
    return Format(name, "1", (), f"tests.unit.test_parser_processes:{name}", in_child=True)


def words(stream: BinaryIO, content_type: str) -> Iterator[Section]:
    for number, line in enumerate(stream, 1):
        yield Section(line.decode().strip(), {"line": number, "of": content_type}, "line", "code", 7)


def holds_files(stream: BinaryIO, content_type: str) -> Iterator[Item]:
    yield Section("\udc80 two")
    yield Member("a/b", "text/plain")
    yield bytes(range(256))
    yield MemberLost("it is torn")
    yield Member("c")
    yield b"x" * 3_000_000


def who(stream: BinaryIO, content_type: str) -> Iterator[Section]:
    yield Section(str(os.getpid()))


def hangs(stream: BinaryIO, content_type: str) -> Iterator[Section]:
    yield Section("before")
    time.sleep(1000)


def computes(stream: BinaryIO, content_type: str) -> Iterator[Section]:
    yield Section("before")
    for _ in iter(int, 1):
        pass


def eats_memory(stream: BinaryIO, content_type: str) -> Iterator[Section]:
    yield Section("before")
    eaten = [b"x" * 1024 * 1024]
    while True:
        eaten.append(eaten[-1] + b"x")


def eats_more(stream: BinaryIO, content_type: str) -> Iterator[Section]:
    """The limit of the system is lifted: the watch is what ends it."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    yield from eats_memory(stream, content_type)


def dies(stream: BinaryIO, content_type: str) -> Iterator[Section]:
    yield Section("before")
    os.kill(os.getpid(), signal.SIGSEGV)


def dies_within(stream: BinaryIO, content_type: str) -> Iterator[Item]:
    yield Member("a")
    yield b"half of it"
    os.kill(os.getpid(), signal.SIGSEGV)


def fails_within(stream: BinaryIO, content_type: str) -> Iterator[Item]:
    yield Member("a")
    yield b"half of it"
    raise KeyError("and no more")


def leaves(stream: BinaryIO, content_type: str) -> Iterator[Section]:
    os._exit(3)
    yield Section("never")


def floods(stream: BinaryIO, content_type: str) -> Iterator[Section]:
    while True:
        yield Section("word", {"again": "and again"})


def says_a_lot(stream: BinaryIO, content_type: str) -> Iterator[Section]:
    yield Section("before")
    yield Section("x" * parser_child.LONGEST_ANSWER)


def prints(stream: BinaryIO, content_type: str) -> Iterator[Section]:
    print("what a library prints")  # noqa: T201
    os.write(1, b"{}\n")
    ctypes.CDLL(None).puts(b"from C")
    yield Section("said")


def writes(stream: BinaryIO, content_type: str) -> Iterator[Section]:
    Path(stream.read().decode()).write_text("x")
    yield Section("never")


@pytest.fixture
def parsers() -> Iterator[ParserProcesses]:
    """They leave no process, descriptor or thread."""
    gc.collect()
    before = counts()
    opened = ParserProcesses(seconds=2, memory_bytes=MEMORY)
    yield opened
    opened.close()
    deadline = time.monotonic() + 5
    while counts() != before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert counts() == before


def counts() -> tuple[int, int, int]:
    """Children (zombies are some), descriptors, threads."""
    this = psutil.Process()
    return len(this.children()), this.num_fds(), threading.active_count()


@pytest.fixture
def file(tmp_path: Path) -> Iterator[BinaryIO]:
    path = tmp_path / "file"
    path.write_bytes(b"first\nsecond")
    with path.open("rb") as stream:
        yield stream


def texts_of(parsers: ParserProcesses, name: str, file: BinaryIO) -> tuple[list[str], str | None]:
    """What was read, and why it is not all."""
    found: list[str] = []
    try:
        for section in parsers(format_of(name), file, "x/y"):
            found.append(section.text)
    except Partial as problem:
        return found, str(problem)
    return found, None


def test_a_child_reads_what_this_process_would_and_is_used_again(parsers: ParserProcesses, file: BinaryIO) -> None:
    here = list(words(file, "x/y"))
    assert here[1] == Section("second", {"line": 2, "of": "x/y"}, "line", "code", 7)
    assert list(parsers(format_of("words"), file, "x/y")) == here
    pids = {texts_of(parsers, "who", file)[0][0] for _ in range(5)}
    assert len(pids) == 1 and pids != {str(os.getpid())}


def test_files_within_come_as_they_would_here(parsers: ParserProcesses, file: BinaryIO) -> None:
    *items, one, two, three = parsers(format_of("holds_files"), file, "x/y")
    *same, _ = holds_files(file, "x/y")
    assert items == same
    assert [isinstance(each, bytes) and len(each) for each in (one, two, three)] == [2**20, 2**20, 3_000_000 - 2**21]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("hangs", "reading it takes more than 2 seconds"),
        ("computes", "reading it takes more than 2 seconds"),
        ("eats_memory", "reading it takes more memory than a source may"),
        ("eats_more", "reading it takes more memory than a source may"),
        ("dies", "its parser failed (SIGSEGV): it is damaged, or reading it takes more memory than a source may"),
        ("says_a_lot", "a part of it is too long to be read"),
    ],
)
def test_a_parser_that_goes_wrong_costs_only_its_source(
    name: str, reason: str, parsers: ParserProcesses, file: BinaryIO
) -> None:
    [first] = texts_of(parsers, "who", file)[0]
    assert texts_of(parsers, name, file) == (["before"], reason)
    [second] = texts_of(parsers, "who", file)[0]
    assert first != second
    assert texts_of(parsers, "words", file) == (["first", "second"], None)


def test_a_large_document_has_more_time(parsers: ParserProcesses, tmp_path: Path) -> None:
    with (tmp_path / "large").open("w+b") as large:
        large.truncate(2 * 1024 * 1024)
        assert texts_of(parsers, "hangs", large) == (["before"], "reading it takes more than 4 seconds")


def test_a_parser_that_leaves_is_noticed(parsers: ParserProcesses, file: BinaryIO) -> None:
    assert texts_of(parsers, "leaves", file) == ([], "its parser ended with status 3")


def test_a_flood_ends_with_its_reader(parsers: ParserProcesses, file: BinaryIO) -> None:
    sections = parsers(format_of("floods"), file, "x/y")
    assert [next(sections).text for _ in range(1000)] == ["word"] * 1000
    sections.close()  # type: ignore[attr-defined]
    assert texts_of(parsers, "words", file)[1] is None


def test_what_a_library_prints_is_no_answer(parsers: ParserProcesses, file: BinaryIO) -> None:
    assert texts_of(parsers, "prints", file) == (["said"], None)
    assert texts_of(parsers, "prints", file) == (["said"], None)


def test_a_parser_writes_no_file(parsers: ParserProcesses, tmp_path: Path) -> None:
    target = tmp_path / "written"
    (tmp_path / "name").write_text(str(target))
    with (tmp_path / "name").open("rb") as file:
        found, reason = texts_of(parsers, "writes", file)
    assert found == [] and "File too large" in (reason or "")
    assert not target.exists() or target.read_bytes() == b""


def test_a_child_that_was_killed_while_idle_is_replaced(parsers: ParserProcesses, file: BinaryIO) -> None:
    [pid] = texts_of(parsers, "who", file)[0]
    os.kill(int(pid), signal.SIGKILL)
    while psutil.Process(int(pid)).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    assert texts_of(parsers, "words", file) == (["first", "second"], None)


def test_an_extractor_that_is_not_there_is_no_fault_of_the_document(parsers: ParserProcesses, file: BinaryIO) -> None:
    with pytest.raises(RuntimeError, match="ModuleNotFoundError"):
        list(parsers(Format("gone", "1", (), "hartonomous_gone:extract", in_child=True), file, "x/y"))
    assert texts_of(parsers, "words", file)[1] is None


def test_a_file_that_cannot_be_read_is_no_fault_of_the_document(
    parsers: ParserProcesses, file: BinaryIO, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parser_processes, "path_of", lambda stream: str(tmp_path))
    with pytest.raises(IsADirectoryError):
        list(parsers(format_of("words"), file, "x/y"))


def test_where_a_child_cannot_open_what_is_open_here_it_gets_the_bytes(
    parsers: ParserProcesses, file: BinaryIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parser_processes, "path_of", lambda stream: None)
    for _ in range(3):
        assert texts_of(parsers, "words", file) == (["first", "second"], None)
    assert texts_of(parsers, "dies", file) == (
        ["before"],
        "its parser failed (SIGSEGV): it is damaged, or reading it takes more memory than a source may",
    )
    large = io.BytesIO(b"x" * (MEMORY // 2 + 1))
    assert texts_of(parsers, "words", large) == ([], "reading it takes more memory than a source may")


@pytest.mark.parametrize("name", ["dies_within", "fails_within"])
def test_a_file_of_which_half_came_is_lost(name: str, parsers: ParserProcesses, file: BinaryIO) -> None:
    found: list[Item] = []
    with pytest.raises(Partial) as problem:
        for item in parsers(format_of(name), file, "x/y"):
            found.append(item)
    assert found == [Member("a"), b"half of it", MemberLost(str(problem.value))]


def test_the_file_is_the_one_that_is_open_even_where_its_name_leads_elsewhere(
    parsers: ParserProcesses, file: BinaryIO, tmp_path: Path
) -> None:
    (tmp_path / "file").unlink()
    (tmp_path / "file").write_text("another")
    assert texts_of(parsers, "words", file) == (["first", "second"], None)


def test_two_threads_have_two_children(parsers: ParserProcesses, file: BinaryIO) -> None:
    one, two = (parsers(format_of("who"), file, "x/y") for _ in range(2))
    assert next(one).text != next(two).text
    assert [*one, *two] == []


def test_a_process_that_was_forked_starts_its_own(parsers: ParserProcesses, file: BinaryIO) -> None:
    [before] = texts_of(parsers, "who", file)[0]
    reading, writing = os.pipe()
    if not (pid := os.fork()):
        with suppress(BaseException):
            os.write(writing, texts_of(parsers, "who", file)[0][0].encode())
            parsers.close()
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        of_fork = pipe.read()
    assert os.waitpid(pid, 0)[1] == 0
    assert of_fork not in ("", before)
    assert texts_of(parsers, "who", file)[0] == [before]


def test_a_child_ends_when_its_parent_is_killed() -> None:
    code = (
        "import tempfile, time\n"
        "from hartonomous_resources.parsing.parser_processes import ParserProcesses\n"
        "from tests.unit.test_parser_processes import format_of\n"
        "parsers = ParserProcesses(60, 1 << 30)\n"
        "sections = parsers(format_of('who'), tempfile.TemporaryFile(), 'x/y')\n"
        "print(next(sections).text, flush=True)\n"
        "time.sleep(1000)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    child.wait(timeout=10)


def test_a_document_whose_parser_dies_keeps_its_bytes_and_what_was_read(
    parsers: ParserProcesses, file: BinaryIO
) -> None:
    atoms = DocumentAtomizer(format_of("dies"), "passage").atomize(file, "x/y", Context(parsers, NoMembers()))
    assert [next(atoms).content, next(atoms).text] == [b"first\nsecond", "before"]
    with pytest.raises(Partial, match="SIGSEGV"):
        next(atoms)
