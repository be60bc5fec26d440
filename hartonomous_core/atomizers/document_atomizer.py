"""Documents whose bytes are not what people read: the bytes as chunks, and beside them, derived, what an extractor reads in them.

A format is one `Format` in the registry and one module with `extract(stream, content_type) -> Iterator[Section]`.
"""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import BinaryIO, cast

from hartonomous_core.atomizers.charset_names import media_type, text_is_read
from hartonomous_core.atomizers.chunks import SIZES_OF_ANYTHING, ChunkAtomizer, ChunkSizes
from hartonomous_core.atomizers.members import MemberItem, MemberTaker, NoMembers, describe, lost_within
from hartonomous_core.atomizers.named_words import words_of_name
from hartonomous_core.atomizers.protocol import Atom, Atomizer, Context
from hartonomous_core.atomizers.sections import Partial, Picture, Section, derived_atoms
from hartonomous_core.atomizers.text import TextAtomizer
from hartonomous_core.vocabulary import TextUnit

NOT_INSTALLED = "none"
"""Stands for the version of a library that is not there."""
_MOST_AT_ONCE = 1024 * 1024
"""Bytes: a parser that asks for a picture of a gibibyte has it in memory, and should not have it twice."""
TOO_MUCH_MEMORY = "reading it takes more memory than a source may"

Item = Section | Picture | MemberItem
"""What is found in a document, in order."""

Extract = Callable[[BinaryIO, str], Iterator[Item]]
"""Reads what people read or see in a seekable stream of this content type, and what files it holds. Raises Partial."""


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of document.

    name: short and stable, recorded with every source.
    version: of the extractor; another one whenever the same bytes may give other sections.
    content_types: media types, in lower case, that it is for; one such as `+xml` stands for all that end so.
    extractor: `package.module:function`, an `Extract`; imported when a source of this format comes, and its libraries with it.
    libraries: the distributions that decide what is read; their versions are recorded.
    priority: of several that handle a type the greatest is taken; our own have 0.
    reads_text: whether the bytes are text, so that its encoding is found out and named in the content type, unless it is UTF-8.
    sizes: of the chunks of the bytes.
    has_members: whether it may hold files, which become sources of their own.
    in_child: whether the extractor runs in a process of its own, with limits of time and memory: for parsers that are native, or may hang.
    name_says_something: whether the words in the name of a file are found, too: of a picture they may be all that there are.
    """

    name: str
    version: str
    content_types: tuple[str, ...]
    extractor: str
    libraries: tuple[str, ...] = ()
    priority: int = 0
    reads_text: bool = False
    sizes: ChunkSizes = SIZES_OF_ANYTHING
    in_child: bool = False
    has_members: bool = False
    name_says_something: bool = False

    def atomizer(self, unit: TextUnit) -> Atomizer:
        """Return what atomizes documents of this format."""
        return DocumentAtomizer(self, unit)


def extract_here(format_: Format, stream: BinaryIO, content_type: str) -> Iterator[Item]:
    """Run the extractor of a format in this process.

    Raises ImportError where it is not there, and Partial for whatever goes wrong in it: files are damaged in more ways than a parser
    foresees. What the stream itself raises is not the document's fault, and stays as it is.
    """
    module, _, name = format_.extractor.partition(":")
    extract: Extract = getattr(import_module(module), name)
    watched = _WatchedStream(stream)
    item: Item | None = None
    try:
        for item in extract(cast(BinaryIO, io.BufferedReader(watched)), content_type):
            yield item
    except MemoryError as problem:
        yield from lost_within(item, TOO_MUCH_MEMORY)
        raise Partial(TOO_MUCH_MEMORY) from problem
    except Exception as problem:
        if watched.failure is not None:
            raise watched.failure from problem
        if isinstance(problem, Partial):
            raise
        reason = f"it is damaged, or of a kind that is not read: {describe(problem)}"
        yield from lost_within(item, reason)
        raise Partial(reason) from problem
    if watched.failure is not None:  # an extractor took it for damage, and went on
        raise watched.failure


ALONE = Context(extract_here, NoMembers())
"""Of an atomizer that nobody lends anything."""


class _WatchedStream(io.RawIOBase):
    """A stream that remembers what reading it raised: a parser may raise something else in turn."""

    def __init__(self, stream: BinaryIO) -> None:
        self.failure: OSError | None = None
        self._stream = stream

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            data = self._stream.read(min(len(buffer), _MOST_AT_ONCE))
        except OSError as problem:
            self.failure = problem
            raise
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()


class DocumentAtomizer:
    """Documents of one format: first the chunks that are its bytes, then the passages of its sections."""

    gives_text = True

    def __init__(self, format_: Format, unit: TextUnit) -> None:
        self.format = format_
        self._unit: TextUnit = unit
        self._chunks = ChunkAtomizer(format_.sizes)

    @property
    def name(self) -> str:
        """The name of the format."""
        return self.format.name

    @property
    def has_members(self) -> bool:
        """Whether documents of the format may hold files."""
        return self.format.has_members

    @property
    def reads_text(self) -> bool:
        """Whether its bytes are text in some encoding."""
        return self.format.reads_text

    @cached_property
    def version(self) -> str:
        """Those of the extractor, of its libraries, and of what cuts bytes and text."""
        own = "+".join((self.format.version, *(f"{each}-{installed_version(each)}" for each in self.format.libraries)))
        return f"{own} of chunks {self._chunks.version} and text {TextAtomizer(self._unit).version}"

    def handles(self, content_type: str) -> bool:
        """True for the media types of the format; where they are text, in UTF-8 or in a charset that is read."""
        kind, kinds = media_type(content_type), self.format.content_types
        is_of_it = kind in kinds or any(kind.endswith(each) for each in kinds if each.startswith("+"))
        return is_of_it and (not self.format.reads_text or text_is_read(content_type))

    def atomize(
        self,
        stream: BinaryIO,
        content_type: str = "application/octet-stream",
        context: Context | None = None,
    ) -> Iterator[Atom]:
        """Yield the chunks, and after the last of them what was read; files within go to the context. Raises Partial, after all chunks."""
        context = context or ALONE
        yield from self._chunks.atomize(stream, content_type)
        stream.seek(0)
        if self.format.name_says_something and (words := words_of_name(context.name)):
            yield from derived_atoms([Section(words, {"part": "name"})], self._unit)
        items = context.extract(self.format, stream, content_type)
        yield from derived_atoms(_sections(items, context.members), self._unit)
        context.members.finish()


def installed_version(library: str) -> str:
    """Return the version of a distribution; where an extra was not installed, the file is read once it is."""
    try:
        return version(library)
    except PackageNotFoundError:
        return NOT_INSTALLED


def _sections(items: Iterator[Item], members: MemberTaker) -> Iterator[Section | Picture]:
    for item in items:
        if isinstance(item, Section | Picture):
            yield item
        else:
            members.take(item)
