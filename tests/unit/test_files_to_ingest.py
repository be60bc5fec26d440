"""Walking what was given: every file once, and whatever cannot be taken in named, while all the rest is met."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from hartonomous_resources.settings import Settings
from hartonomous_service.files_to_ingest import FilesToIngest

TEMPORARY = Path(tempfile.gettempdir()).resolve()


def walk(*paths: Path, home: Path = Path("/no/home"), openlineage_file: Path | None = None) -> FilesToIngest:
    return FilesToIngest(paths, Settings(home=home, openlineage_file=openlineage_file))


def names(given: FilesToIngest, below: Path) -> list[str]:
    return [str(path.relative_to(below)) for path in given]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder with one good file."""
    path = tmp_path.resolve() / "given"
    path.mkdir()
    (path / "good.txt").write_text("Good.")
    yield path
    subprocess.run(["rm", "-rf", path], check=True)  # deeper than shutil.rmtree may go


def test_a_folder_is_walked_in_the_order_of_its_names(folder: Path) -> None:
    for name in ("b/2.txt", "b/1/x.txt", "a.txt", "z.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)

    given = walk(folder)

    assert names(given, folder) == ["a.txt", "b/1/x.txt", "b/2.txt", "good.txt", "z.txt"]
    assert given.failed == {} and given.left_out == {}


def test_a_file_given_in_several_ways_is_met_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "link.txt").symlink_to("good.txt")
    monkeypatch.chdir(folder)

    given = walk(Path(), folder / "good.txt", Path("good.txt/"), Path("../given/./"), folder / "link.txt")

    assert names(given, folder) == ["good.txt"]


@pytest.mark.parametrize(
    "bad",
    ["no such file", "x" * 300, "no such folder/x", "good.txt/below a file", "\0", "nul\0.txt", "\udcff", "loop", "deep/" * 1500],
    ids=["missing", "long name", "missing folder", "below a file", "NUL", "NUL inside", "no text", "loop", "long path"],
)  # fmt: skip
def test_a_bad_path_beside_a_good_one_is_named_and_the_good_one_taken(folder: Path, bad: str) -> None:
    (folder / "loop").symlink_to("loop")

    given = walk(folder / bad, folder / "good.txt")

    assert names(given, folder) == ["good.txt"]
    assert list(given.failed) == [folder / bad]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file to somebody else")
def test_a_hard_link_to_a_file_of_somebody_else_is_refused_as_a_link_out_of_the_folder_is(folder: Path) -> None:
    own, foreign = folder.parent / "own.txt", folder.parent / "foreign.txt"
    for outside in (own, foreign):
        outside.write_text(outside.name)
        (folder / outside.name).hardlink_to(outside)
    os.chown(foreign, 65534, 65534)
    (folder / "link.txt").symlink_to("foreign.txt")

    given = walk(folder)

    assert names(given, folder) == ["good.txt", "own.txt"]
    assert list(given.failed) == [folder / "foreign.txt", folder / "link.txt"]
    assert "a hard link to a file of another owner" in given.failed[folder / "foreign.txt"]
    assert list(walk(foreign)) == [foreign], "itself it may be given"


def test_1100_nested_folders_are_walked(folder: Path) -> None:
    deep = folder
    for _ in range(1100):
        deep /= "d"
        deep.mkdir()
    (deep / "bottom.txt").write_text("Down here.")

    given = walk(folder)

    assert list(given) == [deep / "bottom.txt", folder / "good.txt"]
    assert given.failed == {}


def test_a_folder_below_the_longest_path_is_named_and_the_rest_is_taken(folder: Path) -> None:
    start = os.open(folder, os.O_RDONLY)
    here = start
    for _ in range(25):  # 25 x 200 bytes: longer than any path may be
        os.mkdir("d" * 200, dir_fd=here)
        below = os.open("d" * 200, os.O_RDONLY, dir_fd=here)
        here, _ = below, None if here == start else os.close(here)
    os.close(here)
    os.close(start)

    given = walk(folder)

    assert names(given, folder) == ["good.txt"]
    [(path, reason)] = given.failed.items()
    assert str(path).startswith(f"{folder}/ddd") and "File name too long" in reason


def test_a_folder_that_may_not_be_listed_is_named_and_the_rest_is_taken(folder: Path) -> None:
    (folder / "closed").mkdir(mode=0o000)
    (folder / "closed too").mkdir(mode=0o000)
    # Root may list anything: a process that is nobody walks.
    program = """
        import os, sys
        from pathlib import Path
        from hartonomous_resources.settings import Settings
        from hartonomous_service.files_to_ingest import FilesToIngest
        folder = Path(sys.argv[1])
        if os.getuid() == 0:
            os.setgid(65534), os.setuid(65534)
        given = FilesToIngest([folder, folder / "closed", folder / "closed too" / "x"], Settings(home="/no/home"))
        print([path.name for path in given], [path.name for path in given.failed], set(given.failed.values()))
    """
    for path in (folder, *folder.parents):
        if path.owner() == "root" and path.is_relative_to(TEMPORARY) and path != TEMPORARY:
            path.chmod(0o755)

    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(folder)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("['good.txt'] ['closed', 'closed too', 'x'] ")
    assert "cannot be listed: Permission denied" in done.stdout


def test_a_folder_that_vanishes_while_it_is_walked_is_named(folder: Path) -> None:
    (folder / "a").mkdir()
    (folder / "a" / "first.txt").write_text("First.")
    (folder / "b").mkdir()
    given = walk(folder)
    files = iter(given)

    met = [next(files)]
    shutil.rmtree(folder / "b")
    met += files

    assert met == [folder / "a" / "first.txt", folder / "good.txt"]
    assert "No such file" in given.failed[folder / "b"]


def test_what_is_no_regular_file_is_named_without_being_opened(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "socket"))

    given = walk(folder, Path("/dev/null"))

    assert names(given, folder) == ["good.txt"]
    assert given.left_out == dict.fromkeys([folder / "pipe", folder / "socket"], "is not a regular file")
    assert given.failed == {Path("/dev/null"): "/dev/null: is not a regular file"}, "what was given itself is an error"


def test_a_link_is_followed_within_the_folder_only_and_left_out_with_the_reason(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.txt").write_text("Outside.")
    (folder / "below").mkdir()
    for name, target in {
        "a": "good.txt",
        "b": "below",
        "c": "..",
        "d": "../outside.txt",
        "e": "nowhere",
        "f": "f",
        "g": "good.txt/below a file",
    }.items():
        (folder / name).symlink_to(target)

    given = walk(folder)

    assert names(given, folder) == ["good.txt"]
    assert given.failed == {}
    outside = f"a symbolic link that leads out of {folder}; give its target itself to ingest it"
    nothing = "a symbolic link to what is not there"
    assert given.left_out == {
        folder / "c": outside,
        folder / "d": outside,
        folder / "e": nothing,
        folder / "f": "a symbolic link that leads to itself",
        folder / "g": nothing,
    }


def test_a_link_that_is_given_itself_and_leads_nowhere_is_an_error(folder: Path) -> None:
    (folder / "link").symlink_to("nowhere")

    given = walk(folder / "link")

    assert list(given) == [] and given.left_out == {}
    assert given.failed == {folder / "link": f"{folder / 'link'}: no such file or folder"}


def test_names_that_are_no_text_or_have_a_line_end_are_met(folder: Path) -> None:
    odd = [os.fsencode(folder) + name for name in (b"/\xff\xfe.txt", b"/two\nlines.txt", b"/ space ", b"/-n", b"/~")]
    for path in odd:
        Path(os.fsdecode(path)).write_text("Odd.")

    assert {os.fsencode(path) for path in walk(folder)} == {*odd, os.fsencode(folder / "good.txt")}


# ---- the home


def make_home(path: Path) -> Path:
    (path / "dagster" / "storage").mkdir(parents=True)
    (path / "blobs" / "0").mkdir(parents=True)
    for name in ("compiled", "first_hours", "vectors"):
        (path / name).mkdir()
    for name in (
        "hartonomous.db",
        "hartonomous.db-wal",
        "hartonomous.db-shm",
        "graph.db",
        "dev.lock",
        "gpu-worker.key",
        "api-usage.json",
        "dagster/a",
        "blobs/0/b",
        "compiled/vnni.code",
        "first_hours/c",
        "vectors/d",
    ):
        (path / name).write_text("ours")
    return path


def test_the_home_inside_the_folder_is_left_out_and_said_once(folder: Path) -> None:
    home = make_home(folder / "home")

    given = walk(folder, home=home)

    assert names(given, folder) == ["good.txt"]
    assert given.failed == {}
    assert list(given.left_out) == [home]


def test_files_of_the_users_own_in_a_home_are_taken_in(folder: Path) -> None:
    home = make_home(folder)

    assert names(walk(folder, home=home), folder) == ["good.txt"]


def test_another_home_in_the_folder_is_left_out_too(folder: Path) -> None:
    other = make_home(folder / "demo")
    (folder / "dagster").mkdir()
    (folder / "dagster" / "pipeline.py").write_text("not of a home")

    given = walk(folder)

    assert names(given, folder) == ["dagster/pipeline.py", "good.txt"]
    assert list(given.left_out) == [other]


@pytest.mark.parametrize("what", ["hartonomous.db", "dagster", "dagster/storage", "blobs/0/b"])
def test_a_file_of_the_home_is_left_out_even_if_it_is_given_or_linked_to(folder: Path, what: str) -> None:
    home = make_home(folder / "home")
    (folder / "link").symlink_to(home / what)

    given = walk(home / what, folder, home=home)

    assert names(given, folder) == ["good.txt"]
    assert list(given.left_out) == [home]


def test_the_file_of_openlineage_events_that_grows_with_each_run_is_left_out(folder: Path) -> None:
    (folder / "events.jsonl").write_text("{}")

    given = walk(folder, openlineage_file=folder / "events.jsonl")

    assert names(given, folder) == ["good.txt"]
    assert list(given.left_out) == [folder / "events.jsonl"]
