"""Pictures: what is seen, made small, and what the file says of it in words."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO

from PIL import Image

from hartonomous_core.atomizers.extractors.image_colours import colours_in_words
from hartonomous_core.atomizers.extractors.image_pixels import (
    DAMAGE,
    damage_in_words,
    open_picture,
    reading_what_is_there,
    shrunk,
)
from hartonomous_core.atomizers.extractors.image_words import Said
from hartonomous_core.atomizers.sections import Partial, Picture, Section

PREVIEW_SIDE = 256
"""Pixels of the longer side of what is kept, shown and embedded."""
_QUALITY = 75
MOST_PAGES = 100
"""Of a TIFF that are seen."""
_ANIMATED = ("GIF", "WEBP", "PNG")


def extract(stream: BinaryIO, content_type: str) -> Iterator[Section | Picture]:
    """Yield what is said of a picture, and a preview of it; of a TIFF, of each page; of what moves, of how it begins."""
    picture = open_picture(stream)
    width, height = picture.size
    is_animated = _is_animated(picture)
    damage, small, is_decoded = None, None, True
    try:
        small = shrunk(picture, PREVIEW_SIDE)
    except Partial as too_many:
        damage, is_decoded = str(too_many), False
    except DAMAGE as problem:
        damage = damage_in_words(problem)
        picture, small = _what_is_there(stream)
    said = Said(picture, is_decoded=is_decoded)
    if small is not None:
        seen = "Moving picture" if is_animated else "Picture"
        lines = [*said.lines, f"{seen} in {colours_in_words(small)}"]
    else:
        lines = said.lines
    yield Section("\n".join(lines), {"part": "description", "width": width, "height": height, **said.place})
    if small is not None:
        page = {"page": 1} if picture.format == "TIFF" else {}
        yield _preview(small, {**page, "width": width, "height": height})
    if damage:
        raise Partial(damage)
    if picture.format == "TIFF":
        yield from _further_pages(picture)


def _what_is_there(stream: BinaryIO) -> tuple[Image.Image, Image.Image | None]:
    stream.seek(0)
    picture = open_picture(stream)
    try:
        with reading_what_is_there():
            return picture, shrunk(picture, PREVIEW_SIDE)
    except DAMAGE:
        return picture, None


def _further_pages(picture: Image.Image) -> Iterator[Picture]:
    for page in range(1, MOST_PAGES + 1):
        try:
            picture.seek(page)
        except EOFError:
            return
        if page == MOST_PAGES:
            raise Partial(f"only its first {MOST_PAGES:,} pages are seen")
        width, height = picture.size
        yield _preview(shrunk(picture, PREVIEW_SIDE), {"page": page + 1, "width": width, "height": height})


def _preview(small: Image.Image, place: dict[str, object]) -> Picture:
    written = io.BytesIO()
    small.save(written, "JPEG", quality=_QUALITY, optimize=True)
    return Picture(written.getvalue(), "image/jpeg", place)


def _is_animated(picture: Image.Image) -> bool:
    try:
        return picture.format in _ANIMATED and bool(getattr(picture, "is_animated", False))
    except DAMAGE:
        return False
