"""Opening the file of a message: only regular files of allowed folders, and each refusal says what to do."""

import os
import resource
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from hartonomous_resources.settings import Settings
from hartonomous_resources.source_files import ForbiddenSource, open_source_file
from hartonomous_resources.source_uris import UnreadableSource, local_path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The one allowed folder; `tmp_path` around it is not allowed."""
    root = tmp_path / "allowed"
    root.mkdir()
    return root


@pytest.fixture
def read(root: Path) -> Callable[..., bytes]:
    """Reads a uri or path through `open_source_file`."""

    def read(uri: str | Path, granted: str | None = None) -> bytes:
        with open_source_file(str(uri), Settings(allowed_roots=[root], max_source_bytes=100), granted) as file:
            return file.read()

    return read


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("/a/b.txt", "/a/b.txt"),
        ("/a/b%20c.txt", "/a/b%20c.txt"),
        ("/a://b", "/a://b"),
        ("file:///a/b%20c.txt", "/a/b c.txt"),
        ("file:/a/b.txt", "/a/b.txt"),
        ("file://localhost/a.txt", "/a.txt"),
        ("file:///a%3Fb%23c.txt", "/a?b#c.txt"),
        ("file:///%C3%A4.txt", "/ä.txt"),
        ("FILE:///a.txt", "/a.txt"),
        ("file://LOCALHOST/a.txt", "/a.txt"),
        ("file:////a.txt", "/a.txt"),
        ("//a.txt", "/a.txt"),
        ("file:///a.txt?x=1#f", "/a.txt"),
    ],
)
def test_a_uri_names_a_path(uri: str, path: str) -> None:
    assert local_path(uri) == Path(path)


@pytest.mark.parametrize(
    ("uri", "complaint"),
    [
        ("http://host/a.txt", "only local files"),
        ("s3://bucket/a.txt", "only local files"),
        ("a.txt", "not an absolute path"),
        ("../a.txt", "not an absolute path"),
        ("file:a.txt", "not an absolute path"),
        ("file://host/a.txt", "names the host 'host'"),
        ("file://user:hunter2@host:1/a.txt", "names the host 'host:1'"),
    ],
)
def test_a_uri_that_names_no_local_file_is_refused_with_the_reason(uri: str, complaint: str) -> None:
    with pytest.raises(UnreadableSource) as refused:
        local_path(uri)

    assert str(refused.value).startswith(f"{uri}: ")
    assert complaint in str(refused.value)


def test_a_file_of_an_allowed_folder_is_read(root: Path, read: Callable[..., bytes]) -> None:
    (root / "deep").mkdir()
    path = root / "deep" / "ä b.txt"
    path.write_bytes(b"content")

    assert read(path) == read(path.as_uri()) == b"content"


def test_a_link_within_the_allowed_folders_is_followed(root: Path, read: Callable[..., bytes]) -> None:
    (root / "real.txt").write_bytes(b"content")
    (root / "link.txt").symlink_to(root / "real.txt")

    assert read(root / "link.txt") == b"content"


def test_an_allowed_folder_may_itself_be_reached_by_a_link(tmp_path: Path, root: Path) -> None:
    (root / "a.txt").write_bytes(b"content")
    (tmp_path / "link").symlink_to(root)

    with open_source_file(str(root / "a.txt"), Settings(allowed_roots=[tmp_path / "link"]), None) as file:
        assert file.read() == b"content"


def test_a_granted_path_is_read_wherever_it_lies(tmp_path: Path, read: Callable[..., bytes]) -> None:
    path = tmp_path / "granted.txt"
    path.write_bytes(b"content")

    assert read(path, granted=path.resolve().as_uri()) == b"content"


def test_a_grant_of_one_path_opens_no_other(tmp_path: Path, read: Callable[..., bytes]) -> None:
    (tmp_path / "granted.txt").write_bytes(b"x")
    (tmp_path / "granted.txt.secret").write_bytes(b"secret")

    with pytest.raises(UnreadableSource, match="outside the allowed roots"):
        read(tmp_path / "granted.txt.secret", granted=(tmp_path / "granted.txt").as_uri())


def test_a_granted_path_that_has_become_a_link_elsewhere_is_refused(tmp_path: Path, read: Callable[..., bytes]) -> None:
    (tmp_path / "secret.txt").write_bytes(b"secret")
    granted = tmp_path / "granted.txt"
    granted.symlink_to(tmp_path / "secret.txt")

    with pytest.raises(UnreadableSource, match="outside the allowed roots"):
        read(granted, granted=granted.as_uri())


def outside_by_dots(root: Path) -> Path:
    (root.parent / "secret.txt").write_bytes(b"secret")
    return root / ".." / "secret.txt"


def outside_by_link(root: Path) -> Path:
    (root / "link").symlink_to(root.parent)
    (root.parent / "secret.txt").write_bytes(b"secret")
    return root / "link" / "secret.txt"


def beside_with_the_same_beginning(root: Path) -> Path:
    (root.parent / "allowed-not").mkdir()
    path = root.parent / "allowed-not" / "secret.txt"
    path.write_bytes(b"secret")
    return path


@pytest.mark.parametrize("lure", [outside_by_dots, outside_by_link, beside_with_the_same_beginning])
def test_no_way_leads_out_of_the_allowed_folders(
    root: Path, read: Callable[..., bytes], lure: Callable[[Path], Path]
) -> None:
    with pytest.raises(
        UnreadableSource, match="outside the allowed roots; add its folder to HARTONOMOUS_ALLOWED_ROOTS"
    ):
        read(lure(root))


def test_without_allowed_folders_no_message_may_name_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"content")

    with pytest.raises(UnreadableSource, match="outside the allowed roots"):
        open_source_file(str(tmp_path / "a.txt"), Settings(allowed_roots=[]), None)


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda path: path.write_bytes(bytes(101)), r"has 101 bytes, more than HARTONOMOUS_MAX_SOURCE_BYTES \(100\)"),
        (lambda path: path.mkdir(), "not a regular file"),
        (os.mkfifo, "not a regular file"),
        (lambda path: path.symlink_to(path), "cannot be opened"),
        (lambda path: None, "the file is not there"),
    ],
    ids=["too large", "directory", "named pipe", "link to itself", "missing"],
)
def test_what_cannot_be_a_source_is_refused_without_waiting(
    root: Path, read: Callable[..., bytes], make: Callable[[Path], object], complaint: str
) -> None:
    make(root / "it")

    with pytest.raises(UnreadableSource, match=f"it: .*{complaint}"):
        read(root / "it")


def hard_link(root: Path) -> Path:
    """A name inside the root of a file outside of it."""
    (root.parent / "secret.txt").write_bytes(b"secret")
    (root / "innocent.txt").hardlink_to(root.parent / "secret.txt")
    return root / "innocent.txt"


def test_a_hard_link_is_refused_like_a_link_out_of_the_root(root: Path, read: Callable[..., bytes]) -> None:
    with pytest.raises(ForbiddenSource, match=r"has 2 names \(hard links\), of which one may lie outside"):
        read(hard_link(root))


def test_a_hard_link_that_is_granted_is_read(root: Path, read: Callable[..., bytes]) -> None:
    path = hard_link(root)

    assert read(path, granted=path.as_uri()) == b"secret"


def test_nobody_learns_whether_a_file_outside_the_allowed_folders_exists(
    root: Path, read: Callable[..., bytes]
) -> None:
    with pytest.raises(ForbiddenSource, match="outside the allowed roots"):
        read(root.parent / "not there.txt")


def test_a_device_is_refused_even_if_granted(read: Callable[..., bytes]) -> None:
    with pytest.raises(UnreadableSource, match="not a regular file"):
        read("/dev/zero", granted="file:///dev/zero")


def test_a_file_of_just_the_largest_size_is_read(root: Path, read: Callable[..., bytes]) -> None:
    (root / "a").write_bytes(bytes(100))

    assert read(root / "a") == bytes(100)


@pytest.mark.parametrize("uri", ["file://{}/a%00b", "file://[bad/a", "{}/" + "x" * 300])
def test_a_uri_that_no_file_system_takes_is_refused(root: Path, read: Callable[..., bytes], uri: str) -> None:
    with pytest.raises(UnreadableSource, match="cannot be opened"):
        read(uri.format(root))


def test_a_refused_file_is_closed_again(root: Path, read: Callable[..., bytes]) -> None:
    (root / "large").write_bytes(bytes(101))
    before = psutil.Process().num_fds()

    for _ in range(10):
        with pytest.raises(UnreadableSource):
            read(root / "large")

    assert psutil.Process().num_fds() == before


def test_a_machine_that_is_short_of_something_is_no_fault_of_the_file(root: Path, read: Callable[..., bytes]) -> None:
    (root / "a").write_text("text")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    first_free = os.open("/", os.O_RDONLY)
    os.close(first_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (first_free, hard))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            read(root / "a")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
