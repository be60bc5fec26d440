"""Text that is not UTF-8: its bytes as they are, and beside them its text, derived, with its place among the bytes."""

import codecs
from collections.abc import Iterator
from functools import cached_property
from typing import BinaryIO, cast

from hartonomous_core.atomizers.charset_names import charset_parameter, is_other_text
from hartonomous_core.atomizers.protocol import Atom, Atomizer, Context
from hartonomous_core.vocabulary import GAP


class EncodedTextAtomizer:
    """Text in the charset that its content type names: what `chunks` and `text` make of its bytes, and of them as UTF-8.

    The locator of a text is {"charset", "byteOffset", "byteLength"}, beside what it has in UTF-8: these bytes of the source, decoded, are the text.
    """

    name = "encoded-text"
    reads_text = True
    gives_text = True
    has_members = False

    def __init__(self, chunks: Atomizer, text: Atomizer) -> None:
        self._chunks = chunks
        self._text = text

    @cached_property
    def version(self) -> str:
        """Own version and those of the atomizers of bytes and of text."""
        return f"2 of {self._chunks.name} {self._chunks.version} and {self._text.name} {self._text.version}"

    def handles(self, content_type: str) -> bool:
        """True for what is text where it is UTF-8, if it names another charset that is read."""
        charset = charset_parameter(content_type)
        return charset is not None and is_other_text(charset) and self._text.handles(content_type.partition(";")[0])

    def atomize(self, stream: BinaryIO, content_type: str, context: Context | None = None) -> Iterator[Atom]:
        """Yield chunks, and beside them the text that they hold. The text is decoded from the very chunks that are yielded.

        Raises UnicodeDecodeError for bytes that are not in this charset; what was yielded before is only a part of the source.
        """
        charset = charset_parameter(content_type)
        assert charset is not None  # noqa: S101 - handles() says so
        decoded = _DecodedChunks(self._chunks.atomize(stream, "application/octet-stream"), charset)
        for atom in self._text.atomize(cast(BinaryIO, decoded), "text/plain"):
            yield from decoded.take_chunks()
            offset = decoded.byte_offset
            decoded.pass_over(atom.content.decode())
            length = decoded.byte_offset - offset
            decoded.pass_over(atom.suffix.decode())
            if atom.subtype != GAP:
                locator = {**(atom.locator or {}), "charset": charset, "byteOffset": offset, "byteLength": length}
                yield Atom(
                    atom.content, b"", atom.modality, atom.subtype, atom.content_type, atom.text, "derived", locator
                )
        yield from decoded.take_chunks()


class _DecodedChunks:
    """A stream of UTF-8 that is decoded from chunks as it is read, and follows its reader among their bytes."""

    def __init__(self, chunks: Iterator[Atom], charset: str) -> None:
        self.byte_offset = 0
        self._chunks = chunks
        self._charset = charset
        self._decoder = codecs.getincrementaldecoder(charset)()
        self._is_decoded = False
        self._utf8 = b""
        self._taken: list[Atom] = []
        self._follower = codecs.getincrementaldecoder(charset)()
        self._ahead = b""  # bytes of chunks, of which the first `_passed` were passed over
        self._passed = 0
        self._surplus = 0  # characters that were passed over together with the one before them

    def read(self, size: int) -> bytes:
        """Return at most `size` bytes of UTF-8, none at the end."""
        while not self._utf8 and not self._is_decoded:
            chunk = next(self._chunks, None)
            if chunk is None:
                self._utf8 = self._decoder.decode(b"", True).encode()
                self._is_decoded = True
            else:
                self._taken.append(chunk)
                self._ahead = self._ahead[self._passed :] + chunk.content
                self._passed = 0
                self._utf8 = self._decoder.decode(chunk.content).encode()
        data, self._utf8 = self._utf8[:size], self._utf8[size:]
        return data

    def take_chunks(self) -> list[Atom]:
        """Return the chunks that were decoded since the last call."""
        taken, self._taken = self._taken, []
        return taken

    def pass_over(self, text: str) -> None:
        """Move `byte_offset` behind the bytes of this text, which comes next."""
        length = self._length_of(text)
        self.byte_offset += length
        self._passed += length

    def _length_of(self, text: str) -> int:
        state = self._follower.getstate()
        try:
            likely = self._ahead[self._passed : self._passed + len(text.encode(self._charset))]
            if not self._surplus and self._follower.decode(likely) == text and not self._follower.getstate()[0]:
                return len(likely)
        except UnicodeError:
            pass  # what was decoded need not be what would be encoded: several bytes may stand for one character
        self._follower.setstate(state)
        wanted = len(text) - self._surplus
        position = self._passed
        while wanted > 0 and position < len(self._ahead):
            position += 1
            wanted -= len(self._follower.decode(self._ahead[position - 1 : position]))
        self._surplus = -wanted
        return position - self._passed
