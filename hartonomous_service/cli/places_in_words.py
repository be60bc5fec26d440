"""Says in words where something stands in a source, from its locator."""

from collections.abc import Callable, Mapping
from typing import Any

from hartonomous_service.cli.output import cell_text

_SAID_OTHERWISE = {"byteOffset", "byteLength", "charset", "box", "columns"}
"""The bytes stand before it, columns beside their values; a box on a page says nothing to a reader, and `--json` has it."""


def _joined(parts: Any, by: str) -> str:
    return by.join(map(str, parts)) if isinstance(parts, list) else str(parts)


def _lines(span: Any) -> str:
    is_one = isinstance(span, list) and bool(span) and span.count(span[0]) == len(span)
    return f"line {span[0]}" if is_one else f"lines {_joined(span, '–')}"


_WORDS: dict[str, Callable[[Any], str]] = {
    "message": lambda number: f"message {number}",
    "attached": lambda subjects: f"attached {_joined(subjects, ' › ')}",
    "part": lambda part: (
        f"its {part}"
        if part in ("attachments", "description", "headers", "links", "name", "output", "title")
        else f"part {part}"
    ),
    "quoted": lambda is_quoted: "quoted",
    "page": lambda page: f"page {page}",
    "slide": lambda slide: f"slide {slide}",
    "sheet": lambda sheet: f"sheet {sheet}",
    "cells": str,
    "pointer": lambda pointer: f"at {pointer}",
    "rows": lambda span: f"rows {_joined(span, '–')}",
    "row": lambda row: f"row {row}",
    "heading": lambda path: f"under {_joined(path, ' › ')}",
    "element": lambda path: f"at {path}",
    "cell": lambda cell: f"cell {cell}",
    "symbol": lambda path: f"in {_joined(path, '.')}",
    "line": lambda line: f"line {line}",
    "lines": _lines,
    "time": lambda span: f"at {_joined(span, '–')}",
}
"""How a key of a locator is said, in this order; others follow as they are."""


def describe_locator(locator: Mapping[str, Any]) -> str:
    """Return such as "page 3", "under Tides › Spring tides", "sheet Sales, A1:D20"; empty where it only names bytes."""
    known = [say(locator[key]) for key, say in _WORDS.items() if key in locator]
    others = [f"{key} {value}" for key, value in locator.items() if key not in _WORDS and key not in _SAID_OTHERWISE]
    return cell_text(", ".join(known + others))
