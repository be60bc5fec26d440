"""What a picture's file says of it: title, description, author, camera, time and place, as EXIF, IPTC, XMP, PNG and comments have them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from xml.parsers.expat import ExpatError, ParserCreate

from PIL import Image, ImageFile, IptcImagePlugin

from hartonomous_core.atomizers.extractors.image_pixels import DAMAGE

MOST_CHARACTERS = 2_000
"""Of one text; of a longer one, such as a program's state in PNG, nothing is wanted."""
_MOST_XMP_BYTES = 1024 * 1024
_MOST_LEVELS = 100
"""Of elements within each other in XMP; what is deeper is not read."""
_MOST_TEXTS = 16
_EXIF, _GPS = 0x8769, 0x8825
_EXIF_TEXTS = {
    0x9C9B: "title",
    0x010E: "description",
    0x9C9F: "subject",
    0x9C9C: "comment",
    0x9C9E: "keywords",
    0x013B: "author",
    0x9C9D: "author",
    0x8298: "copyright",
}
_IPTC_TEXTS = {
    (2, 5): "title",
    (2, 105): "title",
    (2, 120): "description",
    (2, 25): "keywords",
    (2, 80): "author",
    (2, 116): "copyright",
    (2, 92): "place",
    (2, 90): "place",
    (2, 95): "place",
    (2, 101): "place",
}
_XMP_TEXTS = {
    "title": "title",
    "Headline": "title",
    "description": "description",
    "subject": "keywords",
    "creator": "author",
    "rights": "copyright",
    "Location": "place",
    "City": "place",
    "State": "place",
    "Country": "place",
}
_IN_WORDS = {
    "title": "{}",
    "description": "{}",
    "subject": "Subject: {}",
    "comment": "{}",
    "keywords": "Keywords: {}",
    "author": "By {}",
    "copyright": "Copyright: {}",
    "place": "Place: {}",
}
_TIME = re.compile(r"(\d{4})[:-](\d\d)[:-](\d\d)(?:[ T](\d\d:\d\d(?::\d\d)?))?")
_NO_WORDS = re.compile(r"[\W\d_]*")
_NAMES_OF_PNG = {"Title": "title", "Description": "description", "Author": "author", "Copyright": "copyright"}
_OF_PROGRAMS = re.compile(r"Software|Creation ?Time|date:|Raw profile|[a-z]+:|XML:", re.IGNORECASE)
"""Texts of PNG that nobody wrote."""
_FIGURES = 6
"""Digits of a coordinate behind the point: a tenth of a metre."""


class _Refused(Exception):
    """XMP that is nested too deeply, or declares what entities stand for."""


class Said:
    """What is said of a picture: `lines` in words, `place` for a locator."""

    def __init__(self, picture: Image.Image, *, is_decoded: bool = True) -> None:
        """Read it; whatever cannot be read is left out, and of one that may not be decoded what a PNG says behind its pixels."""
        self._may_decode = is_decoded or picture.format != "PNG"
        self._texts: dict[str, list[str]] = {}
        self.place: dict[str, object] = {}
        self._camera = ""
        for read in (self._read_exif, self._read_iptc, self._read_xmp, self._read_texts):
            with suppress(*DAMAGE, ExpatError):
                read(picture)

    @property
    def lines(self) -> list[str]:
        """One for each kind of thing that is said, the title first."""
        found = [form.format(", ".join(self._texts[kind])) for kind, form in _IN_WORDS.items() if kind in self._texts]
        taken = ""
        if "taken" in self.place:
            taken += f" on {self.place['taken']}"
        if self._camera:
            taken += f" with {self._camera}"
        if "latitude" in self.place:
            taken += f" at {self.place['latitude']}, {self.place['longitude']} (latitude, longitude)"
        return [*found, f"Taken{taken}"] if taken else found

    def _add(self, kind: str, value: object) -> None:
        text = " ".join(_text_of(value).split())
        known = self._texts.get(kind, [])
        if len(text) <= MOST_CHARACTERS and not _NO_WORDS.fullmatch(text) and text not in known:
            self._texts[kind] = [*known, text][:_MOST_TEXTS]

    def _read_exif(self, picture: Image.Image) -> None:
        if not self._may_decode and "exif" not in picture.info:
            return
        exif = picture.getexif()
        for tag, kind in _EXIF_TEXTS.items():
            self._add(kind, exif.get(tag))
        maker, model = (" ".join(_text_of(exif.get(tag)).split())[:80] for tag in (0x010F, 0x0110))
        self._camera = model if model.lower().startswith(maker.lower()) else f"{maker} {model}".strip()
        details: Mapping[int, Any] = exif.get_ifd(_EXIF)
        self._add("comment", _without_code(details.get(0x9286)))
        self._note_time(details.get(0x9003) or exif.get(0x0132))
        self._note_coordinates(exif.get_ifd(_GPS))

    def _note_time(self, value: object) -> None:
        if (found := _TIME.match(_text_of(value))) and "taken" not in self.place:
            year, month, day, clock = found.groups()
            if year != "0000":
                self.place["taken"] = f"{year}-{month}-{day}" + (f" {clock}" if clock else "")

    def _note_coordinates(self, gps: Mapping[int, Any]) -> None:
        latitude, longitude = _degrees(gps.get(2), gps.get(1)), _degrees(gps.get(4), gps.get(3))
        if abs(latitude) <= 90 and abs(longitude) <= 180:
            self.place |= {"latitude": latitude, "longitude": longitude}

    def _read_iptc(self, picture: Image.Image) -> None:
        if isinstance(picture, ImageFile.ImageFile):
            for key, value in (IptcImagePlugin.getiptcinfo(picture) or {}).items():
                if kind := _IPTC_TEXTS.get(key):
                    for each in (value if isinstance(value, list) else [value])[:_MOST_TEXTS]:
                        self._add(kind, each)

    def _read_xmp(self, picture: Image.Image) -> None:
        packet = picture.info.get("xmp") or picture.info.get("XML:com.adobe.xmp") or b""
        packet = packet.encode() if isinstance(packet, str) else bytes(packet)
        if len(packet) <= _MOST_XMP_BYTES:
            for name, text in _xmp_texts(packet.strip(b"\0 \r\n\t")):
                if kind := _XMP_TEXTS.get(name):
                    self._add(kind, text)
                elif name in ("DateTimeOriginal", "CreateDate", "DateCreated"):
                    self._note_time(text)

    def _read_texts(self, picture: Image.Image) -> None:
        self._add("comment", picture.info.get("comment"))
        said = getattr(picture, "text", {}) if self._may_decode else picture.info
        texts = {str(key): value for key, value in said.items() if isinstance(value, str)}
        for number, (key, value) in enumerate(texts.items()):
            if number < _MOST_TEXTS and not _OF_PROGRAMS.match(key):
                self._add(_NAMES_OF_PNG.get(key, "comment"), value)


def _text_of(value: object) -> str:
    """Return a text however it is kept: in UTF-8, in UTF-16 as Windows writes it, or read as Latin-1 by Pillow."""
    if isinstance(value, tuple) and value and all(isinstance(each, int) and 0 <= each < 256 for each in value):
        value = bytes(value)
    if isinstance(value, bytes):
        is_wide = len(value) > 1 and len(value) % 2 == 0 and value[1::2].count(0) > len(value) // 4
        value = value.decode("utf-16-le" if is_wide else "utf-8", "ignore" if is_wide else "replace")
    elif isinstance(value, str):
        with suppress(UnicodeError):
            value = value.encode("latin-1").decode("utf-8")
    else:
        return ""
    return value.replace("\0", " ").replace("\ufffd", " ")


def _without_code(value: object) -> object:
    """Return a comment of EXIF without the eight bytes that say how it is encoded."""
    if isinstance(value, bytes) and value[:8] in (b"ASCII\0\0\0", b"UNICODE\0", b"\0" * 8):
        return value[8:]
    return value


def _degrees(parts: Any, direction: object) -> float:
    """Return degrees of (degrees, minutes, seconds); infinite where they are none."""
    try:
        degrees, minutes, seconds = (float(each) for each in parts)
    except (TypeError, ValueError, ArithmeticError):
        return math.inf
    found = degrees + minutes / 60 + seconds / 3600
    signed = -found if _text_of(direction).strip(" \0")[:1].upper() in ("S", "W") else found
    return round(signed, _FIGURES) if math.isfinite(signed) else math.inf


def _xmp_texts(packet: bytes) -> list[tuple[str, str]]:
    """Return what elements and attributes of XMP hold, each with its name; of a list, each item with the name of the list."""
    found: list[tuple[str, str]] = []
    holders = [""]
    parser = ParserCreate(namespace_separator=" ")
    parser.buffer_text = True

    def start(name: str, attributes: dict[str, str]) -> None:
        if len(holders) > _MOST_LEVELS:
            raise _Refused
        local = name.rpartition(" ")[2]
        holders.append(holders[-1] if local in ("li", "Alt", "Bag", "Seq") else local)
        found.extend((key.rpartition(" ")[2], value) for key, value in attributes.items())

    def end(_name: str) -> None:
        holders.pop()

    def text(data: str) -> None:
        if data.strip():
            found.append((holders[-1], data))

    def doctype(*_declared: object) -> None:
        raise _Refused

    parser.StartDoctypeDeclHandler = doctype
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text
    if packet:
        with suppress(ExpatError, _Refused):
            parser.Parse(packet, True)
    return found
