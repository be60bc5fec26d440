"""Tables of rows, in text: batches of whole rows are the bytes, and what each row says is derived of them, with its place: at once, or later."""

import codecs
import io
from bisect import bisect_left
from collections.abc import Callable, Iterator
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, BinaryIO, cast

from hartonomous_core.atomizers.charset_names import charset_parameter, codec_of, is_utf8, media_type, text_is_read
from hartonomous_core.atomizers.chunks import SIZES_OF_TEXT, ChunkAtomizer
from hartonomous_core.atomizers.cutting import PASSAGE_LIMITS, weight
from hartonomous_core.atomizers.encoded_text import EncodedTextAtomizer
from hartonomous_core.atomizers.protocol import Atom, Context, Unread
from hartonomous_core.atomizers.sections import Partial
from hartonomous_core.atomizers.text import TextAtomizer, pieces
from hartonomous_core.atomizers.text_stream import Text
from hartonomous_core.vocabulary import TextUnit

if TYPE_CHECKING:  # imported with the first table: commands ask atomizers what they handle, and cut nothing
    from hartonomous_core.atomizers.rows.row_batches import Batch
    from hartonomous_core.atomizers.rows.row_blocks import LineReader, RowReader

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
        return f"3 of {self._chunks.name} {self._chunks.version} and {self._text.name} {self._text.version}"

    def handles(self, content_type: str) -> bool:
        """True for these types, in UTF-8 or in a charset that is read."""
        return media_type(content_type) in self._content_types and text_is_read(content_type)

    def atomize(self, stream: BinaryIO, content_type: str, context: Context | None = None) -> Iterator[Atom]:
        """Yield batches of rows, and what the rows say, unless rows that are lines are to be read later: `said_in` then says it.

        Raises Partial, after all bytes, where some of it is read as plain text.
        """
        from hartonomous_core.atomizers.rows.row_blocks import LineReader

        charset = charset_parameter(content_type)
        if charset is None or is_utf8(charset):
            reader = self._reader(stream, content_type)
            stream.seek(0)
            if reader is None:
                yield from self._text.atomize(stream, content_type)
            elif context is not None and context.reads_later and isinstance(reader, LineReader):
                yield from self._unread(reader, stream, media_type(content_type))
            else:
                yield from self._rows(reader, stream, media_type(content_type))
            return
        reader = self._reader(_as_utf8(stream, charset), content_type)
        stream.seek(0)
        if reader is None:
            yield from self._encoded_text.atomize(stream, content_type)
        else:
            yield from self._chunks.atomize(stream, content_type)
            stream.seek(0)
            yield from self._rows(reader, _as_utf8(stream, charset), None)

    def line_reader(self, head: bytes, content_type: str) -> "LineReader | None":
        """Return what reads the rows of a table that begins so, with more than HEAD_BYTES or all of it; None where its rows are no lines."""
        from hartonomous_core.atomizers.rows.row_blocks import LineReader

        reader = self._reader(io.BytesIO(head), content_type)
        return reader if isinstance(reader, LineReader) else None

    def said_in(self, reader: "LineReader | None", batch: bytes, row: int, offset: int) -> Iterator[Atom]:
        """Yield what the rows of a batch say, given the number of the first one and where the batch stands; without a reader, as plain text."""
        from hartonomous_core.atomizers.rows.row_groups import RowGroups

        if reader is None:
            yield from self._passages(batch.decode("utf-8", "replace").strip(), None)
            return
        reader.begin_at(row, offset)
        groups = RowGroups(has_offsets=True)
        for block in reader.blocks(io.BytesIO(batch)):
            for text, locator in groups.add(reader.texts(block)):
                yield from self._passages(text, locator)
        for text, locator in groups.finish():
            yield from self._passages(text, locator)

    def _unread(self, reader: "LineReader", stream: BinaryIO, content_type: str) -> Iterator[Atom]:
        """Yield batches of rows, each with the number of its first row."""
        from hartonomous_core.atomizers.rows.row_batches import RowBatches

        batches = RowBatches()
        count = 0
        pieces: list[int] = []  # which of the rows are only pieces: those before the last of a row that is too long

        def unread(batch: "Batch") -> Atom:
            row = 1 + batch.rows_before - bisect_left(pieces, batch.rows_before)
            return _atom_of(batch, content_type, Unread(row, batch.part))

        for block in reader.blocks(stream):
            reader.check(block)
            pieces += [count + n for n in sorted(block.plain) if block.data[block.ends[n] - 1] not in b"\r\n"]
            count += len(block.ends)
            yield from map(unread, batches.add(block.data, block.ends))
        yield from map(unread, batches.finish())
        if reader.broken.count:
            raise Partial(str(reader.broken))

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
                    yield _atom_of(batch, content_type)
            for text, locator in groups.add(reader.texts(block)):
                if len(text) <= _SHORT and text.isascii():  # as most rows are: nothing is to be looked at
                    yield Atom(text.encode(), b"", "text", self._unit, self._kind, text, "derived", locator)
                else:
                    yield from self._passages(text, locator)
        if content_type is not None:
            for batch in batches.finish():
                yield _atom_of(batch, content_type)
        for text, locator in groups.finish():
            yield from self._passages(text, locator)
        if reader.broken.count:
            raise Partial(str(reader.broken))

    def _passages(self, text: str, locator: dict[str, object] | None) -> Iterator[Atom]:
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


def _atom_of(batch: "Batch", content_type: str, unread: Unread | None = None) -> Atom:
    return Atom(batch.content, b"", "binary", "rows", content_type, None, unread=unread)


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
