"""Pictures through atomizer and embedder against Pillow's decode alone, in turn in one run; how often a changed picture finds what it was.

The parser is a child, as in the product: its processor's time counts, its start does not. Pictures are drawn: clouds of every size, shapes, grain.
"""

import io
import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
from common import REPOSITORY, Figure, arguments, finish, note
from PIL import Image

sys.path.insert(0, str(REPOSITORY))

from hartonomous_core.atomizers import Context, atomizer_for
from hartonomous_core.atomizers.members import NoMembers
from hartonomous_core.embedders.look_alike import LookAlikeEmbedder
from hartonomous_resources.parsing.parser_processes import ParserProcesses
from hartonomous_resources.parsing.pictures import read_pixels
from tests.unit.drawn_scenes import cropped, packed, scene

SIZES = [(1600, 1200), (1200, 1600), (1920, 1080), (1280, 720)]
CHANGES: dict[str, Callable[[Image.Image, int], Image.Image]] = {
    "half as large": lambda picture, n: picture.resize((picture.width // 2, picture.height // 2)),
    "a tenth as large": lambda picture, n: picture.resize((picture.width // 10, picture.height // 10)),
    "without a tenth": lambda picture, n: cropped(picture, 0.1, n),
    "without a fifth": lambda picture, n: cropped(picture, 0.2, n),
    "JPEG of quality 30": lambda picture, n: Image.open(io.BytesIO(packed(picture, quality=30))),
    "half as large, without a tenth, quality 30": lambda picture, n: Image.open(
        io.BytesIO(packed(cropped(picture, 0.1, n).resize((picture.width // 2, picture.height // 2)), quality=30))
    ),
    "turned by three degrees": lambda picture, n: picture.rotate(3, Image.Resampling.BICUBIC),
}


def main() -> int:
    parser = arguments(__doc__, data=False)
    parser.add_argument("--pictures", type=int, default=300, help="for recall")
    parser.add_argument("--timed", type=int, default=40, help="files of each kind")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    parsers = ParserProcesses(60, 1 << 30)
    figures = []
    for kind, content_type in (("JPEG", "image/jpeg"), ("PNG", "image/png")):
        figures += speed(parsers, kind, content_type, options.timed, options.rounds)
    parsers.close()
    return finish(figures + recall(options.pictures), options.json)


def speed(parsers: ParserProcesses, kind: str, content_type: str, count: int, rounds: int) -> list[Figure]:
    note(f"drawing {count} pictures as {kind}")
    options: dict[str, object] = {"quality": 90} if kind == "JPEG" else {}  # as cameras write them
    files = [packed(scene(n, *SIZES[n % len(SIZES)]), kind, **options) for n in range(count)]
    places = [Path(f"/dev/shm/hartonomous-benchmark-{os.getpid()}-{n}") for n in range(count)]
    for place, data in zip(places, files, strict=True):
        place.write_bytes(data)
    take_in(parsers, places[:1], content_type)  # starts the child
    ratios, pixels, own, alone = [], sum(w * h for w, h in (SIZES[n % len(SIZES)] for n in range(count))), [], []
    for _ in range(rounds):
        alone.append(processor_seconds(lambda: decode(places)))
        own.append(processor_seconds(lambda: take_in(parsers, places, content_type)))
        ratios.append(alone[-1] / own[-1])
    for place in places:
        place.unlink()
    ratios.sort()
    return [
        Figure(f"{kind}: megapixels of a file", pixels / count / 1e6),
        Figure(f"{kind}: kB of a file", sum(map(len, files)) / count / 1e3),
        Figure(f"{kind}: Pillow's decode alone", count / min(alone), "files/s"),
        Figure(f"{kind}: atoms, what is seen and said, and its vector", count / min(own), "files/s"),
        Figure(f"{kind}: speed against the decode alone, median", ratios[len(ratios) // 2], "x", at_least=0.6),
        Figure(f"{kind}: the same, worst", ratios[0], "x"),
    ]


def decode(places: list[Path]) -> None:
    for place in places:
        with place.open("rb") as file:
            Image.open(file).load()


def take_in(parsers: ParserProcesses, places: list[Path], content_type: str) -> None:
    """Make the atoms of each file, and the vector of what is seen in it."""
    embedder, atomizer = LookAlikeEmbedder(), atomizer_for(content_type)
    for place in places:
        with place.open("rb") as file:
            atoms = list(atomizer.atomize(file, content_type, Context(parsers, NoMembers(), name=place.name)))
        [preview] = [atom for atom in atoms if atom.modality == "image"]
        assert sum(len(atom.content) for atom in atoms if atom.role == "content") == place.stat().st_size
        [vector] = embedder.embed([read_pixels(parsers, preview.content)]).vectors
        assert abs(float(np.linalg.norm(vector)) - 1) < 1e-5


def processor_seconds(work: Callable[[], None]) -> float:
    """Of this process and its children, which go on."""
    before = _used()
    work()
    return _used() - before


def _used() -> float:
    each = [psutil.Process(), *psutil.Process().children()]
    return sum(times.user + times.system for times in (process.cpu_times() for process in each))


def recall(count: int) -> list[Figure]:
    """How often the nearest of all is what a picture was before it was changed."""
    note(f"drawing {count} pictures for recall")
    embedder, draw = LookAlikeEmbedder(), random.Random(3)
    pictures = [scene(n, *draw.choice([(640, 480), (480, 640), (800, 450)])) for n in range(count)]
    known = embedder.embed([seen(each) for each in pictures]).vectors
    figures = []
    started = time.process_time()
    for what, change in CHANGES.items():
        asked = embedder.embed([seen(change(each, n)) for n, each in enumerate(pictures)]).vectors
        cosines = asked @ known.T
        found = float((cosines.argmax(1) == np.arange(count)).mean())
        figures.append(Figure(f"recall@1 of {count}, {what}", found, at_least=None if "turned" in what else 0.95))
        figures.append(Figure(f"least cosine and 5%, {what}", float(np.percentile(np.diag(cosines), 5))))
    others = (known @ known.T)[~np.eye(count, dtype=bool)]
    note(f"changed and embedded in {time.process_time() - started:.1f} s")
    return [*figures, Figure("cosine of another picture, 99.9%", float(np.percentile(others, 99.9)))]


def seen(picture: Image.Image) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    """The pixels that an embedder gets: of the preview, which is a JPEG, 64 a side at most."""
    preview = picture.convert("RGB")
    preview.thumbnail((256, 256), Image.Resampling.HAMMING, reducing_gap=2.0)
    small = Image.open(io.BytesIO(packed(preview, quality=85)))
    small.thumbnail((64, 64), Image.Resampling.HAMMING, reducing_gap=2.0)
    return np.asarray(small)


if __name__ == "__main__":
    raise SystemExit(main())
