"""A home that cannot be written: what only reads reads, and what would write says that it cannot."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli import COMMAND, Home, Result

SENTENCE = "The harbour lay quiet under the fog."
READING = {
    "stats": "sources",
    "search harbour": SENTENCE,
    "lineage 1": "INGESTED_FROM",
    "sources list": "Atomized",
    "sources show 1": "sourceUri",
    "verify": "1 source checked, 0 failed",
    "verify --graph": "checked, 0 failed",
    "verify --graph --repair --everything": "there is no copy",
    "reconstruct 1 -o -": SENTENCE,
    "jobs list": "Completed",
    "dead-letters list": "none",
    "inferences list": "none",
    "migrate --status": "sources",
    "health": "can only be read here",
    "sql SELECT*FROM[Atom]": SENTENCE,
}
WRITING = [
    "ingest .",
    "sql --write UPDATE[Atom]SET[Subtype]='x'",
    "jobs retry 1",
]


def locked(folder: Path) -> Iterator[None]:
    places = [folder, *folder.rglob("*")]
    modes = {place: place.stat().st_mode for place in places if not place.is_symlink()}
    for place, mode in modes.items():
        place.chmod(mode & ~0o222)
    yield
    for place, mode in modes.items():
        place.chmod(mode)


def without_privileges() -> tuple[str, ...]:
    """Root writes whatever it wants to: as root, commands run without that privilege."""
    if os.geteuid() != 0:
        return COMMAND
    if shutil.which("setpriv") is None:
        pytest.skip("NOT TESTED: a home that cannot be written, as root; install util-linux")
    dropped = "-dac_override,-dac_read_search,-fowner"
    return ("setpriv", "--bounding-set", dropped, "--inh-caps", dropped, *COMMAND)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, model_dir: Path, text_model: object) -> Home:
    """A home with a sentence in it."""
    folder = tmp_path_factory.mktemp("read-only")
    (folder / "a.txt").write_text(SENTENCE)
    home = Home(folder / "home", model_dir, {"linger_seconds": 0})
    home.json("ingest", folder / "a.txt")
    return home


@pytest.fixture(scope="module")
def results(written: Home) -> Iterator[dict[str, Result]]:
    """What each command says on it, once it cannot be written any more."""
    lines = [*READING, *WRITING]
    for _ in locked(written.path):
        said = written.run_all(*map(str.split, lines), program=without_privileges())
        yield dict(zip(lines, said, strict=True))


@pytest.mark.parametrize("line", READING)
def test_what_reads_reads(results: dict[str, Result], line: str) -> None:
    assert results[line].stderr == ""
    assert results[line].code == 0
    assert READING[line] in results[line].stdout.decode()


@pytest.mark.parametrize("line", WRITING)
def test_what_writes_says_that_it_cannot(results: dict[str, Result], line: str) -> None:
    assert results[line].code == 1
    assert "can only be read here" in results[line].error


@pytest.fixture
def copy(written: Home, tmp_path: Path) -> Home:
    """A copy of that home, to be hurt."""
    shutil.copytree(written.path, tmp_path / "copy", symlinks=True)
    return Home(tmp_path / "copy", written.model_dir, written.settings)


@pytest.fixture
def left_open(copy: Home) -> Iterator[sqlite3.Connection]:
    """A commit that is still in the write-ahead log, for somebody has the database open."""
    connection = sqlite3.connect(copy.path / "hartonomous.db", isolation_level=None)
    connection.execute("UPDATE Atom SET Subtype = 'from the log'")
    yield connection
    connection.close()


def test_what_is_still_in_the_write_ahead_log_is_read_too(copy: Home, left_open: sqlite3.Connection) -> None:
    for _ in locked(copy.path):
        result = copy.run("sql", "SELECT Subtype FROM Atom", program=without_privileges())
        listed = copy.run("sources", "list", program=without_privileges())

    assert "from the log" in result.stdout.decode()
    assert "Atomized" in listed.stdout.decode()


def test_a_log_that_cannot_be_read_is_said_and_not_left_out(copy: Home, left_open: sqlite3.Connection) -> None:
    (copy.path / "hartonomous.db-shm").unlink()
    for _ in locked(copy.path):
        results = [copy.run(*line, program=without_privileges()) for line in (["stats"], ["sql", "SELECT 1 FROM Atom"])]

    for result in results:
        assert result.code == 1
        assert "its latest changes are still in hartonomous.db-wal" in result.error
