"""Reads JSON that others wrote, and refuses what readers would understand differently or a store cannot keep."""

import json
from collections.abc import Iterable, Mapping

MAX_DEPTH = 100
"""How deeply arrays and objects may be nested: SQL Server reads 128 levels, SQLite 1,000."""


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False)


class UnreadableJson(ValueError):
    """A text is not one JSON object, or readers would disagree about it. The message says what is wrong and quotes no value."""


def read_object(text: bytes | str) -> dict[str, object]:
    """Read the JSON object in a text. Bytes are UTF-8, UTF-16 or UTF-32, which JSON's first characters tell apart.

    Raises UnreadableJson.
    """
    document = read_json(text)
    if not isinstance(document, dict):
        raise UnreadableJson("not a JSON object")
    return document


def read_json(text: bytes | str) -> object:
    """Read JSON of any kind, in which no object has a key twice. Raises UnreadableJson."""
    try:
        return json.loads(text, object_pairs_hook=_refuse_repeated_keys)
    except UnreadableJson:
        raise
    except (ValueError, RecursionError) as error:
        raise UnreadableJson(f"not JSON: {error}") from error


def refuse_what_no_store_holds(document: Mapping[str, object]) -> None:
    """Refuse what Python reads although it is no JSON: NaN, infinite numbers, and half a surrogate pair, which UTF-8 cannot encode.

    Raises UnreadableJson, naming the top-level key under which it lies; also for a document that is nested too deeply.
    """
    if _is_deeper(document, MAX_DEPTH):
        raise UnreadableJson(f"it is nested more than {MAX_DEPTH} levels deep")
    for name, value in document.items():
        try:
            _ENCODER.encode({name: value}).encode()
        except ValueError as error:
            raise UnreadableJson(f"{name!a}: {error}") from error


def with_canonical_keys(document: Mapping[str, object], names: Iterable[str]) -> dict[str, object]:
    """Return the document with these names as its top-level keys, in whatever letter case it spelled them; nulls go, other keys stay.

    Nested objects are left alone: they are the sender's.

    Raises UnreadableJson for a name that is there in two spellings: readers disagree on which of them counts.
    """
    known = {name.lower(): name for name in names}
    found: dict[str, object] = {}
    for key, value in document.items():
        name = known.get(key.lower(), key) if key.isascii() else key
        if name in found:
            raise UnreadableJson(f"{name}: it is given more than once, in several spellings")
        found[name] = value
    return {name: value for name, value in found.items() if value is not None}


def _refuse_repeated_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise UnreadableJson("a key is there twice in one object")
    return found


def _is_deeper(value: object, depth: int) -> bool:
    level = [value]
    for _ in range(depth):
        level = [inner for outer in level for inner in _parts(outer) if isinstance(inner, dict | list)]
        if not level:
            return False
    return True


def _parts(value: object) -> Iterable[object]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
