"""Files for servers newer than 2019, whose grammar the parser does not have: checked as far as it goes, and never silently."""

import re

_MARK = re.compile(r"(?im)^\s*--\s*tsqlcheck:\s*newer-than-2019\b")
_VECTOR = re.compile(r"(?i)\bVECTOR\s*\(\s*\d+\s*(?:,\s*float(?:16|32)\s*)?\)")
_GO = re.compile(r"(?im)^[ \t]*GO[ \t]*$")


def is_newer(text: str) -> bool:
    """Whether a file is marked `-- tsqlcheck: newer-than-2019`."""
    return bool(_MARK.search(text))


def without_vectors(text: str) -> str:
    """The text with varbinary in place of VECTOR(n)."""
    return _VECTOR.sub("varbinary(8000)", text)


def without_batch(text: str, line: int) -> str:
    """The text without the batch in which a line (from 1) stands; every other place in it stays where it is."""
    offset = sum(len(part) for part in text.splitlines(keepends=True)[: line - 1])
    ends = [0, *(match.start() for match in _GO.finditer(text)), len(text)]
    start = max(end for end in ends if end <= offset)
    stop = min(end for end in ends if end > offset)
    return text[:start] + re.sub(r"[^\n]", " ", text[start:stop]) + text[stop:]
