"""Packages of other people, as an installer leaves them: what the entry point names lies anywhere that can be imported."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hartonomous_core.atomizers.registry import GROUP, forget_entries


@contextmanager
def installed(folder: Path, name: str, *entry_points: str) -> Iterator[None]:
    """Have a distribution installed in a folder that brings these entries of the registry, such as `package:ENTRY`."""
    information = folder / f"{name}-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    points = (f"{name}-{number} = {point}" for number, point in enumerate(entry_points))
    (information / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *points, ""]))
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    forget_entries()
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        forget_entries()
