"""Real short texts of this machine: Debian's documentation, manual pages, Python's topics and docstrings; and their vectors, embedded once."""

import gzip
import json
import random
import re
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from common import note
from numpy.typing import NDArray

_SEED = 12
_SHORTEST, _LONGEST = 40, 300
_EMBEDDED_AT_ONCE = 2_000
_PER_PORTION = 50_000
"""Texts whose vectors are one file of the cache: embedding that is cut off goes on from there."""
_PARAGRAPH_END = re.compile(r"\n\s*\n|\n\s*(?=[*+-] )")
_SENTENCE_END = re.compile(r"(?<=[.!?]) (?=[A-Z])")
_DOCSTRING = re.compile(r'"""(.*?)"""', re.DOTALL)
_NO_TEXT = {".gif", ".png", ".svg", ".pdf", ".ps", ".css", ".js", ".html", ".htm", ".xz", ".zip", ".ttf", ".so", ".bin"}
_MANUALS = Path("/usr/share/man")
_MACRO_WITH_TEXT = re.compile(r"^\.(?:B|I|BR|RB|IR|RI|BI|IB|SM) ", re.MULTILINE)
_MACRO = re.compile(r"^[.'].*$", re.MULTILINE)
_ESCAPES = (
    (re.compile(r"\\f(?:\[\w*\]|\(..|.)|\\[&|/,%:^]"), ""),
    (re.compile(r"\\\(em|\\\[em\]"), "-"),
    (re.compile(r"\\(.)"), r"\1"),
)

Texts = list[str]
Vectors = NDArray[np.float32]


def documentation(
    resources: Any, count: int, questions: int, folder: Path, cache: Path, real: int | None = None
) -> tuple[tuple[Texts, Vectors], tuple[Texts, Vectors]]:
    """Draw distinct paragraphs, and sentences of longer ones, of 40 to 300 characters, and embed them by the product's own model.

    Returns `count` of them with their vectors, float32 (n, d), and as many others as questions. With a larger count the same come first.
    Only the first `real` of them are embedded, where that is given: `_made_up` makes the others.
    What the folder `cache` holds of an earlier call is taken from there.
    """
    cache.mkdir(parents=True, exist_ok=True)
    texts_file = cache / "documentation.json"
    if not texts_file.exists():
        texts_file.write_text(json.dumps(_draw(folder)), encoding="utf-8")
    texts: Texts = json.loads(texts_file.read_text(encoding="utf-8"))
    if len(texts) < count + questions:
        raise SystemExit(f"{folder}, {_MANUALS} and Python hold {len(texts):,} such texts, fewer than {count:,}")
    vectors = _embedded(resources, texts, min(count, real or count), cache)
    if len(vectors) < count:
        vectors = np.concatenate([vectors, _made_up(vectors, count - len(vectors))])
    asked = texts[len(texts) - questions :]
    [model] = resources.compute.models()
    return (texts[:count], vectors), (asked, resources.compute.embed(model, asked).vectors)


def _draw(folder: Path) -> Texts:
    texts: set[str] = set()
    for source in (_debian_documents(folder), _manuals(), _python_documents()):
        for document in source:
            for paragraph in _PARAGRAPH_END.split(document):
                text = " ".join(paragraph.split())
                texts.update(filter(_is_prose, [text] if len(text) <= _LONGEST else _SENTENCE_END.split(text)))
        note(f"{len(texts):,} texts")
    drawn = sorted(texts)
    random.Random(_SEED).shuffle(drawn)
    return drawn


def _is_prose(text: str) -> bool:
    return _SHORTEST <= len(text) <= _LONGEST and sum(map(str.isalpha, text)) > 0.6 * len(text)


def _made_up(real: Vectors, count: int) -> Vectors:
    """Unit vectors, float32 (count, d): a real one and half of what lies between two others, so they spread as real ones do."""
    random = np.random.default_rng(_SEED)
    blocks = []
    for start in range(0, count, _PER_PORTION):
        one, two, three = random.integers(len(real), size=(3, _PER_PORTION))
        block = real[one] + np.float32(0.5) * (real[two] - real[three])
        blocks.append(block / np.linalg.norm(block, axis=1, keepdims=True))
        note(f"{min(start + _PER_PORTION, count):,} of {count:,} vectors made up")
    return np.concatenate(blocks)[:count]


def _embedded(resources: Any, texts: Sequence[str], count: int, cache: Path) -> Vectors:
    [model] = resources.compute.models()
    portions: list[Vectors] = []
    for start in range(0, count, _PER_PORTION):
        end = min(start + _PER_PORTION, count)
        file = cache / f"documentation-{model.artifact_hash[:16]}-{start}-{end}.npy"
        if not file.exists():
            blocks = []
            for first in range(start, end, _EMBEDDED_AT_ONCE):
                last = min(first + _EMBEDDED_AT_ONCE, end)
                blocks.append(resources.compute.embed(model, texts[first:last]).vectors)
                note(f"{last:,} of {count:,} texts embedded")
            partial = file.with_suffix(".partial")
            with partial.open("wb") as written:
                np.save(written, np.concatenate(blocks))
            partial.replace(file)
        portions.append(np.load(file))
    return np.concatenate(portions)


def _debian_documents(folder: Path) -> Iterator[str]:
    for file in sorted(folder.rglob("*")):
        if not file.is_file() or file.is_symlink() or set(file.suffixes) & _NO_TEXT:
            continue
        data = file.read_bytes()
        try:
            yield (gzip.decompress(data) if file.suffix == ".gz" else data).decode()
        except (OSError, ValueError):
            continue  # no text: what is left of a folder of documents


def _manuals() -> Iterator[str]:
    """English manual pages, without what sets them."""
    for file in sorted(_MANUALS.glob("man*/*.gz")):
        if file.is_symlink():
            continue
        try:
            text = gzip.decompress(file.read_bytes()).decode()
        except (OSError, ValueError):
            continue
        text = _MACRO.sub("\n", _MACRO_WITH_TEXT.sub("", text))
        for escape, plain in _ESCAPES:
            text = escape.sub(plain, text)
        yield text


def _python_documents() -> Iterator[str]:
    from pydoc_data.topics import topics

    yield from topics.values()
    folders = {Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib")}
    for file in sorted({file for folder in folders for file in folder.rglob("*.py")}):
        yield from _DOCSTRING.findall(file.read_text(encoding="utf-8", errors="ignore"))
