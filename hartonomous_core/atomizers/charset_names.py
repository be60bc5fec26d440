"""The names of encodings: in content types, in Python, and those by which we call them."""

import codecs
import re
from collections.abc import Iterator

_READ_AS = {
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "shift_jis": "cp932",
    "shift_jis_2004": "cp932",
    "euc_jis_2004": "euc_jp",
    "euc_kr": "cp949",
}
"""As browsers do: text under the first name is mostly written in the second, which has more characters."""

_NOT_FOR_TEXT = {"idna", "mbcs", "oem", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7"}
"""Codecs of Python that are no encodings of files, or that differ by machine."""

_CHARSET = re.compile(r"""\bcharset\s*=\s*["']?([^\s;"']+)""", re.IGNORECASE)


def media_type(content_type: str) -> str:
    """Return a content type without its parameters, in lower case; content types are compared by it."""
    return content_type.partition(";")[0].strip().lower()


def charset_parameter(content_type: str) -> str | None:
    """Return the parameter charset of a content type, in lower case."""
    found = _CHARSET.search(content_type.partition(";")[2])
    return found[1].lower() if found else None


def codec_of(charset: str) -> str | None:
    """Return the name of Python's codec for the name of an encoding; None where text is not read in it."""
    try:
        codec = codecs.lookup(charset)
        "".encode(codec.name)  # refused by codecs that do not make bytes of text
    except (LookupError, ValueError):
        return None
    return None if codec.name in _NOT_FOR_TEXT else codec.name


def is_utf8(charset: str) -> bool:
    """Whether this charset, in lower case, is UTF-8 or a part of it, as content types name it."""
    return charset in ("utf-8", "utf8", "us-ascii")


def is_other_text(charset: str) -> bool:
    """Whether text is read in this charset, which is not UTF-8 nor a part of it. UTF-16 and UTF-32 say their byte order, or say nothing."""
    return codec_of(charset) not in (None, "utf-8", "utf-8-sig", "ascii", "utf-16", "utf-32")


def text_is_read(content_type: str) -> bool:
    """Whether text of this content type is read: in UTF-8, or in the charset that it names."""
    charset = charset_parameter(content_type)
    return charset is None or is_utf8(charset) or is_other_text(charset)


def names_to_try(charset: str) -> Iterator[str]:
    """Yield our name of a charset, after that of a larger one that is mostly meant by it; nothing for UTF-8, and for what is not read."""
    codec = codec_of(charset)
    if codec and is_other_text(codec):
        yield from map(_our_name, filter(None, (_READ_AS.get(codec), codec)))


def _our_name(codec: str) -> str:
    """Return the name that IANA has, or one close to it, for a codec of Python; `codec_of` understands it."""
    name = codec.replace("_", "-").replace("iso8859", "iso-8859").replace("iso2022", "iso-2022")
    name = re.sub(r"^cp(125\d)$", r"windows-\1", name)
    return re.sub(r"^(utf-(?:16|32))-", r"\1", name)
