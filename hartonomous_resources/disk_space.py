"""How much room a home needs, and what is said when there is none."""

import shutil
from pathlib import Path

LEAST_FREE_BYTES = 1024**3
"""The write-ahead log, Dagster's storage and some 36 bytes for each byte of text that is taken in."""


_FULL_BYTES = 16 * 1024**2
"""Less than this free, and what cannot be written lacks room, whatever it reports: SQLite often says "disk I/O error"."""


def free_bytes(folder: Path) -> int:
    """How much is free where a folder lies, or will lie when it is made."""
    there = next(each for each in (folder, *folder.parents) if each.exists())
    return shutil.disk_usage(there).free


def is_full(folder: Path) -> bool:
    """Whether there is no room to go on."""
    return free_bytes(folder) < _FULL_BYTES


def lacks_space(folder: Path) -> bool:
    """Whether less is free there than a home needs."""
    return free_bytes(folder) < LEAST_FREE_BYTES


def disk_is_full(folder: Path) -> str:
    """The sentence about the disk of a folder on which something could not be written."""
    free = free_bytes(folder)
    return (
        f"the disk of {folder} is full ({free / 1024**2:,.1f} MiB free): make room there, {LEAST_FREE_BYTES / 1024**3:.0f} GiB at least, "
        "then try again; nothing that was acknowledged is lost"
    )
