"""Reads multipart/form-data (RFC 7578) with one file part, which is passed on as it comes, and a few short fields."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import unquote

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from hartonomous_service.errors import Invalid
from hartonomous_service.printable import printable

FIELDS = ("sourceUri", "sourceId", "metadata")
_MOST_FIELD_BYTES = 256 * 1024
_MOST_NAME = 1000


class FormParts:
    """A form that is written block by block. After `finish`: its fields, and the name and the content type of its file."""

    def __init__(self, content_type: str, write: Callable[[bytes], object]) -> None:
        """Begin a form, whose file goes to `write`. Raises Invalid for a content type without a boundary."""
        _, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if not boundary:
            raise Invalid("multipart/form-data needs a boundary", argument="content_type")
        self._write = write
        self._headers: dict[str, bytes] = {}
        self._header, self._value = bytearray(), bytearray()
        self._field: str | None = None
        self._ended = False
        self._texts: dict[str, bytearray] = {}
        self._has_file = False
        self.file_name: str | None = None
        self.file_type: str | None = None
        try:
            self._parser = MultipartParser(boundary, self._callbacks())  # type: ignore[arg-type]
        except FormParserError as error:
            raise Invalid(str(error), argument="content_type") from error

    def _callbacks(self) -> dict[str, Callable[..., object]]:
        return {
            "on_part_begin": self._headers.clear,
            "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._begin_part,
            "on_part_data": self._take,
            "on_end": self._end,
        }

    def write(self, block: bytes) -> None:
        """Read the next block. Raises Invalid for what is no such form, and what the file's `write` raises."""
        try:
            self._parser.write(block)
        except FormParserError as error:
            raise Invalid(f"it is not multipart/form-data: {error}") from error

    def finish(self) -> dict[str, str]:
        """Return the fields. Raises Invalid for a form that breaks off, or has no file."""
        if not self._ended:
            raise Invalid("the form breaks off")
        if not self._has_file:
            raise Invalid("the form has no part with a file name")
        try:
            return {name: value.decode() for name, value in self._texts.items() if value}
        except UnicodeDecodeError as error:
            raise Invalid("a field is not UTF-8") from error

    def _end(self) -> None:
        self._ended = True

    def _end_header(self) -> None:
        self._headers[self._header.decode("latin-1").lower()] = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _begin_part(self) -> None:
        kind, options = parse_options_header(self._headers.get("content-disposition"))
        if kind != b"form-data":
            raise Invalid("a part of the form is not form-data")
        name = _decode(options.get(b"name", b""))
        if b"filename" in options:
            if self._has_file:
                raise Invalid("the form has more than one file: send each in a request of its own")
            self._has_file, self._field = True, None
            self.file_name = safe_name(_decode(options[b"filename"]))
            self.file_type = self._headers.get("content-type", b"").decode("latin-1") or None
        elif name not in FIELDS or name in self._texts:
            raise Invalid(f"{printable(name[:100])!r}: the fields are {', '.join(FIELDS)}, each once, and one file")
        else:
            self._field = name
            self._texts[name] = bytearray()

    def _take(self, data: bytes, start: int, end: int) -> None:
        if self._field is None:
            self._write(data[start:end])
            return
        text = self._texts[self._field]
        text += data[start:end]
        if len(text) > _MOST_FIELD_BYTES:
            raise Invalid(f"it has more than {_MOST_FIELD_BYTES:,} bytes", argument=self._field)


def safe_name(name: str) -> str | None:
    """Return the last part of a path as a name, None where there is none. Raises Invalid for a name that is not to be shown or stored."""
    last = re.split(r"[/\\]", name)[-1].strip()
    if last in ("", ".", ".."):
        return None
    if not last.isprintable() or len(last) > _MOST_NAME or re.search(r"[/\\]|\A\.\.?\Z", unquote(last)):
        raise Invalid("a name of printable characters is needed, without a path in disguise", argument="filename")
    return last


def _decode(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise Invalid("a name in the form is not UTF-8") from error
