"""Opens the file that a message names, which is hostile until proven otherwise."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

from hartonomous_resources.settings import Settings
from hartonomous_resources.source_uris import UnreadableSource, local_path, real_path

_NETWORK_DRIVE_ERRORS = {errno.ESTALE, errno.ETIMEDOUT}
MACHINE_ERRORS = _NETWORK_DRIVE_ERRORS | {
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
    errno.EAGAIN,
    errno.ENOSPC,
    errno.EDQUOT,
}
"""Errors that are the machine's or the network drive's fault and not the file's: every file waits until they are over."""


class ForbiddenSource(UnreadableSource):
    """The message may not read that file. The file itself may be in order."""


def open_source_file(uri: str, settings: Settings, granted: str | None, path: Path | None = None) -> BinaryIO:
    """Open a local file for reading, after checking where it really lies, what it is and how large it is.

    `granted` is the uri of a path that was allowed by being given on the command line; `path` is what `real_path` has just returned for
    this uri, where the caller asked already. Symbolic links are followed first and judged by
    where they lead, so that a link cannot lead out of the allowed roots.

    A file with further names (hard links) may have one outside of the roots, and whose it is cannot be told: it must be granted, too.

    Raises ForbiddenSource, UnreadableSource, and OSError for what may pass: too many open files, a network drive that does not answer.
    """
    path = path or real_path(uri)
    is_granted = path.as_uri() == granted
    if not is_granted and not any(path.is_relative_to(root.resolve()) for root in settings.allowed_roots):
        raise ForbiddenSource(
            f"{uri}: lies outside the allowed roots; add its folder to HARTONOMOUS_ALLOWED_ROOTS, or ingest it by path from the command line"
        )
    try:
        # O_NONBLOCK: opening a named pipe must not wait for a writer for ever.
        descriptor = os.open(
            path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        )
    except FileNotFoundError as error:
        raise UnreadableSource(f"{uri}: the file is not there (any more); put it back and replay") from error
    except OSError as error:
        # EIO counts as an attempt: a damaged place of the disk may be this file's alone.
        if error.errno in MACHINE_ERRORS or error.errno == errno.EIO:
            raise
        raise UnreadableSource(f"{uri}: cannot be opened: {error}") from error
    status = os.fstat(descriptor)
    if status.st_nlink > 1 and stat.S_ISREG(status.st_mode) and not is_granted:
        os.close(descriptor)
        raise ForbiddenSource(
            f"{uri}: has {status.st_nlink} names (hard links), of which one may lie outside the allowed roots; "
            "copy it, or ingest it by path from the command line"
        )
    problem = None
    if _opened_path(descriptor, uri) != str(path):
        problem = "was replaced while it was being opened"
    elif not stat.S_ISREG(status.st_mode):
        problem = "is not a regular file"
    elif status.st_size > settings.max_source_bytes:
        problem = f"has {status.st_size:,} bytes, more than HARTONOMOUS_MAX_SOURCE_BYTES ({settings.max_source_bytes:,}); raise it or split the file"
    if problem:
        os.close(descriptor)
        raise UnreadableSource(f"{uri}: {problem}")
    return os.fdopen(descriptor, "rb")


def _opened_path(descriptor: int, uri: str) -> str:
    """Return where the opened file really lies: a folder above it may have been swapped for a link after it was judged."""
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115 - once for each file, and Path takes five times as long
    except OSError:  # not Linux
        return str(local_path(uri).resolve())
