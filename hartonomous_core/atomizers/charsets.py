"""Finds out the encoding of text that is not UTF-8: by its mark, by its zero bytes, by what is said of it, else by its looks.

Whatever is found has been decoded strictly, from the first byte to the last. What cannot be told is not guessed: a search
that names its sources must not show words that never stood in them.
"""

import codecs
import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain, pairwise
from typing import BinaryIO, NamedTuple

from hartonomous_core.atomizers.charset_names import codec_of, names_to_try
from hartonomous_core.atomizers.windows_1252 import is_windows_1252

HEAD_BYTES = 8 * 1024
SAMPLE_BYTES = 64 * 1024
CONTEXT_BYTES = 256
ODD_WITHIN = 4096
READ_BYTES = 256 * 1024

UNKNOWN = "unknown-8bit"
"""The name, of RFC 1428, for an encoding that nobody could tell."""

MIN_SCORE = 0.08
"""How much like its language text must look, as chardet scores it (0 to 1; prose of a page has 0.2 to 0.9)."""
MIN_LEAD = 0.006
"""How much worse the next encoding must look in which the bytes are another text. Of 5,124 texts of 50 to 2,000 characters
(manual pages and the Declaration of Human Rights) in 34 encodings, 93% are read with both, and 4 wrongly."""
MIN_SCORE_OF_CELLS = 0.03
"""How much like its language the letters of a table must look. Names and places score less than prose. Only windows-1252 is
told by it: of 2,427 tables of 1 to 200 rows in 34 encodings that are not told as prose is, 826 are read, none wrongly. The others
of Windows would be 2% wrong."""

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32le"),  # it begins with that of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32be"),
    (codecs.BOM_UTF16_LE, "utf-16le"),
    (codecs.BOM_UTF16_BE, "utf-16be"),
)

_CANDIDATES = (
    "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258",
    "cp437", "cp850", "cp852", "cp866", "cp874", "koi8-r", "koi8-u", "mac-roman", "mac-cyrillic",
    "iso8859-1", "iso8859-2", "iso8859-4", "iso8859-5", "iso8859-6", "iso8859-7",
    "iso8859-8", "iso8859-9", "iso8859-13", "iso8859-15",
    "big5hkscs", "cp932", "cp949", "euc_jis_2004", "gb18030", "shift_jis_2004",
)  # fmt: skip
"""The encodings in which text is found today. Each rarer one that stands beside them makes these harder to tell."""

_SAID_INSIDE = re.compile(rb"""\b(?:charset|encoding|coding)\s*[=:]\s*["']?([\w.:-]+)""", re.IGNORECASE)
_SAID_WITHIN = 1024
_SHIFT = re.compile(rb"\x1b\$[@AB()]")
"""How ISO-2022, which is all ASCII, shifts to other characters."""
_OTHER_SCRIPT = re.compile("[\u0370-\u06ff\u0e00-\u0e7f]")
"""Greek, Cyrillic, Armenian, Hebrew, Arabic and Thai: no word mixes them with Latin."""
_NO_LETTERS = re.compile(rb"[\0-\x3f]+")
"""Delimiters, digits and line ends. Not what is ASCII from @ on: the second byte of a character of Chinese or Japanese may be."""
_NOT_ASCII = re.compile(rb"[\x80-\xff]")
_CONTROLS = re.compile(rb"[\0-\x07\x0e-\x19\x1c-\x1f\x7f]")
_CONTROLS_DECODED = re.compile(r"[\x80-\x84\x86-\x9f]")


@dataclass(frozen=True, slots=True)
class Charset:
    """How text is encoded: the name of the encoding, None for UTF-8, `UNKNOWN` where it cannot be told.

    `seems` names an encoding that it has but for the byte `broken_at`, where there is one.
    """

    name: str | None
    seems: str | None = None
    broken_at: int | None = None


class _Likeliest(NamedTuple):
    """The likeliest encoding, its score (0 to 1), and by how much the next is lower in which the bytes are another text."""

    charset: str
    score: float
    lead: float


@dataclass(slots=True)
class Sample:
    """Collects the head of a stream and, from anywhere in it, lines that hold other characters than ASCII: both bounded."""

    head: bytes = b""
    lines: list[bytes] = field(default_factory=list)
    _size: int = 0

    def add(self, block: bytes) -> None:
        """Take what is wanted of the next block. A line that begins in an earlier one is left out: it may begin inside a character."""
        start = 0
        if len(self.head) < HEAD_BYTES:
            self.head += block[: HEAD_BYTES - len(self.head)]
        elif self._size < SAMPLE_BYTES:
            start = block.find(b"\n") + 1
        if self._size >= SAMPLE_BYTES or block.isascii():
            return
        while self._size < SAMPLE_BYTES and (other := _NOT_ASCII.search(block, start)):
            # Only ASCII stands before it in its line: a character begins here.
            begin = max(block.rfind(b"\n", start, other.start()) + 1, start, other.start() - CONTEXT_BYTES)
            end = block.find(b"\n", other.start())
            start = len(block) if end < 0 else end + 1
            self.lines.append(block[begin:start].strip()[: SAMPLE_BYTES - self._size])
            self._size += len(self.lines[-1]) + 1


def wide_charset(head: bytes) -> str | None:
    """Return the name of UTF-16 or UTF-32 with its byte order, where the first 8 KiB are text in it.

    Without a byte order mark only for text of at most one script beside Latin-1: of others the bytes tell too little.
    """
    for mark, charset in _BYTE_ORDER_MARKS:
        if head.startswith(mark) and _is_text_in(head, charset):
            return charset
    if b"\0" in head:
        for order, high_byte in (("le", 1), ("be", 0)):
            if _is_text_in(head, f"utf-32{order}"):
                return f"utf-32{order}"
            if _is_one_script(head[high_byte::2]) and _is_text_in(head, f"utf-16{order}"):
                return f"utf-16{order}"
    return None


def find_charset(
    stream: BinaryIO, sample: Sample, declared: str | None, *, is_valid_utf8: bool, is_table: bool = False
) -> Charset:
    """Say how the text of a stream is encoded, of which `sample` was taken; `declared` is the charset that its sender names.

    `is_table` says that it holds values between delimiters.

    The bytes come first: their mark, or that they are UTF-8. Then what the sender says, then what the text says of itself (as
    XML and HTML do), and then what it looks like. Reads the stream once more for each that it tries.
    """
    if wide := wide_charset(sample.head):
        broken_at = _broken_at(stream, wide)
        return Charset(wide) if broken_at is None else Charset(UNKNOWN, wide, broken_at)
    said = [name for name in (declared, _said_inside(sample.head)) if name]
    if is_valid_utf8:
        shifted = [name for name in (*said, "iso-2022-jp-2") if (codec_of(name) or "").startswith("iso2022")]
        is_shifted = _SHIFT.search(sample.head)
        return Charset(next((name for name in shifted if is_shifted and _is_in(stream, sample, name)), None))
    for charset in chain.from_iterable(map(names_to_try, said)):
        if _is_in(stream, sample, charset):
            return Charset(charset)
    seems = detect(sample.lines, is_table=is_table)
    if seems is None:
        return Charset(UNKNOWN)
    broken_at = _broken_at(stream, seems)
    return Charset(seems) if broken_at is None else Charset(UNKNOWN, seems, broken_at)


def detect(lines: list[bytes], *, is_table: bool = False) -> str | None:
    """Tell the encoding of lines, each of which holds other bytes than ASCII; None unless one of the encodings is clearly the likeliest.

    Lines that are UTF-8 among others, bytes that are no text, and text too short to tell, are not told. Of a table the letters are
    judged, too, without the delimiters and digits that no language has between its words.
    """
    sample = b"\n".join(lines)
    if not lines or _CONTROLS.search(sample):
        return None
    if is_windows_1252(sample):
        return "windows-1252"
    *whole, last = lines  # that may be cut off
    if 5 * (sum(map(_is_utf8_line, whole)) + (_decode_start(last, "utf-8") is not None)) >= len(lines):
        return None
    if (found := _likeliest(sample, sample)) and found.score >= MIN_SCORE and found.lead >= MIN_LEAD:
        return found.charset
    if is_table and (found := _likeliest(_NO_LETTERS.sub(b" ", sample), sample)):
        is_clear = found.lead >= min(MIN_LEAD, found.score / 10)
        if found.charset == "windows-1252" and found.score >= MIN_SCORE_OF_CELLS and is_clear:
            return found.charset
    return None


def _likeliest(judged: bytes, sample: bytes) -> _Likeliest | None:
    """Score `judged`, which is of `sample`, in the encodings in which the sample is text; None where there is none."""
    from chardet import detect_all

    answers = detect_all(
        judged,
        ignore_threshold=True,
        compat_names=False,
        include_encodings=(*_CANDIDATES, "utf-8"),
        no_match_encoding="utf-8",
        max_bytes=SAMPLE_BYTES,
    )
    best: tuple[str, str, float] | None = None
    rival = 0.0
    for answer in answers:
        for charset in names_to_try(answer["encoding"] or ""):
            text = _decode_start(sample, charset)
            if text is None or _CONTROLS_DECODED.search(text) or _has_odd_words(text):
                continue
            if best is None:
                best = charset, text, answer["confidence"]
            elif text != best[1]:
                rival = answer["confidence"]
            break
        if rival:
            break
    return best and _Likeliest(best[0], best[2], best[2] - rival)


def _said_inside(head: bytes) -> str | None:
    found = _SAID_INSIDE.search(head[:_SAID_WITHIN])
    return found[1].decode().lower() if found else None


def _has_odd_words(text: str) -> bool:
    """Whether at least every second letter that is not ASCII stands oddly: a capital behind a small one, or another script than its neighbour."""
    pairs = odd = 0
    for first, second in pairwise(text[:ODD_WITHIN]):
        if not (first.isascii() and second.isascii()) and first.isalpha() and second.isalpha():
            pairs += 1
            strange = second if first.isascii() else first
            is_other_script = first.isascii() != second.isascii() and _OTHER_SCRIPT.match(strange) is not None
            odd += is_other_script or (first.islower() and second.isupper())
    return 0 < pairs <= 2 * odd


def _is_utf8_line(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _decode_start(data: bytes, charset: str) -> str | None:
    """Decode bytes that may end inside a character; None where they are not in this encoding."""
    try:
        return codecs.getincrementaldecoder(charset)().decode(data)
    except UnicodeDecodeError:
        return None


def _is_in(stream: BinaryIO, sample: Sample, charset: str) -> bool:
    """Whether a stream is text in this encoding: its head without characters that no text has, all of it without an error."""
    if codec_of(charset) is None or (charset.startswith(("utf-16", "utf-32")) and b"\0" not in sample.head):
        return False
    return _is_text_in(sample.head, charset) and _broken_at(stream, charset) is None


def _broken_at(stream: BinaryIO, charset: str) -> int | None:
    """Decode a stream from its start; return the offset of the first bytes that are not in this encoding, None if all are."""
    stream.seek(0)
    decode: Callable[[bytes, bool], str] = codecs.getincrementaldecoder(charset)().decode
    length = 0
    while block := stream.read(READ_BYTES):
        try:
            decode(block, False)
        except UnicodeDecodeError as error:
            return max(0, length + len(block) - len(error.object) + error.start)
        length += len(block)
    try:
        decode(b"", True)
    except UnicodeDecodeError as error:
        return length - len(error.object) + error.start
    return None


def _is_one_script(high_bytes: bytes) -> bool:
    """Whether the high bytes of UTF-16 are those of Latin-1 and, in text long enough to tell, at most one more block."""
    if len(high_bytes) < 16:
        return len(high_bytes) >= 8 and not any(high_bytes)  # fewer may be any numbers
    usual = dict(Counter(high_bytes).most_common(2))
    return 0 in usual and sum(usual.values()) >= 0.9 * len(high_bytes)


def _is_text_in(head: bytes, charset: str) -> bool:
    try:
        # A head of full length may end inside a code point.
        text = codecs.getincrementaldecoder(charset)().decode(head, len(head) < HEAD_BYTES)
    except UnicodeDecodeError:
        return False
    is_text = all(c.isprintable() or c.isspace() or c in "\x1b\b" or unicodedata.category(c) == "Cf" for c in text)
    return is_text and any(map(str.isprintable, text))
