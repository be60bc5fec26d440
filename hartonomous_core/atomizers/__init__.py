"""Atomizers turn a seekable byte stream into an iterator of atoms, in bounded memory. They know no Dagster, database or network.

A new kind of file is one module with an `Atomizer` and one line in `atomizers`.
"""

from functools import cache

from hartonomous_core.atomizers.chunks import SIZES_OF_TEXT, ChunkAtomizer
from hartonomous_core.atomizers.encoded_text import EncodedTextAtomizer
from hartonomous_core.atomizers.protocol import Atom, Atomizer
from hartonomous_core.atomizers.text import TextAtomizer
from hartonomous_core.atomizers.text_stream import NotUtf8Error
from hartonomous_core.vocabulary import TextUnit


@cache
def atomizers(unit: TextUnit) -> tuple[Atomizer, ...]:
    """Return one of each; text becomes passages or sentences."""
    text = TextAtomizer(unit)
    return (
        text,
        EncodedTextAtomizer(ChunkAtomizer(SIZES_OF_TEXT), text),
        ChunkAtomizer(),  # takes everything, so it comes last
    )


def atomizer_for(content_type: str, unit: TextUnit = "passage") -> Atomizer:
    """Return the first registered atomizer that handles `content_type` (case does not matter; of the parameters, charset does)."""
    return next(atomizer for atomizer in atomizers(unit) if atomizer.handles(content_type))


def atomizer_version(atomizer: Atomizer) -> str:
    """Return what is recorded with a source (AtomizerVersion): as long as it is the same, the same bytes give the same atoms."""
    return f"{atomizer.name} {atomizer.version}"


__all__ = [
    "Atom",
    "Atomizer",
    "ChunkAtomizer",
    "EncodedTextAtomizer",
    "NotUtf8Error",
    "TextAtomizer",
    "atomizer_for",
    "atomizer_version",
    "atomizers",
]
