"""Says in words where something stands in a source, from its locator."""

from collections.abc import Callable, Mapping
from typing import Any

from hartonomous_service.cli.output import cell_text

_SAID_OTHERWISE = {"byteOffset", "byteLength", "charset", "box"}
"""The bytes stand before it; a box on a page says nothing to a reader, and `--json` has it."""


def _heading(path: Any) -> str:
    return "under " + " › ".join(map(str, path)) if isinstance(path, list) else f"under {path}"


def _time(span: Any) -> str:
    return "at " + "–".join(map(str, span)) if isinstance(span, list) else f"at {span}"


_WORDS: dict[str, Callable[[Any], str]] = {
    "message": lambda number: f"message {number}",
    "attached": lambda subjects: (
        "attached " + " › ".join(map(str, subjects)) if isinstance(subjects, list) else f"attached {subjects}"
    ),
    "part": lambda part: (
        f"its {part}" if part in ("attachments", "headers", "links", "output", "title") else f"part {part}"
    ),
    "quoted": lambda is_quoted: "quoted",
    "page": lambda page: f"page {page}",
    "slide": lambda slide: f"slide {slide}",
    "sheet": lambda sheet: f"sheet {sheet}",
    "cells": str,
    "heading": _heading,
    "cell": lambda cell: f"cell {cell}",
    "symbol": lambda symbol: f"in {symbol}",
    "line": lambda line: f"line {line}",
    "time": _time,
}
"""How a key of a locator is said, in this order; others follow as they are."""


def describe_locator(locator: Mapping[str, Any]) -> str:
    """Return such as "page 3", "under Tides › Spring tides", "sheet Sales, A1:D20"; empty where it only names bytes."""
    known = [say(locator[key]) for key, say in _WORDS.items() if key in locator]
    others = [f"{key} {value}" for key, value in locator.items() if key not in _WORDS and key not in _SAID_OTHERWISE]
    return cell_text(", ".join(known + others))
