"""What is read of a tar archive: whole ones of every format, damaged ones, and those that mean harm."""

import io
import itertools
import subprocess
import tarfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hartonomous_core.atomizers import Partial
from hartonomous_core.atomizers.content_type import is_tar_header, sniff
from hartonomous_core.atomizers.extractors import tar_archive
from tests.unit.changed_bytes import Cuts, cut, cuts_of, rebuilt
from tests.unit.packed_files import read, tarred

FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]
FILES = {"notes/fog.txt": b"low " * 300, "tides": b"high", "empty": b"", "block": b"x" * 512}
GOOD = tarred(FILES)


def with_sum(block: bytes) -> bytes:
    """A header whose sum is right."""
    blank = block[:148] + b" " * 8 + block[156:512]
    return blank[:148] + b"%06o\0 " % sum(blank) + blank[156:]


def header(name: bytes, size: bytes, kind: bytes = b"0") -> bytes:
    return with_sum(name.ljust(124, b"\0") + size.ljust(32, b"\0") + kind + b"\0" * 355)


def octal(number: int) -> bytes:
    return b"%011o" % number


def entry(name: bytes, data: bytes, kind: bytes = b"0") -> bytes:
    return header(name, octal(len(data)), kind) + data + b"\0" * (-len(data) % 512)


END = b"\0" * 1024


@pytest.mark.parametrize("kind", FORMATS)
def test_files_are_found_in_every_format(kind: int) -> None:
    long_names = {**FILES, "a/" * 120 + "deep": b"1", "ä" * 90: b"2"}
    if kind == tarfile.USTAR_FORMAT:
        long_names.pop("a/" * 120 + "deep")
        long_names.pop("ä" * 90)
        long_names["folder/" * 20 + "file"] = b"3"
    data = tarred(long_names, kind)
    assert sniff(data[:8192]) == "application/x-tar"
    assert read(data) == (long_names, list(long_names), None)


def test_an_archive_without_any_magic_is_known_by_its_sum() -> None:
    old = entry(b"fog", b"low", b"\0") + entry(b"folder/", b"", b"\0") + END
    assert sniff(old) == "application/x-tar"
    assert read(old) == ({"fog": b"low"}, ["fog"], None)
    signed = bytearray(entry(b"f\xe4", b"low") + END)
    total = sum(signed[:148]) + 8 * 32 + sum(signed[156:512]) - 256
    signed[148:156] = b"%06o\0 " % total
    assert read(bytes(signed))[0] == {"f\ufffd": b"low"}


@pytest.mark.parametrize("data", [b"", b"\0" * 512, b"x" * 512, b"fog " * 200, GOOD[:511], GOOD[512:1024]])
def test_what_is_no_header_is_not_taken_for_one(data: bytes) -> None:
    assert not is_tar_header(data[:512])


def test_links_devices_and_folders_are_names_only() -> None:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for name, kind in [
            ("folder", tarfile.DIRTYPE),
            ("link", tarfile.SYMTYPE),
            ("same", tarfile.LNKTYPE),
            ("null", tarfile.CHRTYPE),
            ("pipe", tarfile.FIFOTYPE),
            ("/etc/passwd", tarfile.REGTYPE),
            ("../../up", tarfile.REGTYPE),
        ]:
            made = tarfile.TarInfo(name)
            made.type, made.linkname = kind, "/etc/shadow"
            archive.addfile(made)
    files, listed, problem = read(target.getvalue())
    assert files == {"/etc/passwd": b"", "../../up": b""}
    assert listed == ["link", "same", "null", "pipe", "/etc/passwd", "../../up"]
    assert problem is None


@pytest.mark.parametrize(
    "kind", ["--format=gnu", "--sparse-version=0.0", "--sparse-version=0.1", "--sparse-version=1.0"]
)
def test_a_sparse_file_is_left_out_and_what_follows_is_read(tmp_path: Path, kind: str) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        for at in range(0, 40 * 65536, 65536):  # so many that the old format continues behind the header
            file.seek(at)
            file.write(b"data")
    (tmp_path / "fog").write_bytes(b"low")
    options = [kind] if "gnu" in kind else ["--format=posix", kind]
    made = subprocess.run(
        ["tar", "-C", tmp_path, "-c", "--sparse", *options, "sparse", "fog"], check=True, capture_output=True
    )
    files, listed, problem = read(made.stdout)
    assert files == {"sparse": "it is sparse, which is not read", "fog": b"low"}
    assert listed == ["sparse", "fog"] and problem is None


def test_what_gnu_tar_writes_is_read(tmp_path: Path) -> None:
    (tmp_path / ("long " * 40)).write_bytes(b"1")
    (tmp_path / "fog").write_bytes(b"low" * 1000)
    for kind in ("v7", "oldgnu", "gnu", "ustar", "posix"):
        names = ["fog"] if kind in ("v7", "ustar") else ["fog", "long " * 40]
        made = subprocess.run(
            ["tar", "-C", tmp_path, "-c", f"--format={kind}", *names], check=True, capture_output=True
        )
        wanted = {"fog": b"low" * 1000, "long " * 40: b"1"}
        assert read(made.stdout) == ({name: wanted[name] for name in names}, names, None)


def test_sizes_may_be_binary() -> None:
    data = header(b"fog", b"\x80" + (3).to_bytes(11, "big")) + b"low".ljust(512, b"\0") + END
    assert read(data)[0] == {"fog": b"low"}


@pytest.mark.parametrize(
    ("data", "files", "reason"),
    [
        (GOOD[:700], {"notes/fog.txt": "it ends within a file"}, "it ends within a file"),
        (GOOD[:512], {"notes/fog.txt": "it ends within a file"}, "it ends within a file"),
        (GOOD[: 4 * 512], {"notes/fog.txt": FILES["notes/fog.txt"]}, "its end is missing"),
        (GOOD[: 4 * 512 + 99], {"notes/fog.txt": FILES["notes/fog.txt"]}, "a header is none"),
        (entry(b"a", b"1") + b"x" * 512 + entry(b"b", b"2") + END, {"a": b"1"}, "a header is none"),
        (header(b"a", b"\xff" * 12) + END, {}, "the size of a file is no number"),
        (header(b"a", b"-1") + END, {}, "the size of a file is no number"),
        (header(b"a", b"8") + END, {}, "the size of a file is no number"),
        (header(b"a", b"\x80" + b"\xff" * 11) + END, {"a": "it ends within a file"}, "it ends within a file"),
        (header(b"a", octal(10**9), b"L") + END, {}, "what is said of a file is longer than 1,048,576 bytes"),
        (entry(b"a", b"99 path=x\n", b"x") + END, {}, "what is said of a file is no list of keys and values"),
        (entry(b"a", b"1" * 1_000_000, b"x") + END, {}, "what is said of a file is no list of keys and values"),
        (entry(b"a", b"0 a=" * 1000, b"x") + END, {}, "what is said of a file is no list of keys and values"),
        (header(b"a", octal(0), b"S")[:482], {}, "a header is none"),
        (b"", {}, "its end is missing"),
    ],
)
def test_what_is_damaged_is_said_and_what_came_before_is_kept(
    data: bytes, files: dict[str, object], reason: str
) -> None:
    found, listed, problem = read(data, "application/x-tar")
    assert found == files
    assert listed == list(files)
    assert problem == f"it is damaged, and what follows is not read: {reason}"


def test_a_pax_header_says_name_and_size_of_the_next_file_alone() -> None:
    said = pax({"path": "long/fog", "size": "4", "mtime": "1"})
    data = said + entry(b"short", b"") + b"low!".ljust(512, b"\0") + entry(b"next", b"1") + END
    files, listed, problem = read(data)
    assert (files, listed, problem) == ({"long/fog": b"low!", "next": b"1"}, ["long/fog", "next"], None)


def pax(records: dict[str, str]) -> bytes:
    """A pax header of the next file."""
    said = b""
    for key, value in records.items():
        body = f" {key}={value}\n".encode()
        length = next(n for n in range(len(body), len(body) + 9) if len(str(n)) + len(body) == n)
        said += str(length).encode() + body
    return entry(b"x", said, b"x")


def test_headers_without_end_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tar_archive, "MOST_HEADERS", 10)
    folders = header(b"folder", octal(0), b"5") * 20
    assert read(folders)[2] == "it is damaged, and what follows is not read: it has more than 10 headers"


def without_end(first: bytes) -> Iterator[bytes]:
    """Blocks behind a header."""
    return itertools.chain([with_sum(first[:482] + b"\1" + first[483:])], itertools.repeat(b"\1" * 65536, 400))


@pytest.mark.parametrize(
    "blocks",
    [
        without_end(header(b"S", octal(0), b"S")),
        without_end(header(b"x", octal(60_000_000), b"Z")),
        (pax({f"GNU.sparse.{n}.{k}": str(k) for k in range(2000)}) for n in range(40)),
        (pax({"path": f"{n}" * 9000, "GNU.sparse.name": f"{n}" * 9000}) for n in range(400)),
    ],
    ids=["a map of a sparse file", "a kind that nobody knows", "pax: other keys of sparse files", "pax: other names"],
)
def test_memory_does_not_grow_with_what_is_passed_over(blocks: Iterator[bytes]) -> None:
    """All of it without end."""
    archive = tar_archive.Blocks(blocks)
    tracemalloc.start()
    problem = ""
    try:
        list(tar_archive.files_of(archive))
    except Partial as partial:
        problem = str(partial)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert problem.endswith(("it ends within a file", "its end is missing"))
    assert peak < 1024 * 1024


@settings(derandomize=True, deadline=None, max_examples=150)
@given(cuts_of(GOOD))
def test_whatever_is_changed_the_bytes_are_rebuilt_and_only_files_of_their_length_are_found(cuts: Cuts) -> None:
    data = cut(GOOD, cuts)
    assert rebuilt(data, "application/x-tar") == data
    files, _, problem = read(data, "application/x-tar")
    if problem is None:
        assert not [name for name, found in files.items() if isinstance(found, str)]


@settings(derandomize=True, deadline=None, max_examples=100)
@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=150).filter(
            lambda name: not name.endswith("/")
        ),
        st.binary(max_size=2000),
        max_size=5,
    ),
    st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]),
)
def test_what_tarfile_writes_is_read(files: dict[str, bytes], kind: int) -> None:
    data = tarred(files, kind)
    if files:
        assert read(data) == (files, [line for name in files for line in name.split("\n")], None)
    else:
        assert read(data, "application/x-tar") == ({}, [], None)


def test_long_names_are_listed_as_they_come_and_not_kept() -> None:
    names = {f"folder {n}/{'n' * 80}": b"" for n in range(100)}
    files, listed, problem = read(tarred(names))
    assert list(files) == listed == list(names) and problem is None
