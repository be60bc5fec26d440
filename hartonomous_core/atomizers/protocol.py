"""The interface of atomizers: a seekable byte stream in, an iterator of atoms out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, Protocol

from hartonomous_core.vocabulary import Modality, Role

if TYPE_CHECKING:
    from hartonomous_core.atomizers.members import MemberTaker

MAX_SUFFIX_BYTES = 64
"""Longest separator that is stored with the atom before it (column `SourceAtom.Suffix`)."""


class Unread(NamedTuple):
    """Which rows of a table a content atom holds that are to be read later: the number of the first row of their batch, from 1 on, and which
    part of the batch it is, from 0 on; all but a row of more than 64 KiB is one part.
    """

    row: int
    part: int


@dataclass(slots=True)  # not frozen: to make one would take five times as long, and a source has very many
class Atom:
    """One fragment of a source, not changed once it is made.

    Over all atoms of role 'content' in order, content + suffix are exactly the source's bytes.

    content: what is hashed, stored once and embedded; never empty.
    suffix: the separator that follows in this source (spaces, line ends), at most `MAX_SUFFIX_BYTES`; empty if derived.
    modality: what kind of model embeds it; 'binary' is embedded by none.
    subtype: what the atomizer calls it, such as 'sentence' or 'chunk'; 'gap' for a separator that no suffix can hold.
    content_type: of this fragment, not of the source.
    text: what is searched by words, and embedded where the modality is text; None for gaps and chunks.
    role: 'derived' for what was made out of the bytes, such as the text of a page: any number may come, at any point, beside the bytes.
    locator: where in the source it is, in the words of its format, such as {"page": 3}; must be JSON. Bytes have an offset besides.
    unread: which rows these bytes are, where what they say is to be derived later, see `Context.reads_later`.
    """

    content: bytes
    suffix: bytes
    modality: Modality
    subtype: str
    content_type: str
    text: str | None
    role: Role = "content"
    locator: Mapping[str, object] | None = None
    unread: Unread | None = field(default=None, repr=False)


class Extraction(Protocol):
    """How an extractor is run: in this process, or in one that may die."""

    def __call__(self, format_: Any, stream: BinaryIO, content_type: str) -> Iterator[Any]:
        """Yield what the extractor of a `Format` does: each a `Section`, a `Picture` or a `MemberItem`. Raises Partial, and OSError where the stream
        cannot be read.
        """


@dataclass(frozen=True, slots=True)
class Context:
    """What an atomizer is lent besides the stream.

    extract: runs the extractor of a `Format`, and where that says so in a process of its own, with limits of time and memory.
    members: takes the files that are found within; each becomes a source of its own.
    reads_later: an atomizer of tables may leave rows unread: the store finds their bytes by words, and has them read when somebody asks.
    name: of the file, without folders; empty where the source has none.
    """

    extract: Extraction
    members: "MemberTaker"
    reads_later: bool = False
    name: str = ""


class Atomizer(Protocol):
    """A strategy for some content types. Pure: it reads the stream and touches nothing but what it is lent."""

    @property
    def name(self) -> str:
        """Short stable name, recorded with every source."""

    @property
    def version(self) -> str:
        """A text that changes whenever the same bytes may give other atoms than before."""

    @property
    def reads_text(self) -> bool:
        """Whether the bytes are text: its encoding is then found out first, and named in the content type unless it is UTF-8."""

    @property
    def gives_text(self) -> bool:
        """Whether its atoms can be found by a search; if not, the source is kept as bytes and people are told so."""

    @property
    def has_members(self) -> bool:
        """Whether its sources may hold files that it hands to `Context.members`: a source within another is then granted a share of these."""

    def handles(self, content_type: str) -> bool:
        """Whether this atomizer is meant for a content type such as 'text/plain; charset=utf-8'."""

    def atomize(self, stream: BinaryIO, content_type: str, context: Context | None = None) -> Iterator[Atom]:
        """Yield the atoms of a seekable stream at position 0, in order and in bounded memory.

        `content_type` is the one that it handles, with its parameters: where bytes can be read in several ways, it says which is meant.
        Without a context it reads all that it can in this process, and files within are left where they are.

        Raises Partial, once all bytes are yielded, for a source of which not all can be searched.
        """
