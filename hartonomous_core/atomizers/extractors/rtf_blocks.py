"""Reads Rich Text into blocks: paragraphs, rows of tables, and what is beside the text, each with its level as a heading."""

import re
from codecs import lookup
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from hartonomous_core.atomizers.sections import Partial

LONGEST_BLOCK = 1024 * 1024
"""Characters of a paragraph, or of a row of a table."""
MOST_DEPTH = 2000
MOST_FONTS = 10_000
_READ_BYTES = 64 * 1024
_LONGEST_TOKEN = 64
_TOKEN = re.compile(
    rb"\\([A-Za-z]{1,32})(-?\d{1,10})? ?|\\'([0-9A-Fa-f]{2})|\\(.)?|([{}])|([^\\{}\r\n]+)|[\r\n]+", re.DOTALL
)
_SKIPPED = {
    "fldinst", "stylesheet", "colortbl", "pict", "objdata", "listtext", "pntext", "nonshppict", "sn", "sv", "bkmkstart", "bkmkend", "xe", "tc",
    "private", "comment", "filetbl", "revtbl", "atnid", "atnauthor",
}  # fmt: skip
_READ_THOUGH_STARRED = {"shpinst", "shptxt", "annotation", "footnote"}
_BESIDE = {
    "footnote": "footnote", "annotation": "comment", "header": "header", "headerl": "header", "headerr": "header", "headerf": "header",
    "footer": "footer", "footerl": "footer", "footerr": "footer", "footerf": "footer",
}  # fmt: skip
_OF_THE_TITLE = {"title", "subject", "keywords", "doccomm"}
_CHARACTERS = {
    "tab": "\t", "line": "\n", "emdash": "—", "endash": "–", "bullet": "•", "lquote": "‘", "rquote": "’", "ldblquote": "“",
    "rdblquote": "”", "emspace": " ", "enspace": " ", "qmspace": " ",
}  # fmt: skip
_SYMBOLS = {b"~": "\xa0", b"_": "\u2011", b"\\": "\\", b"{": "{", b"}": "}", b"\n": None, b"\r": None}
_NOT_READ = {"skipped", "fonts", "info"}
_ENDS = {"par", "sect", "page", "column"}
_CHARSETS = {
    77: "mac_roman", 128: "cp932", 129: "cp949", 130: "johab", 134: "cp936", 136: "cp950", 161: "cp1253", 162: "cp1254", 163: "cp1258",
    177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874", 238: "cp1250",
}  # fmt: skip
_SURROGATE = re.compile("[\ud800-\udfff]")
BODY_TEXT = 9


class _Group(NamedTuple):
    """What holds within a pair of braces, and again behind it. `into` is what its text is for: "", one of
    _NOT_READ, "title", "box", or the part of a locator."""

    into: str = ""
    codec: str = ""
    uc: int = 1
    is_hidden: bool = False
    is_deleted: bool = False


class Block(NamedTuple):
    """A paragraph or a row. level: of a heading, the least of which is the highest, else BODY_TEXT. into: "", or the part of a locator."""

    text: str
    level: int
    is_row: bool
    into: str


class RtfReader:
    """One document. `problems`: what is wrong with it, once all blocks are read."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self._default_codec = "cp1252"
        self._fonts: dict[int, str] = {}
        self._font = 0
        self._group = _Group()
        self._outer: list[_Group] = []
        self._texts: list[list[str]] = [[]]
        self._rows: list[list[str]] = [[]]
        self._bytes = bytearray()
        self._size = self._to_skip = 0
        self._level = BODY_TEXT
        self._is_starred = self._in_table = self._is_ended = False
        self._done: list[Block] = []

    def blocks(self, stream: BinaryIO) -> Iterator[Block]:
        """Yield the paragraphs and rows. Raises Partial for what is not Rich Text."""
        buffer, is_last, binary = b"", False, 0
        if not (head := stream.read(_READ_BYTES)).lstrip().startswith(b"{\\rtf"):
            raise Partial("it does not begin as Rich Text does")
        while not (is_last or self._is_ended):
            block, head = head or stream.read(_READ_BYTES), b""
            is_last = not block
            buffer += block
            at, end = 0, len(buffer) - (0 if is_last else _LONGEST_TOKEN)
            while at < end and not self._is_ended:
                if binary:
                    skipped = min(binary, len(buffer) - at)
                    at, binary = at + skipped, binary - skipped
                    continue
                token = _TOKEN.match(buffer, at)
                if token is None:
                    break
                at = token.end()
                binary = self._take(token)
                if self._done:
                    yield from self._done
                    self._done.clear()
            buffer = buffer[at:]
        if self._outer and not self._is_ended:
            self.problems.append("its end is missing")
        self._outer.clear()
        self._end_block()
        yield from self._done

    def _take(self, token: re.Match[bytes]) -> int:
        """Take what a token says; return how many bytes after it are no text."""
        word, number, coded, symbol, brace, text = token.groups()
        if text is not None:
            self._write_bytes(text)
        elif coded is not None:
            self._write_bytes(bytes((int(coded, 16),)))
        elif brace == b"{":
            self._begin_group()
        elif brace == b"}":
            self._end_group()
        elif symbol is not None:
            if symbol == b"*":
                self._is_starred = True
            elif symbol in _SYMBOLS:
                if (character := _SYMBOLS[symbol]) is None:
                    self._end_block()
                else:
                    self._write(character)
        elif word is not None:
            return self._take_word(word.decode(), None if number is None else int(number))
        return 0

    def _begin_group(self) -> None:
        self._flush()
        self._to_skip = 0
        if len(self._outer) >= MOST_DEPTH:
            self.problems.append(f"its groups are nested more than {MOST_DEPTH:,} deep")
            self._is_ended = True
            return
        self._outer.append(self._group)
        self._is_starred = False

    def _end_group(self) -> None:
        self._flush()
        self._to_skip = 0
        if len(self._outer) == 1:
            self._end_block()
            self._is_ended = True
        if not self._outer:
            return
        ended, self._group = self._group, self._outer.pop()
        if ended.into != self._group.into and ended.into not in _NOT_READ:
            inside, self._group = self._group, ended
            self._end_block()
            self._group = inside
            self._texts.pop()
            self._rows.pop()

    def _take_word(self, word: str, number: int | None) -> int:
        self._flush()
        if word == "bin":
            return max(0, number or 0)
        if self._to_skip:
            self._to_skip -= 1
            return 0
        is_starred, self._is_starred = self._is_starred, False
        group = self._group
        if word in _SKIPPED or (is_starred and word not in _READ_THOUGH_STARRED):
            self._group = group._replace(into="skipped")
        elif group.into == "skipped":
            pass
        elif word == "fonttbl":
            self._group = group._replace(into="fonts")
        elif word == "info":
            self._group = group._replace(into="info")
        elif group.into == "info" and word in _OF_THE_TITLE:
            self._enter("title")
        elif word in _BESIDE and group.into != _BESIDE[word]:
            self._enter(_BESIDE[word])
        elif word == "u" and number is not None:
            self._write(chr(number & 0xFFFF))
            self._to_skip = group.uc
        elif word in _CHARACTERS:
            self._write(_CHARACTERS[word])
        elif word in _ENDS:
            if self._in_table:
                self._write(" ")
            else:
                self._end_block()
        elif word in ("cell", "nestcell"):
            self._rows[-1].append(self._take_text())
        elif word in ("row", "nestrow"):
            self._end_row()
        else:
            self._take_property(word, number)
        return 0

    def _take_property(self, word: str, number: int | None) -> None:
        group = self._group
        if word == "uc":
            self._group = group._replace(uc=max(0, min(number or 0, 10)))
        elif word == "f":
            self._font = number or 0
            self._group = group._replace(codec=self._fonts.get(self._font, ""))
        elif word == "fcharset" and group.into == "fonts" and len(self._fonts) < MOST_FONTS:
            self._fonts[self._font] = _CHARSETS.get(number or 0, "")
        elif word == "ansicpg":
            self._default_codec = _known_codec(f"cp{number}")
        elif word in ("mac", "pc", "pca"):
            self._default_codec = {"mac": "mac_roman", "pc": "cp437", "pca": "cp850"}[word]
        elif word == "v":
            self._group = group._replace(is_hidden=number != 0)
        elif word == "deleted":
            self._group = group._replace(is_deleted=number != 0)
        elif word == "plain":
            self._group = group._replace(is_hidden=False, is_deleted=False, codec="")
        elif word == "pard":
            self._level, self._in_table = BODY_TEXT, False
        elif word == "intbl":
            self._in_table = True
        elif word == "outlinelevel":
            self._level = min(max(0, number or 0), BODY_TEXT)
        elif word == "shptxt":
            self._enter("box")

    def _enter(self, into: str) -> None:
        """Begin a text of its own within this group."""
        self._group = self._group._replace(into=into, is_hidden=False, is_deleted=False)
        self._texts.append([])
        self._rows.append([])

    def _write_bytes(self, data: bytes) -> None:
        if self._to_skip:
            skipped = min(self._to_skip, len(data))
            self._to_skip -= skipped
            data = data[skipped:]
        if self._is_read():
            self._bytes += data
            if len(self._bytes) > LONGEST_BLOCK:
                self._flush()

    def _write(self, text: str) -> None:
        self._flush()
        if self._is_read():
            self._size += len(text)
            if self._size <= LONGEST_BLOCK:
                self._texts[-1].append(text)
            elif not self.problems:
                self.problems.append(
                    f"a paragraph or row has more than {LONGEST_BLOCK:,} characters, the rest of it is cut off"
                )

    def _is_read(self) -> bool:
        group = self._group
        return not (group.into in _NOT_READ or group.is_hidden or group.is_deleted) and bool(self._outer)

    def _flush(self) -> None:
        if self._bytes:
            data, self._bytes = bytes(self._bytes), bytearray()
            self._write(data.decode(self._group.codec or self._default_codec, "replace"))

    def _take_text(self) -> str:
        text = "".join(self._texts[-1]).strip()
        self._texts[-1].clear()
        self._size += 1
        if _SURROGATE.search(text):
            text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return text

    def _end_row(self) -> None:
        cells, self._rows[-1] = self._rows[-1], []
        if text := " | ".join([*cells, self._take_text()]).strip(" |"):
            self._done.append(Block(text, BODY_TEXT, True, self._into()))
            self._size = 0

    def _end_block(self) -> None:
        self._flush()
        if self._rows[-1]:
            self._end_row()
        elif text := self._take_text():
            self._done.append(Block(text, BODY_TEXT if self._group.into else self._level, False, self._into()))
            self._size = 0

    def _into(self) -> str:
        return "" if self._group.into == "box" else self._group.into


def _known_codec(name: str) -> str:
    """Return the codec, or that of Western Europe where there is no such."""
    try:
        return lookup(name).name
    except LookupError:
        return "cp1252"
