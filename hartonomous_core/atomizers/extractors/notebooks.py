"""What people read in notebooks (Jupyter, nbformat 3 and 4): the cells in turn, and what they gave as text. Pictures are left out."""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, BinaryIO

from hartonomous_core.atomizers.sections import Partial, Section

MOST_BYTES = 64 * 1024 * 1024
"""Of a notebook, whose text is in memory as a whole."""
MOST_WHOLE_CHARACTERS = 16 * 1024 * 1024
"""Of one that is parsed as a whole, which takes six times as much memory; of a larger one each cell by itself."""
_DAMAGED = "it is no JSON any more, and only the cells before that were read"
_CELLS = re.compile(r'"cells"\s*:\s*\[')
_BETWEEN = re.compile(r"[\s,]*")
_DECODER = json.JSONDecoder()
_COLOURS = re.compile(r"\x1b\[[0-9;]{0,30}[A-Za-z]")


def extract(stream: BinaryIO, content_type: str) -> Iterator[Section]:
    """Yield what stands in each cell, {"cell": its number, from 1}, and what came out, {"cell", "part": "output"}.

    Raises Partial for a notebook of more than 64 MiB, and for what is none; of one that is damaged, the cells before the damage are read.
    """
    data = stream.read(MOST_BYTES)
    if stream.read(1):
        raise Partial(f"a notebook of more than {MOST_BYTES:,} bytes is not read")
    text = data.decode(json.detect_encoding(data), "replace").removeprefix("\ufeff")
    del data
    cells: Iterable[Any]
    problem = None
    if len(text) > MOST_WHOLE_CHARACTERS and _CELLS.search(text) and '"worksheets"' not in text:
        cells = _cells_one_by_one(text)
    else:
        cells, problem = _cells_of_whole(text)
    for number, cell in enumerate(cells, 1):
        if isinstance(cell, dict):
            yield from _sections(cell, {"cell": number})
    if problem:
        raise Partial(problem)


def _cells_of_whole(text: str) -> tuple[list[Any], str | None]:
    """Return the cells, those before the damage where there is some, and what it is."""
    try:
        notebook = json.loads(text)
        if not isinstance(notebook, dict) or not ("cells" in notebook or "worksheets" in notebook):
            raise Partial("it is JSON, but no notebook: it has no cells")
        return list(_cells(notebook)), None
    except (ValueError, RecursionError) as error:
        found: list[Any] = []
        with suppress(Partial):
            found.extend(_cells_one_by_one(text))
        return found, f"{_DAMAGED}: {error}"


def _cells(notebook: Any) -> Iterator[Any]:
    """Yield the cells: of the notebook, or, until version 3, of its sheets."""
    for holder in _dicts([notebook, *_dicts_at(notebook, "worksheets")]):
        cells = holder.get("cells")
        yield from cells if isinstance(cells, list) else ()


def _cells_one_by_one(text: str) -> Iterator[Any]:
    """Yield the cells as they stand. Raises Partial where they are no JSON any more."""
    begin = _CELLS.search(text)
    at = begin.end() if begin else len(text)
    while (between := _BETWEEN.match(text, at)) and not text.startswith("]", at := between.end()):
        try:
            cell, at = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            raise Partial(f"{_DAMAGED}: {error}") from error
        yield cell


def _sections(cell: dict[str, Any], locator: dict[str, object]) -> Iterator[Section]:
    if text := _text(cell.get("source") or cell.get("input")):
        is_code = cell.get("cell_type") == "code"
        yield Section(text, locator, modality="code" if is_code else "text")
    for output in _dicts_at(cell, "outputs"):
        if text := _COLOURS.sub("", _shown(_output(output))):
            yield Section(text, {**locator, "part": "output"})


def _output(output: dict[str, Any]) -> str:
    """Return what an output says: what was printed, a value as text unless it is a picture, or the error."""
    data = output.get("data")
    values = data if isinstance(data, dict) else output
    if any(kind.startswith("image/") or kind in ("png", "jpeg", "svg") for kind in values):
        return ""
    said = _text(values.get("text/plain")) or _text(values.get("text/markdown")) or _text(values.get("text"))
    if said:
        return said
    return "\n".join(filter(None, map(_text, (output.get("ename"), output.get("evalue"))))) or ""


def _shown(text: str) -> str:
    """Return what is left of each line where a terminal goes back to its beginning, as bars of progress do."""
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))


def _text(value: Any) -> str:
    """Return a text that may be given line by line."""
    if isinstance(value, list):
        value = "".join(line for line in value if isinstance(line, str))
    return value if isinstance(value, str) and value.strip() else ""


def _dicts_at(holder: Any, key: str) -> Iterator[dict[str, Any]]:
    values = holder.get(key) if isinstance(holder, dict) else None
    return _dicts(values if isinstance(values, list) else [])


def _dicts(values: list[Any]) -> Iterator[dict[str, Any]]:
    return (value for value in values if isinstance(value, dict))
