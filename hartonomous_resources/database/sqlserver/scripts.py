"""Texts of sql/sqlserver/ as the server takes them: for the schema chosen, and batch by batch."""

import re
from collections.abc import Iterator

_SCHEMA_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def in_schema(text: str, schema: str) -> str:
    """A text of sql/sqlserver/, which is written for dbo, for another schema.

    Raises ValueError for a name that would need quoting: it is our own setting, and such a name has no use.
    """
    if not _SCHEMA_NAME.fullmatch(schema):
        raise ValueError(f"schema {schema!r} is not a plain name of letters, digits and underscores")
    return re.sub(r"\bdbo\b", schema, re.sub(r"\bdbo\.", f"[{schema}].", text))


_OUTSIDE = re.compile(r"^-- outside a transaction:", re.MULTILINE)


def runs_outside_a_transaction(script: str) -> bool:
    """Whether a script says that the server takes its statements in no transaction: it can be repeated where it failed half way."""
    return _OUTSIDE.search(script) is not None


_NOT_CODE = re.compile(
    r"--[^\n]*|/\*.*?\*/|N?'(?:[^']|'')*'|\[(?:[^\]]|\]\])*\]|^[ \t]*(?i:GO)[ \t]*$", re.DOTALL | re.MULTILINE
)


def split_batches(text: str) -> Iterator[str]:
    """Batches of a script: GO separates them where it stands alone on a line, outside of strings and comments."""
    start = 0
    for found in _NOT_CODE.finditer(text):
        if found[0].strip().upper() == "GO":
            if text[start : found.start()].strip():
                yield text[start : found.start()].strip()
            start = found.end()
    if text[start:].strip():
        yield text[start:].strip()
