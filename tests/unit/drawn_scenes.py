"""Draws pictures that look a little like photographs: a ground of clouds of every size, things before it, some words; each number another one."""

import io
import random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

_SKIES = [
    (20, 40, 110),
    (120, 170, 230),
    (240, 150, 70),
    (40, 90, 40),
    (200, 190, 170),
    (90, 90, 100),
    (30, 30, 35),
    (235, 235, 240),
]


def scene(number: int, width: int = 640, height: int = 480) -> Image.Image:
    """Return the scene of a number; every fourth has the colours of the one before it, so that colours alone do not tell them apart."""
    draw = random.Random(number)
    colours = random.Random(number - (number % 4 == 1))
    upper, lower, thing, other = (np.array(colours.choice(_SKIES), float) + colours.uniform(-25, 25) for _ in range(4))
    down = np.linspace(0, 1, height)[:, None, None]
    ground = upper * (1 - down) + lower * down + _clouds(number, width, height)[..., None] * draw.uniform(20, 70)
    picture = Image.fromarray(np.clip(ground, 0, 255).astype(np.uint8))
    canvas = ImageDraw.Draw(picture)
    for _ in range(draw.randint(2, 7)):
        x, y, size = draw.uniform(-0.1, 1), draw.uniform(0.1, 1), draw.uniform(0.05, 0.45)
        box = [x * width, y * height, (x + size * draw.uniform(0.3, 1.5)) * width, (y + size) * height]
        colour = tuple(int(each) for each in np.clip(draw.choice([thing, other]) + draw.uniform(-40, 40), 0, 255))
        if draw.random() < 0.5:
            canvas.ellipse(box, fill=colour)
        elif draw.random() < 0.5:
            canvas.rectangle(box, fill=colour)
        else:
            canvas.polygon([(box[0], box[3]), (box[2], box[3]), ((box[0] + box[2]) / 2, box[1])], fill=colour)
    if draw.random() < 0.3:
        canvas.text((width * 0.1, height * 0.1), f"Harbour {number}", fill=(10, 10, 10), font_size=height // 12)
    grain = np.random.default_rng(number).normal(0, 3, (height, width, 1))
    softened = np.asarray(picture.filter(ImageFilter.GaussianBlur(0.7)), float)
    return Image.fromarray(np.clip(softened + grain, 0, 255).astype(np.uint8))


def packed(picture: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    target = io.BytesIO()
    picture.save(target, kind, **options)  # type: ignore[arg-type]
    return target.getvalue()


def cropped(picture: Image.Image, part: float, number: int = 0) -> Image.Image:
    """Return what is left without this part of width and height, cut off somewhere."""
    draw = random.Random(number)
    width, height = round(picture.width * (1 - part)), round(picture.height * (1 - part))
    x, y = draw.randint(0, picture.width - width), draw.randint(0, picture.height - height)
    return picture.crop((x, y, x + width, y + height))


def _clouds(number: int, width: int, height: int) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    """Noise of every size, the coarser the stronger, as in photographs; about -1 to 1."""
    generator = np.random.default_rng(number)
    clouds = np.zeros((height, width))
    for octave in range(7):
        cells = 2 << octave
        grid = Image.fromarray(generator.normal(0, 1, (cells, cells)).astype(np.float32))
        clouds += np.asarray(grid.resize((width, height), Image.Resampling.BICUBIC)) / 2**octave
    return clouds / 2
