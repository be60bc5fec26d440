"""Count the words of a text file and report the most frequent ones.

The script reads a file line by line, so its memory grows with the number of distinct words and not
with the size of the file. Words are compared without regard to upper and lower case.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")


def words(lines: Iterable[str]) -> Iterator[str]:
    """Yield every word of the given lines in lower case; an apostrophe inside a word belongs to it."""
    for line in lines:
        for match in WORD.finditer(line):
            yield match.group().casefold()


def most_common(path: Path, limit: int = 10) -> list[tuple[str, int]]:
    """Return the most frequent words of a file with their counts, ties in alphabetical order."""
    with path.open(encoding="utf-8") as file:
        counts = Counter(words(file))
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:limit]


def main(arguments: list[str]) -> int:
    """Print a small table for each file named on the command line."""
    if not arguments:
        sys.stderr.write("usage: word_frequency.py FILE...\n")
        return 2
    for name in arguments:
        sys.stdout.write(f"{name}\n")
        for word, count in most_common(Path(name)):
            sys.stdout.write(f"{count:8d}  {word}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
