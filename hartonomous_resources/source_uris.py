"""Names sources. One file has one uri, however it is spelled, and no message gives its bytes the name of another file."""

import hashlib
import os
import re
from pathlib import Path, PurePath, PureWindowsPath
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from hartonomous_core.messages import IngestionRequest

_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_CLAIMED = "claimed:"
"""Prefix of a file's name that a sender gave to other bytes than that file's."""
MEMBER = "member:"
"""Prefix of the name of what was found in another source: behind it the name of that, `!/` and its own."""
SHARE = "share"
"""Of the metadata of a source that was found in another: what it may hold itself. Nobody is shown it."""


class UnreadableSource(Exception):
    """The source cannot be taken in, and no retry will change that; the message names it and says what to do."""


def local_path(uri: str) -> Path:
    """Return the path that a uri (file://… or a plain absolute path) names.

    Raises UnreadableSource for any other scheme and for relative paths.
    """
    return Path(parse_local_path(uri, type(PurePath())))


def parse_local_path(uri: str, system: type[PurePath]) -> PurePath:
    """Return what `local_path` returns, on the system whose paths these are: PurePosixPath or PureWindowsPath."""
    is_windows = system is PureWindowsPath
    if uri[:5].lower() == "file:":
        parts = urlsplit(uri)
        if parts.netloc.lower() not in ("", "localhost"):
            host = parts.netloc.rpartition("@")[2]  # without user and password
            raise UnreadableSource(f"{uri}: names the host {host!r}; only local files can be read")
        text = os.fsdecode(unquote_to_bytes(parts.path))
        path = system(text[1:] if is_windows and _DRIVE.match(text, 1) else text)  # /C:/a.txt
    elif is_windows and _DRIVE.match(uri):
        path = system(uri)
    elif "://" in uri.split("/", 1)[0] + "//" and not uri.startswith("/"):
        raise UnreadableSource(f"{uri}: only local files can be read; use file:///… or an absolute path")
    else:
        path = system(uri)
    if not path.is_absolute():
        raise UnreadableSource(f"{uri}: not an absolute path; a message must name one")
    if is_windows and path.drive.startswith("\\\\"):
        raise UnreadableSource(f"{uri}: lies on a share; only local files can be read")
    # POSIX gives two leading slashes no meaning here.
    return system("/", *path.parts[1:]) if path.anchor == "//" else path


def real_path(uri: str) -> Path:
    """Return where the file of a uri really lies, links followed; it need not be there.

    Raises UnreadableSource where `local_path` does, and for what no file can be called.
    """
    try:
        return local_path(uri).resolve()
    except (OSError, ValueError, RuntimeError) as error:  # a link that leads to itself, a NUL, a host like [
        raise UnreadableSource(f"{uri}: cannot be opened: {error}") from error


def source_uri_of(request: IngestionRequest, sha256: str | None = None, path: Path | None = None) -> str:
    """Return the uri of the source that a request brings.

    A file's is `file:///…` of where it really lies. Other sources have the name that the sender gave, their id or their hash; a name that
    is a file's is kept behind `claimed:`, unless it is that of the very file to read. `sha256` is the hash of the bytes, in hex, where
    they came beside the request; `path` is where the file really lies, where the caller has asked already.

    Raises UnreadableSource when the request names no local file and brings no bytes.
    """
    if request.uri is not None:
        own = (path or real_path(request.uri)).as_uri()
        return own if request.source_uri is None or _is_of(own, request.source_uri) else _as_claimed(request.source_uri)
    if request.source_uri is not None:
        return _as_claimed(request.source_uri)
    if request.source_id is not None:
        return f"source:{request.source_id}"
    return f"sha256:{sha256 or hashlib.sha256(request.raw_data or b'').hexdigest()}"


def file_name(source_uri: str) -> str:
    """Return the name of a file, without folders, as its source is called; empty where that is no name of a file, such as `sha256:…`."""
    name = unquote(source_uri.rpartition("/")[2])
    return name if "." in name else ""


def is_file_uri(source_uri: str) -> bool:
    """Return whether a source is a file under its own name."""
    return source_uri.startswith("file:")


def is_member_uri(source_uri: str) -> bool:
    """Return whether a source was found in another one."""
    return source_uri.startswith(MEMBER)


def _is_of(file_uri: str, name: str) -> bool:
    try:
        return real_path(name).as_uri() == file_uri
    except UnreadableSource:
        return False


def _as_claimed(name: str) -> str:
    plain = name.lstrip()
    is_ours = plain[:5].lower() == "file:" or plain[: len(MEMBER)].lower() == MEMBER or Path(plain).is_absolute()
    return _CLAIMED + name if is_ours else name
