"""What is read of notebooks, of damaged ones, and of those that mean harm."""

import io
import json
import time
from typing import Any

import pytest
from hypothesis import given

from hartonomous_core.atomizers import Partial
from hartonomous_core.atomizers.content_type import sniff
from hartonomous_core.atomizers.extractors import notebooks
from tests.unit.changed_bytes import Cuts, cut, cuts_of, rebuilt

OUTPUTS: list[dict[str, Any]] = [
    {"output_type": "stream", "name": "stdout", "text": ["10%\r20%\r\n", "\x1b[31mThe ebb\x1b[0m has begun\n"]},
    {"output_type": "error", "ename": "ValueError", "evalue": "no such tide", "traceback": ["\x1b[0;31m---"]},
    {"output_type": "display_data", "data": {"image/png": "AAAA", "text/plain": ["<Figure size 640x480>"]}},
    {"output_type": "execute_result", "data": {"text/html": ["<b>4.2</b>"], "text/plain": ["4.2 metres"]}},
]
CELLS: list[dict[str, Any]] = [
    {"cell_type": "markdown", "metadata": {}, "source": ["# Tides\n", "Spring tides follow the full moon."]},
    {"cell_type": "code", "metadata": {}, "source": "print(height('Lyme'))", "outputs": OUTPUTS},
    {"cell_type": "raw", "source": []},
    {"cell_type": "markdown", "source": "Last words."},
]
NOTEBOOK = json.dumps({"metadata": {}, "nbformat": 4, "nbformat_minor": 5, "cells": CELLS}, indent=1).encode()
OLD_CELLS = [
    {"cell_type": "heading", "level": 1, "source": ["Neap tides"]},
    {
        "cell_type": "code",
        "input": ["x = 1\n", "x"],
        "outputs": [{"output_type": "pyout", "text": ["1"]}, {"png": "A", "text": ["<Figure>"]}],
    },
]
OLD = json.dumps({"nbformat": 3, "worksheets": [{"cells": OLD_CELLS[:1]}, {"cells": OLD_CELLS[1:]}]}).encode()


def read(data: bytes) -> tuple[list[tuple[str, Any]], str | None]:
    """What was read, and why it is not all."""
    found = []
    try:
        for section in notebooks.extract(io.BytesIO(data), "application/x-ipynb+json"):
            found.append((section.text, section.locator))
    except Partial as problem:
        return found, str(problem)
    return found, None


def test_cells_and_what_came_out_are_read_in_turn_without_pictures() -> None:
    output = {"cell": 2, "part": "output"}
    assert read(NOTEBOOK) == (
        [
            ("# Tides\nSpring tides follow the full moon.", {"cell": 1}),
            ("print(height('Lyme'))", {"cell": 2}),
            ("20%\nThe ebb has begun\n", output),
            ("ValueError\nno such tide", output),
            ("4.2 metres", output),
            ("Last words.", {"cell": 4}),
        ],
        None,
    )


def test_cells_of_code_are_code() -> None:
    sections = notebooks.extract(io.BytesIO(NOTEBOOK), "application/x-ipynb+json")
    assert [section.text for section in sections if section.modality == "code"] == ["print(height('Lyme'))"]


@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "utf-16", "utf-32-be"])
def test_sheets_of_version_3_are_read_and_any_encoding_of_json(charset: str) -> None:
    assert read(OLD.decode().encode(charset)) == (
        [("Neap tides", {"cell": 1}), ("x = 1\nx", {"cell": 2}), ("1", {"cell": 2, "part": "output"})],
        None,
    )


DAMAGED: dict[str, tuple[bytes, str | None, int]] = {
    "nothing": (b"", "no JSON any more", 0),
    "no JSON": (b"cells", "no JSON any more", 0),
    "truncated": (NOTEBOOK[: NOTEBOOK.rindex(b"Last")], "only the cells before", 5),
    "a comma too many": (NOTEBOOK.replace(b'"raw",', b'"raw",,'), "only the cells before", 5),
    "more behind it": (NOTEBOOK + b"}", "only the cells before", 6),
    "a list": (b"[]", "no notebook", 0),
    "null": (b"null", "no notebook", 0),
    "other JSON": (b'{"a": 1}', "no notebook", 0),
    "no cell yet": (b'{"cells": [], "nbformat": 4}', None, 0),
    "cells that are none": (b'{"cells": {"a": 1}}', None, 0),
    "sheets that are none": (b'{"worksheets": [1, {"cells": 1}, null]}', None, 0),
    "odd cells": (
        b'{"cells": [null, 1, "x", [], {}, {"source": 1}, {"source": {"a": 1}}, {"source": [1, "a"]}]}',
        None,
        1,
    ),
    "odd outputs": (
        b'{"cells": [{"outputs": 1}, {"outputs": [1, {"data": []}, {"data": {"text/plain": {}}}, {"ename": 1}, {"text": "x"}]}]}',
        None,
        1,
    ),
    "not UTF-8": (b'{"cells": [{"source": "tide \xff"}]}', None, 1),
    "NULs": (b'{"cells": [{"source": "tide\0"}]}', "no JSON any more", 0),
    "a lone surrogate": (b'{"cells": [{"source": "\\ud800"}]}', None, 1),
    "a number without end": (b'{"cells": [{"source": "x"}, ' + b"9" * 5000 + b"]}", "only the cells before", 1),
    "infinite numbers": (b'{"cells": [1e9999, NaN, -Infinity, {"source": "x"}]}', None, 1),
    "lists within lists": (b"[" * 1_000_000, "no JSON any more", 0),
    "lists within cells": (b'{"cells": [{"source": "x"}, ' + b"[" * 1_000_000, "only the cells before", 1),
    "cells within cells": (b'{"cells": [' * 300_000, "no JSON any more", 0),
    "commas": (b'{"cells": [' + b"," * 5_000_000, "no JSON any more", 0),
    "many cells": (b'{"cells": [' + b",".join([b'{"source": "x"}'] * 100_000) + b"]}", None, 100_000),
    "a long line": (b'{"cells": [{"outputs": [{"text": "' + b"x" * 10_000_000 + b'"}]}]}', None, 1),
    "returns": (b'{"cells": [{"outputs": [{"text": "' + b"\\r" * 2_000_000 + b'x"}]}]}', None, 1),
    "colours": (b'{"cells": [{"outputs": [{"text": "' + b"\\u001b[" * 500_000 + b'"}]}]}', None, 1),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_what_is_damaged_is_read_as_far_as_it_goes_and_says_why(name: str) -> None:
    data, reason, count = DAMAGED[name]
    started = time.process_time()
    found, problem = read(data)
    assert time.process_time() - started < 20
    assert (problem is None) if reason is None else (reason in str(problem))
    assert len(found) == count


@pytest.mark.parametrize(
    "data", [NOTEBOOK, OLD, NOTEBOOK[:-1], NOTEBOOK[: NOTEBOOK.index(b"Last")], b'{"cells": 1}', b"{}"]
)
def test_of_a_large_notebook_the_same_is_read(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, problem = read(data)
    monkeypatch.setattr(notebooks, "MOST_WHOLE_CHARACTERS", 0)
    found, reason = read(data)
    assert found == whole
    if data != NOTEBOOK[:-1]:  # what is wrong behind the cells is not looked for
        assert (reason or "")[:20] == (problem or "")[:20]


def test_a_notebook_of_more_than_the_limit_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebooks, "MOST_BYTES", len(NOTEBOOK) - 1)
    assert read(NOTEBOOK) == ([], f"a notebook of more than {len(NOTEBOOK) - 1:,} bytes is not read")


@given(cuts_of(NOTEBOOK))
def test_whatever_happens_to_its_bytes_only_partial_is_raised(cuts: Cuts) -> None:
    data = cut(NOTEBOOK, cuts)
    read(data)
    assert rebuilt(data, "application/x-ipynb+json") == data


def test_notebooks_are_known_by_their_names() -> None:
    assert sniff(NOTEBOOK, "tides.IPYNB") == "application/x-ipynb+json"
    assert sniff(NOTEBOOK, "tides.json") == "application/json"
