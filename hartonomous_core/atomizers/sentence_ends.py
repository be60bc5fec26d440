"""Says where sentences begin in prose.

nupunkt, a Punkt tokenizer (Kiss & Strunk, "Unsupervised Multilingual Sentence Boundary Detection", Computational
Linguistics 32(4), 2006), judges the ends . ! and ?. Every end of other scripts counts, whether white space follows or not.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache, lru_cache

_SENTENCE_TERMINAL = """
    589 61D-61F 6D4 700-702 7F9 837 839 83D 83E 964 965 104A 104B 1362 1367 1368 166E 1735 1736 17D4 17D5 1803 1809
    1944 1945 1AA8-1AAB 1B4E 1B4F 1B5A 1B5B 1B5E 1B5F 1B7D-1B7F 1C3B 1C3C 1C7E 1C7F 2024 203C 203D 2047-2049
    2CF9-2CFB 2E2E 2E3C 2E53 2E54 3002 A4FF A60E A60F A6F3 A6F7 A876 A877 A8CE A8CF A92F A9C8 A9C9 AA5D-AA5F AAF0
    AAF1 ABEB FE12 FE15 FE16 FE52 FE56 FE57 FF01 FF0E FF1F FF61 10A56 10A57 10F55-10F59 10F86-10F89 11047 11048
    110BE-110C1 11141-11143 111C5 111C6 111CD 111DE 111DF 11238 11239 1123B 1123C 112A9 113D4 113D5 1144B 1144C
    115C2 115C3 115C9-115D7 11641 11642 1173C-1173E 11944 11946 11A42 11A43 11A9B 11A9C 11C41 11C42 11EF7 11EF8
    11F43 11F44 16A6E 16A6F 16AF5 16B37 16B38 16B44 16D6E 16D6F 16E98 1BC9F 1DA88
"""
"""Sentence_Terminal in PropList.txt of Unicode 17.0, without the ASCII characters . ! and ?."""
_CLOSING = (
    "\"')\\]}\u2019\u201d\u203a\u00bb\u3009\u300b\u300d\u300f\u3011\u3015\u3017\u3019\u301b\uff09\uff3d\uff5d\uff63"
)
_LONG_RUN = re.compile(r"(?<!\S)\S{256,}\s*")
"""No white space for so long (base64, or a script without spaces): nupunkt's regular expressions need quadratic time in it."""


def sentence_starts(text: str, start: int, stop: int) -> Iterator[int]:
    """Yield, in no order, where sentences of the prose `text[start:stop]` begin, but for the first.

    One begins before and after a run of 256 or more characters without white space, too.
    """
    prose = text[start:stop]
    position = 0
    for run in _LONG_RUN.finditer(prose):
        yield from _of_nupunkt(prose[position : run.start()], start + position)
        position = run.end()
        yield from (start + run.start(), start + position)
    yield from _of_nupunkt(prose[position:], start + position)
    if not prose.isascii() and (terminals := "".join(end for end in _terminals() if end in prose)):
        yield from (start + end.end() for end in _end_of(terminals).finditer(prose))


def _of_nupunkt(prose: str, start: int) -> Iterator[int]:
    for begin, _ in _nupunkt()(prose):
        if begin:
            yield start + begin


@cache
def _terminals() -> tuple[str, ...]:
    ranges = [[int(bound, 16) for bound in part.split("-")] for part in _SENTENCE_TERMINAL.split()]
    return tuple(chr(code) for bounds in ranges for code in range(bounds[0], bounds[-1] + 1))


@lru_cache(maxsize=256)
def _end_of(terminals: str) -> re.Pattern[str]:
    """Match what ends a sentence, and the white space after it; a full-width number has its point inside."""
    return re.compile(
        rf"[{terminals}](?!(?<=[\uff10-\uff19]\uff0e)[\uff10-\uff19])[{terminals}.!?\u2026]*[{_CLOSING}]*\s*"
    )


@cache
def _nupunkt() -> Callable[[str], Iterable[tuple[int, int]]]:
    """Load nupunkt's function from a text to the (start, stop) of its sentences, with its built-in model."""
    from nupunkt import load

    spans: Callable[[str], Iterable[tuple[int, int]]] = load("default").span_tokenize
    return spans
