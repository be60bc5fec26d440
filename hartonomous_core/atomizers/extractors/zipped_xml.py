"""Reads the XML members of a zip, as Office Open XML and OpenDocument files are: streamed, within limits, by what is there and not by what
is declared.
"""

import posixpath
import re
import zlib
from collections.abc import Iterator, Mapping
from typing import BinaryIO, NamedTuple, cast
from xml.parsers.expat import ExpatError
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from hartonomous_core.atomizers.extractors.xml_reader import READ_BYTES, XmlReader
from hartonomous_core.atomizers.extractors.zip_archive import DAMAGED_DIRECTORY
from hartonomous_core.atomizers.members import MemberItem, describe, member_items
from hartonomous_core.atomizers.sections import Partial

MOST_BYTES = 1024 * 1024 * 1024
"""Of all members that are read, unpacked."""
MOST_LISTED_BYTES = 4 * 1024 * 1024
"""Of the list of members, and so of what is read of a zip at once: some 40,000 members, which take 30 MB in memory."""
MOST_RATIO = 500
"""Of unpacked to packed bytes; deflate reaches 1,032 with one byte over and over, and tables about 50."""
_BYTES_WITHOUT_RATIO = 4 * 1024 * 1024
MOST_RELATIONSHIPS = 100_000
_DAMAGE = (BadZipFile, zlib.error, EOFError, NotImplementedError, ExpatError, Partial)
_IS_ENCRYPTED = 0x1

START, END, TEXT = "start", "end", "text"


class Event(NamedTuple):
    """The start of an element with its attributes, its end, or text.

    name: of the element, without its prefix; of TEXT the text itself.
    attributes: by names without prefix; of two that differ in the prefix alone, the one that has one.
    """

    kind: str
    name: str
    attributes: dict[str, str]


class Relationship(NamedTuple):
    """What a part says about another one: `kind` is the last word of its type, `target` the name of the member."""

    id: str
    kind: str
    target: str


class ZippedXml:
    """A zip whose members are read one by one. What is wrong with one is kept in `problems`, and the others are read."""

    def __init__(self, stream: BinaryIO) -> None:
        try:
            self._zip = ZipFile(cast(BinaryIO, _LimitedStream(stream)))
        except DAMAGED_DIRECTORY as problem:
            raise Partial(
                f"the list of its members, at its end, is missing or damaged, so none is read: {describe(problem)}"
            ) from problem
        self.problems: list[str] = []
        self._bytes_left = MOST_BYTES

    def __contains__(self, member: str) -> bool:
        return member in self._zip.NameToInfo

    def members(self, pattern: str) -> list[str]:
        """Return the names of the members that match a whole regular expression, sorted by the numbers in them."""
        names = (name for name in self._zip.NameToInfo if re.fullmatch(pattern, name))
        return sorted(names, key=lambda name: [part.zfill(9) for part in re.split(r"(\d+)", name)])

    def read(self, member: str, most: int) -> bytes:
        """Return a member of at most so many bytes; empty where it is not there, is longer, or cannot be read."""
        data = b""
        try:
            for block in self._blocks(member):
                data += block
                if len(data) > most:
                    return b""
        except _DAMAGE:
            return b""
        return data

    def events(self, member: str, skip: frozenset[str] = frozenset()) -> Iterator[Event]:
        """Yield what is in a member, without the elements named in `skip` and all in them; stop, with a problem, where it is damaged."""
        try:
            yield from self._events(member, skip)
        except _DAMAGE as problem:
            self.leave_out(
                f"{member} is read in part: {problem if isinstance(problem, Partial) else describe(problem)}"
            )

    def files(self, pattern: str, places: Mapping[str, Mapping[str, object]]) -> Iterator[MemberItem]:
        """Yield the members that match, such as pictures, as they are; `places` are their locators."""
        for member in self.members(pattern):
            yield from member_items(member, self._blocks(member), _DAMAGE, places.get(member))

    def leave_out(self, problem: str) -> None:
        """Keep what could not be read, and why."""
        if problem not in self.problems:
            self.problems.append(problem)

    def report(self) -> None:
        """Raise Partial if anything could not be read."""
        if self.problems:
            more = len(self.problems) - 3
            raise Partial("; ".join(self.problems[:3]) + (f"; and {more:,} more" if more > 0 else ""))

    def relationships(self, part: str) -> list[Relationship]:
        """Return those of a part, or with "" of the whole, to other members. Not those to the outside."""
        folder, name = posixpath.split(part)
        found: list[Relationship] = []
        member = posixpath.join(folder, "_rels", f"{name}.rels")
        for event in self.events(member) if member in self else ():
            said = event.attributes
            if event.kind != START or event.name != "Relationship" or said.get("TargetMode") == "External":
                continue
            if len(found) == MOST_RELATIONSHIPS:
                self.leave_out(f"{part} has more than {MOST_RELATIONSHIPS:,} relationships")
                break
            target = posixpath.normpath(posixpath.join("/", folder, said.get("Target", ""))).lstrip("/")
            found.append(Relationship(said.get("Id", ""), said.get("Type", "").rpartition("/")[2], target))
        return found

    def _blocks(self, member: str) -> Iterator[bytes]:
        info = self._zip.NameToInfo.get(member)
        if info is None:
            raise Partial("it is not there")
        _refuse(info)
        size = 0
        try:
            opened = self._zip.open(info)
        except UnicodeDecodeError as problem:
            raise Partial("its name, where it lies, is not in the encoding that it is said to be in") from problem
        with opened:
            while block := opened.read(READ_BYTES):
                size += len(block)
                self._bytes_left -= len(block)
                if self._bytes_left < 0:
                    raise Partial(f"all that is read unpacks to more than {MOST_BYTES:,} bytes")
                if size > max(_BYTES_WITHOUT_RATIO, MOST_RATIO * info.compress_size):
                    raise Partial(f"it unpacks to more than {MOST_RATIO} times its size")
                yield block

    def _events(self, member: str, skip: frozenset[str]) -> Iterator[Event]:
        reader = _EventReader(skip)
        for block in self._blocks(member):
            yield from reader.read(block)
            if reader.problem:
                raise reader.problem
        yield from reader.read(b"", is_last=True)
        if reader.problem:
            raise reader.problem


def _refuse(info: ZipInfo) -> None:
    if info.flag_bits & _IS_ENCRYPTED:
        raise Partial("it is encrypted")
    if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise Partial("it is packed in a way that such files do not use")
    if info.header_offset < 0:
        raise Partial("the list of members says that it lies where nothing is")


class _LimitedStream:
    """A stream of which no more is read at once than a list of members may take: the zip says itself how long that is."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.seek, self.tell, self.seekable, self.close = stream.seek, stream.tell, stream.seekable, stream.close

    def read(self, size: int = -1) -> bytes:
        """Raises BadZipFile."""
        data = self._stream.read(MOST_LISTED_BYTES + 1 if size < 0 else min(size, MOST_LISTED_BYTES + 1))
        if len(data) > MOST_LISTED_BYTES:
            raise BadZipFile(f"the list of members is longer than {MOST_LISTED_BYTES:,} bytes")
        return data


_NONE: dict[str, str] = {}


class _EventReader(XmlReader):
    """What is found, as events. Without a document type there are no entities but those of XML itself."""

    def __init__(self, skip: frozenset[str]) -> None:
        super().__init__()
        self.parser.StartDoctypeDeclHandler = self._refuse_document_type
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self._skip = skip
        self._events: list[Event] = []
        self._skipped_depth = 0

    def read(self, block: bytes, *, is_last: bool = False) -> list[Event]:
        """Return the events of the next bytes."""
        events = self._events = list[Event]()
        self.feed(block, is_last=is_last)
        return events

    def _refuse_document_type(self, *declared: object) -> None:
        raise Partial("it declares a document type, which such files do not, and entities might come with it")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.enter()
        name = self.local_names[name]
        if self._skipped_depth:
            return
        if name in self._skip:
            self._skipped_depth = self.depth
            return
        self._events.append(Event(START, name, self._without_prefixes(attributes) if attributes else _NONE))

    def _without_prefixes(self, attributes: dict[str, str]) -> dict[str, str]:
        names = self.local_names
        local = {names[name]: value for name, value in attributes.items()}
        if len(local) < len(attributes):
            local.update({names[name]: value for name, value in attributes.items() if ":" in name})
        return local

    def _end(self, name: str) -> None:
        if not self._skipped_depth:
            self._events.append(Event(END, self.local_names[name], _NONE))
        elif self._skipped_depth == self.depth:
            self._skipped_depth = 0
        self.depth -= 1

    def _text(self, text: str) -> None:
        if not self._skipped_depth:
            self._events.append(Event(TEXT, text, _NONE))


def whole_number(text: str | None, otherwise: int = 0) -> int:
    """Return a number that is written in at most nine digits, else the other one."""
    return int(text) if text and len(text) <= 9 and text.isascii() and text.isdecimal() else otherwise
