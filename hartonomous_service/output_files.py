"""Checks the files that results are written to."""

import os
from pathlib import Path

from hartonomous_service.errors import Invalid


def resolve_output_file(output: str | os.PathLike[str]) -> Path:
    """Return the path to write; a link stays a link, and its target is written.

    Raises Invalid for a folder, a device, or a file in a folder that does not exist.
    """
    target = Path(output).resolve()
    if not target.parent.is_dir() or (target.exists() and not target.is_file()):
        raise Invalid(
            f"{output}: not a place for a file; give a file in a folder that exists",
            argument="output",
            remedy="write_to_stdout",
        )
    return target
