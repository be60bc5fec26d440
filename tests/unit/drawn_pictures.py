"""Makes pictures of noise, no two alike, and PDFs that hold them."""

import io
import random

from PIL import Image
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas


def noise(mode: str = "RGB", width: int = 50, height: int = 30, seed: int = 1) -> Image.Image:
    return Image.frombytes(mode, (width, height), random.Random(seed).randbytes(width * height * len(mode)))


def saved(picture: Image.Image, kind: str) -> bytes:
    target = io.BytesIO()
    picture.save(target, kind)
    return target.getvalue()


def opened(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


def place(canvas: Canvas, picture: Image.Image | bytes, x: float = 50, y: float = 50) -> None:
    """Draw a picture 60 points wide and 40 high: a JPEG as it is, of others the pixels."""
    source = io.BytesIO(picture) if isinstance(picture, bytes) else picture
    canvas.drawImage(ImageReader(source), x, y, 60, 40, mask="auto")
