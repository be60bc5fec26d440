"""What every atomizer takes and gives: a seekable byte stream in, an iterator of atoms out."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

MAX_SUFFIX_BYTES = 64
"""Longest separator that travels with the atom before it (column `SourceAtom.Suffix`)."""


@dataclass(frozen=True, slots=True)
class Atom:
    """One fragment of a source. Over all atoms in order, content + suffix are exactly the source's bytes.

    content: what is hashed, stored once and embedded; never empty.
    suffix: the separator that follows in this source (spaces, line ends), at most `MAX_SUFFIX_BYTES`.
    modality: 'text' or 'binary'.
    subtype: 'sentence', 'chunk', or 'gap' for a separator that no suffix can hold.
    content_type: of this fragment, not of the source.
    text: the content as characters; None for gaps and chunks, which are never embedded as text.
    """

    content: bytes
    suffix: bytes
    modality: str
    subtype: str
    content_type: str
    text: str | None


class Atomizer(Protocol):
    """A strategy for some content types. Pure: it reads the stream and touches nothing else."""

    @property
    def name(self) -> str:
        """Short stable name, recorded with every source."""

    @property
    def version(self) -> str:
        """Changes whenever the same bytes may give other atoms than before."""

    def handles(self, content_type: str) -> bool:
        """Whether this atomizer is meant for a content type such as 'text/plain; charset=utf-8'."""

    def atomize(self, stream: BinaryIO) -> Iterator[Atom]:
        """Yield the atoms of a seekable stream at position 0, in order and in bounded memory."""
