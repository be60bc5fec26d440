"""Atomizers turn a seekable byte stream into an iterator of atoms, in bounded memory. They know no Dagster, database or network.

A new kind of file is one module with an `Atomizer` and one line in `ATOMIZERS`.
"""

from hartonomous_core.atomizers.chunks import ChunkAtomizer
from hartonomous_core.atomizers.protocol import Atom, Atomizer
from hartonomous_core.atomizers.text import NotUtf8Error, TextAtomizer

ATOMIZERS: tuple[Atomizer, ...] = (
    TextAtomizer(),
    ChunkAtomizer(),  # takes everything, so it comes last
)


def atomizer_for(content_type: str) -> Atomizer:
    """Return the first registered atomizer that handles `content_type` (case does not matter; of the parameters, charset does)."""
    return next(atomizer for atomizer in ATOMIZERS if atomizer.handles(content_type))


__all__ = ["ATOMIZERS", "Atom", "Atomizer", "ChunkAtomizer", "NotUtf8Error", "TextAtomizer", "atomizer_for"]
