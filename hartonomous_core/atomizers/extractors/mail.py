"""What people read in mail: the headers once, the texts of its parts in order, what they quote once, and what is attached, each a file of its own.

A mailbox (mbox) is read message by message; no more than one is in memory.
"""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from email.errors import (
    CloseBoundaryNotFoundDefect,
    InvalidBase64CharactersDefect,
    InvalidBase64LengthDefect,
    InvalidBase64PaddingDefect,
    MessageDefect,
    NoBoundaryInMultipartDefect,
    StartBoundaryNotFoundDefect,
)
from email.message import Message
from email.parser import BytesFeedParser, BytesParser
from email.policy import EmailPolicy
from io import BytesIO
from typing import Any, BinaryIO, TypeAlias, cast

from hartonomous_core.atomizers.charset_names import codec_of, media_type
from hartonomous_core.atomizers.document_atomizer import Item
from hartonomous_core.atomizers.extractors import html
from hartonomous_core.atomizers.extractors.quoted_text import Quotes
from hartonomous_core.atomizers.members import Member, MemberItem, MemberLost, describe
from hartonomous_core.atomizers.sections import Partial, Section

MOST_MESSAGE_BYTES = 32 * 1024 * 1024
"""Of a message; reading it takes some four times as much memory. Texts stand before attachments, which are what is long."""
MOST_TEXT = 4 * 1024 * 1024
"""Characters of the text of a part."""
MOST_PARTS = 1000
MOST_BOUNDARIES = 50_000
"""Lines that may begin a part; Python's parser takes some 80 microseconds for each that does."""
MOST_ATTACHMENTS = 10_000
DEEPEST = 20
"""Of parts within parts, and of messages within messages."""
LONGEST_HEADER = 8192
"""Characters of one; the time that Python's parser takes for addresses grows with the square of it."""
_HEADERS = ("Subject", "From", "To", "Cc", "Date")
_SEPARATOR = re.compile(rb"From \S.*\d\d?:\d\d")
"""The line before each message of a mailbox: its sender, and the time at which it came."""
_ESCAPED = re.compile(rb">+From ")
_BLOCK_BYTES = 256 * 1024
_Blocks: TypeAlias = deque[bytearray] | deque[bytes]
"""A message, whose blocks are let go of while it is parsed."""
_LONGEST_LINE = 64 * 1024


def extract(stream: BinaryIO, content_type: str) -> Iterator[Item]:
    """Yield the headers of each message, the texts in it, the names of its attachments, and these.

    The locators: {"part": "headers"}, {"part": "text/plain"} or another type, {"part": "links"}, {"part": "attachments"}; of a mailbox with
    {"message": its number, from 1}; of a message that is attached to another with {"attached": [the subjects of those on the way to it]};
    of what is quoted with {"quoted": true}. Raises Partial where some of it could not be read.
    """
    reading = _Reading()
    if media_type(content_type) == "application/mbox":
        for number, (blocks, is_whole) in enumerate(_messages(stream), 1):
            yield from reading.message(blocks, is_whole, {"message": number})
    else:
        blocks, left = deque[bytes](), MOST_MESSAGE_BYTES
        while block := stream.read(min(left, _BLOCK_BYTES)):
            blocks.append(block)
            left -= len(block)
        yield from reading.message(blocks, not stream.read(1), {})
    reading.raise_problems()


def _messages(stream: BinaryIO) -> Iterator[tuple[_Blocks, bool]]:
    """Yield the messages of a mailbox, and whether that is all of it, with lines that were escaped as they were sent."""
    message, size, is_after_blank, begins_line = _no_message(), 0, True, True
    while line := stream.readline(_LONGEST_LINE):
        if begins_line and is_after_blank and _SEPARATOR.match(line):
            yield from _message(message, size)
            message, size = _no_message(), 0
        else:
            size += len(line)
            if size <= MOST_MESSAGE_BYTES:
                if len(message[-1]) >= _BLOCK_BYTES:
                    message.append(bytearray())
                message[-1] += line[1:] if begins_line and _ESCAPED.match(line) else line
        is_after_blank = begins_line and not line.strip()
        begins_line = line.endswith(b"\n")
    yield from _message(message, size)


def _no_message() -> deque[bytearray]:
    return deque([bytearray()])


def _message(blocks: deque[bytearray], size: int) -> Iterator[tuple[_Blocks, bool]]:
    """Yield a message, if it is one, without the blank line that separates it from the next."""
    if blocks[-1] == b"\n" or blocks[-1].endswith(b"\n\n"):
        del blocks[-1][-1:]
    if any(block.strip() for block in blocks):
        yield blocks, size <= MOST_MESSAGE_BYTES


class _Policy(EmailPolicy):
    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        return name, value[:LONGEST_HEADER]

    def header_fetch_parse(self, name: str, value: str) -> str:
        try:
            return cast(str, super().header_fetch_parse(name, value))
        except Exception:  # noqa: BLE001 - IndexError, AttributeError and others, all of them faults of the parser; then it is as it was sent
            return _one_line(value)


_POLICY = _Policy()
_BASE64_DEFECTS = InvalidBase64LengthDefect, InvalidBase64CharactersDefect, InvalidBase64PaddingDefect
_DEFECTS: dict[type[MessageDefect], str] = {
    InvalidBase64LengthDefect: "a text in it is no base64, as which it was sent",
    InvalidBase64CharactersDefect: "a text in it is damaged: it is not all base64",
    InvalidBase64PaddingDefect: "a text in it is damaged: its base64 has no end",
    NoBoundaryInMultipartDefect: "it does not say what is between its parts",
    StartBoundaryNotFoundDefect: "what should be between its parts is not there",
    CloseBoundaryNotFoundDefect: "it ends within a part",
}
_Locator = dict[str, Any]
_Message: TypeAlias = "Message[str, str]"


class _Reading:
    """One source: what it quotes is remembered, and what went wrong."""

    def __init__(self) -> None:
        self._quotes = Quotes()
        self._where = ""
        self._parts = 0
        self._attachments = 0
        self._problem = ""
        self._problems = 0

    def raise_problems(self) -> None:
        """Raise Partial where there were any: what was met first, and how much more."""
        if self._problem:
            more = f", and {self._problems - 1:,} more" if self._problems > 1 else ""
            raise Partial(self._problem + more)

    def message(self, blocks: _Blocks, is_whole: bool, locator: _Locator) -> Iterator[Item]:
        """Yield what is in a message, of which there may be more. What is wrong with it costs no other."""
        self._where = f"message {locator['message']}: " if locator else ""
        self._parts = 0
        if not is_whole:
            self._add_problem(f"only its first {MOST_MESSAGE_BYTES:,} bytes were read for search")
        try:
            message = self._parsed(blocks)
            for item in self._items(message, locator, 0):
                yield from self._without_repeated(item)
        except MemoryError:
            raise
        except Exception as problem:  # noqa: BLE001 - Python's parser raises many kinds, and the next message may be sound
            self._add_problem(f"it is damaged: {describe(problem)}")

    def _parsed(self, blocks: _Blocks) -> _Message:
        begin = bytes(blocks[0]) if blocks else b""
        if sum(block.count(b"\n--") for block in blocks) <= MOST_BOUNDARIES:
            parser = BytesFeedParser(policy=_POLICY)
            try:
                while blocks:
                    parser.feed(bytes(blocks.popleft()))
                return parser.close()
            except RecursionError:
                self._add_problem("its parts are nested too deeply")
        else:
            self._add_problem("it has too many parts")
        message = BytesParser(policy=_POLICY).parsebytes(begin, headersonly=True)
        message.set_payload("")
        return message

    def _add_problem(self, problem: str) -> None:
        self._problem = self._problem or self._where + problem
        self._problems += 1

    def _items(self, message: _Message, locator: _Locator, depth: int) -> Iterator[Item]:
        headers = [f"{name}: {value}" for name in _HEADERS if (value := _one_line(str(message.get(name, ""))))]
        if headers:
            yield Section("\n".join(headers), {**locator, "part": "headers"})
        attachments: list[_Message] = []
        yield from self._part(message, locator, attachments, depth)
        if attachments:
            names = (f"{_name(part) or 'without a name'} ({part.get_content_type()})" for part in attachments)
            yield Section("\n".join(names), {**locator, "part": "attachments"})
        for part in attachments:
            yield from self._attachment(part, locator)

    def _attachment(self, part: _Message, locator: _Locator) -> Iterator[MemberItem]:
        name = _name(part)
        if not name:
            return  # a signature, or a picture of a page
        self._attachments += 1
        if self._attachments > MOST_ATTACHMENTS:
            if self._attachments == MOST_ATTACHMENTS + 1:
                self._add_problem(f"only the first {MOST_ATTACHMENTS:,} attachments were taken in")
            return
        yield Member(f"{locator['message']}/{name}" if locator.get("message") else name)
        data = cast(bytes, part.get_payload(decode=True))
        for start in range(0, len(data), _BLOCK_BYTES):
            yield data[start : start + _BLOCK_BYTES]
        if any(isinstance(defect, _BASE64_DEFECTS) for defect in part.defects):
            yield MemberLost("it is not the base64 as which it was sent")

    def _part(self, part: _Message, locator: _Locator, attachments: list[_Message], depth: int) -> Iterator[Item]:
        self._parts += 1
        if self._parts > MOST_PARTS or depth > DEEPEST:
            if self._parts <= MOST_PARTS + 1:
                self._add_problem(f"it has more than {MOST_PARTS:,} parts, or parts nested more than {DEEPEST} deep")
            return
        kind = part.get_content_type()
        if kind == "multipart/encrypted" or "enveloped" in str(part.get_param("smime-type", "")):
            self._add_problem("it is encrypted")
        elif not part.is_multipart():
            if _name(part) or not kind.startswith(("text/", "multipart/")):
                attachments.append(part)
            else:
                yield from self._text(part, kind, locator)
        elif kind == "message/rfc822":
            message = _children(part)[0]
            subject = _one_line(str(message.get("Subject", ""))) or "without a subject"
            yield from self._items(message, {**locator, "attached": [*locator.get("attached", ()), subject]}, depth + 1)
        elif kind == "multipart/alternative":
            yield from self._alternative(part, locator, attachments, depth)
        else:
            for each in _children(part):
                yield from self._part(each, locator, attachments, depth + 1)
        self._look_at_defects(part.defects)

    def _alternative(
        self, part: _Message, locator: _Locator, attachments: list[_Message], depth: int
    ) -> Iterator[Item]:
        """Yield the first of the parts that say the same, unless another one says more than twice as much."""
        said = [list(self._part(each, locator, attachments, depth + 1)) for each in _children(part)]
        sizes = [sum(len(item.text) for item in items if isinstance(item, Section)) for items in said]
        yield from next(items for items, size in zip(said, sizes, strict=True) if 2 * size >= max(sizes))

    def _text(self, part: _Message, kind: str, locator: _Locator) -> Iterator[Section]:
        text = self._decoded(cast(bytes, part.get_payload(decode=True)), part.get_content_charset() or "utf-8")
        if any(isinstance(defect, InvalidBase64LengthDefect) for defect in part.defects):
            return  # what comes is not decoded
        if len(text) > MOST_TEXT:
            self._add_problem(f"of a text in it only the first {MOST_TEXT:,} characters were read for search")
        text = text[:MOST_TEXT].replace("\r\n", "\n")
        if text.lstrip().startswith("-----BEGIN PGP MESSAGE-----"):
            self._add_problem("it is encrypted")
            return
        if kind != "text/html":
            if text.strip():
                yield Section(
                    text, {**locator, "part": "text/plain" if part.get_content_maintype() == "multipart" else kind}
                )
            return
        try:
            for section in html.extract(BytesIO(text.encode(errors="replace")), "text/html; charset=utf-8"):
                if section.locator != {"part": "title"}:  # it repeats the subject
                    yield replace(section, locator={**locator, "part": kind, **(section.locator or {})})
        except Partial as problem:
            self._add_problem(str(problem))

    def _decoded(self, data: bytes, charset: str) -> str:
        for codec in (codec_of(charset), "utf-8"):
            if codec:
                try:
                    return data.decode(codec)
                except UnicodeDecodeError:
                    continue
        self._add_problem(f"a text in it is not in the encoding that it names, {charset[:40]}")
        return data.decode(codec_of(charset) or "cp1252", "replace")

    def _look_at_defects(self, defects: list[MessageDefect]) -> None:
        for defect in defects:
            if words := next((words for kind, words in _DEFECTS.items() if isinstance(defect, kind)), None):
                self._add_problem(words)

    def _without_repeated(self, item: Item) -> Iterator[Item]:
        locator = item.locator if isinstance(item, Section) and item.locator else {}
        if not isinstance(item, Section) or not str(locator.get("part", "")).startswith("text/"):
            yield item
            return
        for text, is_quoted in self._quotes.split(item.text):
            yield replace(item, text=text, locator={**locator, "quoted": True} if is_quoted else locator)


def _name(part: _Message) -> str:
    return _one_line(part.get_filename() or "")


def _children(part: _Message) -> list[_Message]:
    return cast(list[_Message], part.get_payload())


def _one_line(text: str) -> str:
    return " ".join(text.split())
