"""Which files were found whole, so that of a gigabyte not every process reads every byte before its first question.

A note beside the file says what the file system said of it then, and in which boot of the machine. It holds for no file that was written, put
back or copied since, and not after a crash of the machine, which alone can take from a file what was synced.
"""

import json
import os
from pathlib import Path

from hartonomous_resources.logs import LOGGER
from hartonomous_resources.processes import this_boot


def note_of(file: Path) -> Path:
    """Where it stands that a file was checked."""
    return file.with_suffix(".checked")


def is_checked(file: Path, state: os.stat_result) -> bool:
    """Whether the file that has this state was found whole since the machine started."""
    try:
        return note_of(file).read_text(encoding="ascii") == _identity(state)
    except (OSError, ValueError):
        return False


def set_checked(file: Path, state: os.stat_result) -> None:
    """Note that the file that has this state is whole. Where that cannot be written, each process checks."""
    try:
        note_of(file).write_text(_identity(state), encoding="ascii")
    except OSError as error:
        LOGGER.info("%s cannot be written: %s", note_of(file), error)


def _identity(state: os.stat_result) -> str:
    return json.dumps([this_boot(), state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns])
