"""Tables of rows, in text: batches of whole rows are the bytes, and what each row says is derived of them, with its place."""

import codecs
from collections.abc import Callable, Iterator
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, BinaryIO, cast

from hartonomous_core.atomizers.charset_names import charset_parameter, codec_of, is_utf8, media_type, text_is_read
from hartonomous_core.atomizers.chunks import SIZES_OF_TEXT, ChunkAtomizer
from hartonomous_core.atomizers.cutting import PASSAGE_LIMITS, weight
from hartonomous_core.atomizers.encoded_text import EncodedTextAtomizer
from hartonomous_core.atomizers.protocol import Atom, Context
from hartonomous_core.atomizers.sections import Partial
from hartonomous_core.atomizers.text import TextAtomizer, pieces
from hartonomous_core.atomizers.text_stream import Text
from hartonomous_core.vocabulary import TextUnit

if TYPE_CHECKING:  # imported with the first table: commands ask atomizers what they handle, and cut nothing
    from hartonomous_core.atomizers.rows.row_blocks import RowReader

HEAD_BYTES = 64 * 1024
"""By so much of a file its delimiter, the names of its columns and its structure are found out."""
_SHORT = PASSAGE_LIMITS.most // 6
"""Characters: in any script they are no more than a passage."""
Open = Callable[[bytes, bool, str], "RowReader | None"]
"""Takes the head of a file in UTF-8, whether that is all of it, and its content type; returns what reads it, None where it is only text."""


class RowAtomizer:
    """Tables of these types. The bytes are batches of rows where they are UTF-8, else chunks.

    `opener` names an `Open`, as `package.module:function`; what it does not take is atomized as text.
    """

    reads_text = True
    gives_text = True
    has_members = False

    def __init__(self, name: str, content_types: tuple[str, ...], opener: str, unit: TextUnit) -> None:
        self.name = name
        self._content_types = content_types
        self._opener = opener
        self._unit: TextUnit = unit
        self._kind = f"text/{unit}"
        self._chunks = ChunkAtomizer(SIZES_OF_TEXT)
        self._text = TextAtomizer(unit)
        self._encoded_text = EncodedTextAtomizer(self._chunks, self._text)

    @cached_property
    def version(self) -> str:
        """Own version, and those of what cuts bytes and text."""
        return f"2 of {self._chunks.name} {self._chunks.version} and {self._text.name} {self._text.version}"

    def handles(self, content_type: str) -> bool:
        """True for these types, in UTF-8 or in a charset that is read."""
        return media_type(content_type) in self._content_types and text_is_read(content_type)

    def atomize(self, stream: BinaryIO, content_type: str, context: Context | None = None) -> Iterator[Atom]:
        """Yield batches of rows, and what the rows say. Raises Partial, after all bytes, where some of it is read as plain text."""
        charset = charset_parameter(content_type)
        if charset is None or is_utf8(charset):
            if reader := self._reader(stream, content_type):
                stream.seek(0)
                yield from self._rows(reader, stream, media_type(content_type))
            else:
                stream.seek(0)
                yield from self._text.atomize(stream, content_type)
            return
        reader = self._reader(_as_utf8(stream, charset), content_type)
        stream.seek(0)
        if reader is None:
            yield from self._encoded_text.atomize(stream, content_type)
        else:
            yield from self._chunks.atomize(stream, content_type)
            stream.seek(0)
            yield from self._rows(reader, _as_utf8(stream, charset), None)

    def _reader(self, stream: BinaryIO, content_type: str) -> "RowReader | None":
        module, _, name = self._opener.partition(":")
        open_: Open = getattr(import_module(module), name)
        head = b""
        while len(head) <= HEAD_BYTES and (data := stream.read(HEAD_BYTES + 1 - len(head))):
            head += data
        return open_(head[:HEAD_BYTES], len(head) <= HEAD_BYTES, content_type)

    def _rows(self, reader: "RowReader", stream: BinaryIO, content_type: str | None) -> Iterator[Atom]:
        """Yield what the rows say, and batches of them unless their content type is None."""
        from hartonomous_core.atomizers.rows.row_batches import RowBatches
        from hartonomous_core.atomizers.rows.row_groups import RowGroups

        batches = RowBatches()
        groups = RowGroups(has_offsets=content_type is not None)
        for block in reader.blocks(stream):
            if content_type is not None:
                for batch in batches.add(block.data, block.ends):
                    yield Atom(batch, b"", "binary", "rows", content_type, None)
            for text, locator in groups.add(reader.texts(block)):
                if len(text) <= _SHORT and text.isascii():  # as most rows are: nothing is to be looked at
                    yield Atom(text.encode(), b"", "text", self._unit, self._kind, text, "derived", locator)
                else:
                    yield from self._passages(text, locator)
        if content_type is not None:
            for batch in batches.finish():
                yield Atom(batch, b"", "binary", "rows", content_type, None)
        for text, locator in groups.finish():
            yield from self._passages(text, locator)
        if reader.broken.count:
            raise Partial(str(reader.broken))

    def _passages(self, text: str, locator: dict[str, object]) -> Iterator[Atom]:
        try:
            coded = text.encode()
        except UnicodeEncodeError:  # JSON may hold a half of a pair of surrogates, which no encoding has
            coded = text.encode("utf-8", "replace")
            text = coded.decode()
        kind = self._kind
        if len(text) <= _SHORT or weight(text) <= PASSAGE_LIMITS.most:
            yield Atom(coded, b"", "text", self._unit, kind, text, "derived", locator)
            return
        for content, _ in pieces(Text(text), self._unit):
            if content:
                yield Atom(content.encode(), b"", "text", self._unit, kind, content, "derived", locator)


def _as_utf8(stream: BinaryIO, charset: str) -> BinaryIO:
    return cast(BinaryIO, _Utf8(stream, charset))


class _Utf8:
    """A stream of text in some charset, as one of UTF-8."""

    def __init__(self, stream: BinaryIO, charset: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(codec_of(charset) or charset)("replace")

    def read(self, size: int) -> bytes:
        """Return some bytes, none at the end."""
        while True:
            data = self._stream.read(size)
            text = self._decoder.decode(data, not data)
            if text or not data:
                return text.encode()
