"""The words of a batch of rows that nobody has read yet: of its bytes, as they are."""

import re

from hartonomous_core.words import indexed_text

_ESCAPES = re.compile(r"((?:\\u[0-9a-fA-F]{4})+)|\\(.)", re.DOTALL)
"""Of JSON: code units of UTF-16, and single characters."""


def words_of_batch(data: bytes, is_json: bool) -> str:
    """Return what the index is to split into the words of these rows.

    Whoever changes what it returns has the index of unread rows made anew: it finds the entries of a batch that goes by its words.
    """
    text = data.decode("utf-8", "replace")
    if is_json and "\\" in text:
        text = _ESCAPES.sub(_character, text)
    return indexed_text(text)


def _character(escape: re.Match[str]) -> str:
    if units := escape[1]:
        return bytes.fromhex(units.replace("\\u", "")).decode("utf-16-be", "replace")
    return " " if escape[2] in "bfnrt" else str(escape[2])
