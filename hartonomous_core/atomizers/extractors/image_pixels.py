"""Opens pictures by Pillow and makes what is seen in them small, with limits before anything is decoded."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

from hartonomous_core.atomizers.members import describe
from hartonomous_core.atomizers.sections import Partial, Picture

FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP")
"""Of Pillow's some forty; what else it can open was seldom tried with hostile files."""
MOST_PIXELS = 64 * 1024 * 1024
"""That are decoded, of one picture: 4 bytes each, and of JPEG only every eighth of each row and column that are more than needed."""
_EMBEDDED_SIDE = 64
"""Pixels of the longer side of what is embedded."""
DAMAGE = (
    *(OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, ArithmeticError, AttributeError),
    struct.error,
)
"""What Pillow raises for files that are not as they should be."""
_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_LIGHT = 200
"""The mean lightness from which on what is seen is shown over black: white on white is nothing."""


def open_picture(stream: BinaryIO) -> Image.Image:
    """Read the header of a picture. Raises Partial for what is none of `FORMATS`, or far too large."""
    try:
        return Image.open(stream, formats=FORMATS)
    except Image.DecompressionBombError as problem:
        raise Partial("it has more pixels than are read") from problem
    except DAMAGE as problem:
        what = (
            "it is none of PNG, JPEG, GIF, WebP, TIFF and BMP, or its header is damaged"
            if isinstance(problem, UnidentifiedImageError)
            else describe(problem)
        )
        raise Partial(f"no picture can be read in it: {what}") from problem


def shrunk(picture: Image.Image, side: int) -> Image.Image:
    """Decode a picture and return it upright, as RGB, no side longer than `side` pixels and none enlarged.

    What cannot be seen through is as it is; of the rest, what is seen lies over white, or over black where it is light.
    Raises Partial for one of more than `MOST_PIXELS`, and as Pillow does for a damaged one (`DAMAGE`).
    """
    picture.draft(
        None, (side, side)
    )  # of a JPEG, up to an eighth of width and height, which takes a fraction of the time
    if picture.width * picture.height > MOST_PIXELS:
        raise Partial(f"it has {picture.width:,} x {picture.height:,} pixels: more than {MOST_PIXELS:,} are not read")
    picture.load()
    turn = _turn_of(picture)
    small = _flat(_resized(_in_full_colour(picture), side))
    return small.transpose(turn) if turn is not None else small


def extract_pixels(stream: BinaryIO, content_type: str) -> Iterator[Picture]:
    """Yield the pixels of a picture for an embedder, row by row, three bytes each; raises Partial for a damaged one."""
    try:
        small = shrunk(open_picture(stream), _EMBEDDED_SIDE)
    except DAMAGE as problem:
        raise Partial(damage_in_words(problem)) from problem
    yield Picture(small.tobytes(), "image/x-rgb", {"width": small.width, "height": small.height})


@contextmanager
def reading_what_is_there() -> Iterator[None]:
    """Have Pillow decode pictures as far as they go: what is missing is grey or black."""
    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def damage_in_words(problem: Exception) -> str:
    """Say what Pillow met in a picture; what is an error of the system to Python is its own word for one that is cut off."""
    return f"it is damaged or cut off: {problem if isinstance(problem, OSError) else describe(problem)}"


def _turn_of(picture: Image.Image) -> Image.Transpose | None:
    try:
        found = picture.getexif().get(_ORIENTATION)
        return _UPRIGHT.get(found) if isinstance(found, int) else None
    except DAMAGE:
        return None


def _in_full_colour(picture: Image.Image) -> Image.Image:
    """Return a picture whose pixels can be averaged: no palette, no bits."""
    if picture.mode in ("P", "PA") or "transparency" in picture.info:
        return picture.convert("RGBA" if picture.mode == "PA" or "transparency" in picture.info else "RGB")
    if picture.mode == "1":
        return picture.convert("L")
    return picture.convert("F") if picture.mode.startswith("I") else picture


def _resized(picture: Image.Image, side: int) -> Image.Image:
    scale = max(picture.width, picture.height) / side
    if scale <= 1:
        return picture
    size = max(1, round(picture.width / scale)), max(1, round(picture.height / scale))
    return picture.resize(size, Image.Resampling.HAMMING, reducing_gap=2.0)


def _flat(picture: Image.Image) -> Image.Image:
    if picture.mode == "F":
        return _stretched(picture).convert("RGB")
    if picture.mode in ("LA", "La", "RGBA", "RGBa"):
        return _over_a_ground(picture.convert("RGBA"))
    return picture.convert("RGB")


def _stretched(picture: Image.Image) -> Image.Image:
    """Return grey levels, between the least and the greatest number of pixels that are numbers: of 12 bits in 16, as of heights in metres."""
    numbers = np.nan_to_num(np.asarray(picture, np.float64), posinf=0.0, neginf=0.0)
    least, most = float(numbers.min()), float(numbers.max())
    levels = (numbers - least) * (255.0 / (most - least)) if most > least else np.zeros_like(numbers)
    return Image.fromarray(levels.astype(np.uint8))


def _over_a_ground(picture: Image.Image) -> Image.Image:
    pixels = np.asarray(picture, np.float64)
    opacity = pixels[..., 3]
    seen = float(opacity.sum())
    is_light = (
        seen > 0 and float((pixels[..., :3].mean(2) * opacity).sum()) / seen > _LIGHT and float(opacity.min()) < 255
    )
    ground = Image.new("RGBA", picture.size, "black" if is_light else "white")
    return Image.alpha_composite(ground, picture).convert("RGB")
