"""Walks the paths given to `ingest` and finds the files. A path that cannot be ingested is kept with the reason; the walk goes on."""

import errno
import os
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from hartonomous_resources.settings import Settings

_OF_A_HOME = re.compile(
    r"(hartonomous|graph)\.db(-(wal|shm|journal))?|blobs|compiled|dagster|first_hours|vectors|dev\.(lock|process|session)"
    r"|gpu-worker\.(key|lock|sock)|api-usage\.(json|lock)"
)


class FilesToIngest:
    """Iterates over the regular files below the paths: resolved, each once, those of a folder in the order of their names.

    After the iteration, `failed` says why a path could not be ingested, `left_out` which paths were passed over and why (the program's own
    files, and in folders what is no file, and links that lead out of them or nowhere), and `folders` which folders were given.
    """

    def __init__(self, paths: Sequence[Path], settings: Settings) -> None:
        self._paths = paths
        self._home = settings.home.resolve()
        self._events = settings.openlineage_file and settings.openlineage_file.resolve()
        self.failed: dict[Path, str] = {}
        self.left_out: dict[Path, str] = {}
        self.folders: list[Path] = []

    def __iter__(self) -> Iterator[Path]:
        met: set[Path] = set()
        for given in self._paths:
            for path in self._walk(given):
                if path not in met:
                    met.add(path)
                    yield path

    def _walk(self, given: Path) -> Iterator[Path]:
        try:
            root = given.resolve(strict=True)  # allowed by being given, also through a link
            kind = stat.S_IFMT(root.stat().st_mode)
            to_do = [] if self._is_ours(root, *root.parents) else [(root, kind)]
        except FileNotFoundError:
            self._fail(given, "no such file or folder")
            return
        except (OSError, RuntimeError, ValueError) as error:
            self._fail(given, error)
            return
        if to_do and kind == stat.S_IFDIR:
            self.folders.append(root)
        while to_do:
            path, kind = to_do.pop()
            if kind == stat.S_IFDIR:
                to_do += reversed(self._list(path, root))
            elif kind == stat.S_IFREG:
                yield path
            elif path == root:
                self._fail(given, "is not a regular file")
            else:  # opening a pipe or a device may wait for ever, or do something
                self.left_out[path] = "is not a regular file"

    def _list(self, folder: Path, root: Path) -> list[tuple[Path, int]]:
        """List what to visit in a folder, with its kind, in the order of the names. Not recursive: a folder may lie deeper than Python's stack."""
        entries: list[os.DirEntry[str]] = []
        try:
            owner = folder.stat().st_uid
            with os.scandir(folder) as listing:
                entries.extend(listing)
        except OSError as error:
            self._fail(folder, f"cannot be listed: {error.strerror}")
        found: list[tuple[Path, int]] = []
        for entry in sorted(entries, key=lambda entry: entry.name):
            path = Path(entry.path)
            try:
                target = self._follow(path, root) if entry.is_symlink() else None if self._is_ours(path) else path
                if target is None:
                    continue
                status = entry.stat()
                kind = stat.S_IFMT(status.st_mode)
                if kind == stat.S_IFREG and status.st_nlink > 1 and status.st_uid != owner:
                    self._fail(
                        path, "a hard link to a file of another owner than its folder's; give it itself to ingest it"
                    )
                else:
                    found.append((target, kind))
            except OSError as error:
                self._fail(path, error)
        return found

    def _follow(self, link: Path, root: Path) -> Path | None:
        """Return where a link leads; None for a target that is not to be visited through it."""
        try:
            target = link.resolve(strict=True)
        except (FileNotFoundError, NotADirectoryError):
            self.left_out[link] = "a symbolic link to what is not there"
            return None
        except (OSError, RuntimeError) as error:
            if isinstance(error, OSError) and error.errno != errno.ELOOP:
                raise
            self.left_out[link] = "a symbolic link that leads to itself"  # before Python 3.13 a RuntimeError
            return None
        if not target.is_relative_to(root):
            self.left_out[link] = f"a symbolic link that leads out of {root}; give its target itself to ingest it"
            return None
        # The files of a folder are met under their own names.
        return None if target.is_dir() or self._is_ours(target, *target.parents) else target

    def _is_ours(self, *parts: Path) -> bool:
        """Tell whether one of these is the program's own file: it would grow with each run that ingests it."""
        for part in parts:
            home = part.parent
            if part == self._events:
                self.left_out[part] = "the file of OpenLineage events"
                return True
            if _OF_A_HOME.fullmatch(part.name) and (home == self._home or (home / "hartonomous.db").is_file()):
                self.left_out[home] = "the files of a home of Hartonomous"
                return True
        return False

    def _fail(self, path: Path, problem: str | Exception) -> None:
        reason = problem.strerror if isinstance(problem, OSError) else problem
        self.failed[path] = f"{path}: {reason}"
