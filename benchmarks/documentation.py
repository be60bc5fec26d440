"""Real short texts of this machine: Debian's documentation of packages, Python's topics and docstrings; and their vectors, embedded once."""

import ast
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

_SHORTEST, _LONGEST = 40, 300
_EMBEDDED_AT_ONCE = 2_000
_PARAGRAPH_END = re.compile(r"\n\s*\n|\n\s*(?=[*+-] )")
_NO_TEXT = {".gif", ".png", ".svg", ".pdf", ".ps", ".css", ".js", ".html", ".htm", ".xz", ".zip", ".ttf", ".so", ".bin"}


def documentation(
    resources: Any, count: int, folder: Path, cache: Path, seed: int = 12
) -> tuple[list[str], NDArray[np.float32]]:
    """Draw `count` distinct paragraphs of 40 to 300 characters and embed them by the product's own model: vectors are float32 (n, d).

    What the folder `cache` holds of an earlier call is taken from there.
    """
    [model] = resources.compute.models()
    cache.mkdir(parents=True, exist_ok=True)
    name = f"documentation-{count}-{seed}"
    texts_file, vectors_file = cache / f"{name}.json", cache / f"{name}-{model.artifact_hash[:16]}.npy"
    if not texts_file.exists():
        texts_file.write_text(json.dumps(_draw(count, folder, seed)), encoding="utf-8")
    texts: list[str] = json.loads(texts_file.read_text(encoding="utf-8"))
    if not vectors_file.exists():
        np.save(vectors_file, _embed(resources, model, texts))
    return texts, np.load(vectors_file)


def _draw(count: int, folder: Path, seed: int) -> list[str]:
    paragraphs = (
        " ".join(paragraph.split())
        for document in (*_debian_documents(folder), *_python_documents())
        for paragraph in _PARAGRAPH_END.split(document)
    )
    texts = sorted({text for text in paragraphs if _is_prose(text)})
    if len(texts) < count:
        raise SystemExit(f"{folder} and Python hold {len(texts):,} such paragraphs, fewer than {count:,}")
    return random.Random(seed).sample(texts, count)


def _is_prose(text: str) -> bool:
    return _SHORTEST <= len(text) <= _LONGEST and sum(map(str.isalpha, text)) > 0.6 * len(text)


def _embed(resources: Any, model: Any, texts: Sequence[str]) -> NDArray[np.float32]:
    blocks = []
    for start in range(0, len(texts), _EMBEDDED_AT_ONCE):
        blocks.append(resources.compute.embed(model, texts[start : start + _EMBEDDED_AT_ONCE]).vectors)
        note(f"{min(start + _EMBEDDED_AT_ONCE, len(texts)):,} of {len(texts):,} texts embedded")
    return np.concatenate(blocks)


def _debian_documents(folder: Path) -> Iterator[str]:
    for file in sorted(folder.rglob("*")):
        if not file.is_file() or file.is_symlink() or set(file.suffixes) & _NO_TEXT:
            continue
        data = file.read_bytes()
        try:
            yield (gzip.decompress(data) if file.suffix == ".gz" else data).decode()
        except (OSError, ValueError):
            continue  # no text: what is left of a folder of documents


def _python_documents() -> Iterator[str]:
    from pydoc_data.topics import topics

    yield from topics.values()
    for file in sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py")):
        if "site-packages" in file.parts:
            continue
        try:
            tree = ast.parse(file.read_bytes())
        except (SyntaxError, ValueError):
            continue  # tests of the parser itself
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                yield ast.get_docstring(node) or ""
