"""Opening the file of a message: hostile until proven otherwise."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote_to_bytes, urlsplit

from hartonomous_resources.settings import Settings

_PASSING = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.EIO, errno.ESTALE, errno.ETIMEDOUT}
"""The machine's or the network drive's fault and not the file's: worth another attempt."""


class UnreadableSource(Exception):
    """The source cannot be taken in, and no retry will change that; the message names it and says what to do."""


def local_path(uri: str) -> Path:
    """The path that a uri (file://… or a plain absolute path) names.

    Raises UnreadableSource for any other scheme and for relative paths.
    """
    if uri[:5].lower() == "file:":
        parts = urlsplit(uri)
        if parts.netloc not in ("", "localhost"):
            raise UnreadableSource(f"{uri}: names the host {parts.netloc!r}; only local files can be read")
        path = Path(os.fsdecode(unquote_to_bytes(parts.path)))
    elif "://" in uri.split("/", 1)[0] + "//" and not uri.startswith("/"):
        raise UnreadableSource(f"{uri}: only local files can be read; use file:///… or an absolute path")
    else:
        path = Path(uri)
    if not path.is_absolute():
        raise UnreadableSource(f"{uri}: not an absolute path; a message must name one")
    return path


def open_source_file(uri: str, settings: Settings, granted: str | None) -> BinaryIO:
    """Open a local file for reading, after checking where it really lies, what it is and how large it is.

    `granted` is the uri of a path that was allowed by being given on the command line. Symbolic links are followed first and judged by
    where they lead, so that a link cannot lead out of the allowed roots.

    Raises UnreadableSource, and OSError for what may pass: too many open files, a network drive that does not answer.
    """
    try:
        path = local_path(uri).resolve(strict=True)
        roots = [root.resolve() for root in settings.allowed_roots]
        if path.as_uri() != granted and not any(path.is_relative_to(root) for root in roots):
            raise UnreadableSource(
                f"{uri}: lies outside the allowed roots; add its folder to HARTONOMOUS_ALLOWED_ROOTS, or ingest it by path from the command line"
            )
        # O_NONBLOCK: opening a named pipe must not wait for a writer for ever.
        descriptor = os.open(
            path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        )
    except FileNotFoundError as error:
        raise UnreadableSource(f"{uri}: the file is not there (any more); put it back and replay") from error
    except (OSError, ValueError, RuntimeError) as error:
        if isinstance(error, OSError) and error.errno in _PASSING:
            raise
        raise UnreadableSource(f"{uri}: cannot be opened: {error}") from error
    status = os.fstat(descriptor)
    problem = None
    if _opened_path(descriptor, uri) != path:
        problem = "was replaced while it was being opened"
    elif not stat.S_ISREG(status.st_mode):
        problem = "is not a regular file"
    elif status.st_size > settings.max_source_bytes:
        problem = f"has {status.st_size:,} bytes, more than HARTONOMOUS_MAX_SOURCE_BYTES ({settings.max_source_bytes:,}); raise it or split the file"
    elif status.st_size == 0:
        problem = "is empty: there is nothing to ingest"
    if problem:
        os.close(descriptor)
        raise UnreadableSource(f"{uri}: {problem}")
    return os.fdopen(descriptor, "rb")


def _opened_path(descriptor: int, uri: str) -> Path:
    """Where the opened file really lies: a folder above it may have been swapped for a link after it was judged."""
    link = Path(f"/proc/self/fd/{descriptor}")
    return link.readlink() if link.is_symlink() else local_path(uri).resolve()
