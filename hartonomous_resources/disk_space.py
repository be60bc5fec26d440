"""How much room a home needs, and what to say when there is none."""

import shutil
from pathlib import Path

LEAST_FREE_BYTES = 1024**3
"""The write-ahead log, Dagster's storage and some 36 bytes for each byte of text that is taken in."""


_FULL_BYTES = 16 * 1024**2
"""With less than this free, a failed write lacked room, whatever the error says: SQLite often says "disk I/O error"."""


def free_bytes(folder: Path) -> int:
    """Return how many bytes are free where a folder lies, or will lie when it is made."""
    there = next(each for each in (folder, *folder.parents) if each.exists())
    return shutil.disk_usage(there).free


def is_full(folder: Path) -> bool:
    """Return whether there is no room to go on."""
    return free_bytes(folder) < _FULL_BYTES


def lacks_space(folder: Path) -> bool:
    """Return whether less is free there than a home needs."""
    return free_bytes(folder) < LEAST_FREE_BYTES


def disk_is_full(folder: Path) -> str:
    """Say that the disk of a folder is full, and what to do."""
    free = free_bytes(folder)
    return (
        f"the disk of {folder} is full ({free / 1024**2:,.1f} MiB free): make room there, {LEAST_FREE_BYTES / 1024**3:.0f} GiB at least, "
        "then try again; nothing that was acknowledged is lost"
    )
