"""Search by words in SQLite: BM25 of FTS5, in bounded time.

FTS5 scores every row that holds some word of a question, and counts every row of every word: 91 ms for "what is the of in" over 50,000
passages. So the rarest words lead: a row must hold one of them, and they count twice. Other words only add to the score of such a row, and those
that stand in more than a fifth of all rows add nothing. A small store is ranked by every word.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from hartonomous_core.words import term_text

LEADING_ROWS = 6_000
"""The words that lead stand in at most so many rows together: FTS5 scores about 1,500 rows a millisecond."""
LEADING_SHARE = 0.06
"""The same as a share of all rows, in a store where that is more."""
COUNTED_ROWS = 20_000
"""A word that stands in so many rows adds nothing to a score: FTS5 counts about 20,000 rows a millisecond, for each question anew."""
COUNTED_SHARE = 0.2
"""The same as a share of all rows, in a store where that is more."""

_MOST_TERMS = 64
"""Of a question, the rarest: each costs something for each row that is scored."""
_MOST_REPEATS = 16
"""A word that a question holds more often counts as if it were so many times."""
_INDEXED_AT_ONCE = 20_000
"""Texts that one transaction indexes at most: well under a second's work."""

Scored = list[tuple[int, float]]

_OF_BATCHES = {
    "count_indexed_texts": "count_unread_batches",
    "count_matching_texts": "count_matching_batches",
    "best_matching_texts": "best_matching_batches",
    "newest_matching_texts": "newest_matching_batches",
}

_REMEMBERED = 10_000
_REMEMBERED_SECONDS = 300.0


class Asked(Protocol):
    """A transaction, as these functions ask it."""

    def query(self, statement: str, **parameters: object) -> Sequence[Mapping[str, Any]]:
        """Return the rows of a named statement."""


class Indexing(Asked, Protocol):
    """A transaction that writes."""

    def execute(self, statement: str, **parameters: object) -> int:
        """Run a named statement."""


class FrequentWords:
    """In how many rows words stand that stand in many; to count those is the dearest part of a question, and they hardly change."""

    def __init__(self) -> None:
        self._counts: dict[str, tuple[int, float]] = {}
        self._lock = threading.Lock()

    def rows(self, unit_of_work: Asked, expression: str, most: int) -> int:
        """Count the rows that hold an expression, up to `most`; the number may be some minutes old where it is above LEADING_ROWS."""
        now = time.monotonic()
        count, until = self._counts.get(expression, (0, now))
        if until > now:
            return min(count, most)
        count = unit_of_work.query("count_matching_texts", expression=expression, most=most)[0]["n"]
        if count > LEADING_ROWS:
            with self._lock:
                if len(self._counts) >= _REMEMBERED:
                    self._counts.clear()
                self._counts[expression] = (count, now + _REMEMBERED_SECONDS)
        return int(count)


def index_texts(unit_of_work: Indexing) -> None:
    """Bring the index up to what the triggers noted; where very much waits, a part of it."""
    last = unit_of_work.query("last_text_to_index", n=_INDEXED_AT_ONCE)[0]["atomId"]
    if last is not None:
        for statement in ("forget_texts", "index_texts", "delete_texts_to_index"):
            unit_of_work.execute(statement, last=last)


def match_words(
    unit_of_work: Asked,
    frequent: FrequentWords,
    tenant_id: int,
    terms: Sequence[str],
    n: int,
    wanted: Collection[int] | None,
) -> Scored:
    """See `UnitOfWork.match_words`."""
    of_whom = {"tenant_id": tenant_id, "n": n, "wanted": None if wanted is None else json.dumps(list(wanted))}
    expressions = Counter(map(_expression, terms))
    leading, others = _choose(unit_of_work, frequent, expressions)
    if not leading:
        return _newest(unit_of_work, frequent, [each for each in expressions if each in others], of_whom)
    found: Scored = []
    # Where the leading words do not give as many, the next one leads, too, then all do: at once, where few atoms are wanted.
    for more in sorted({0, min(1, len(others)), len(others)} if wanted is None else {len(others)}):
        expression = _matches([*leading, *others[:more]], others[more:], expressions)
        found = _best(unit_of_work, expression, of_whom)
        if len(found) >= n:
            break
    return found


def match_unread(
    unit_of_work: Asked, tenant_id: int, terms: Sequence[str], n: int, sources: Mapping[str, object]
) -> list[int]:
    """See `UnitOfWork.match_unread`."""
    if not unit_of_work.query("has_unread_batches")[0]["found"]:
        return []
    batches = _Batches(unit_of_work, sources)
    return [batch_id for batch_id, _ in match_words(batches, FrequentWords(), tenant_id, terms, n, None)]


class _Batches:
    """A transaction that asks the index of unread batches what others ask the index of texts."""

    def __init__(self, unit_of_work: Asked, sources: Mapping[str, object]) -> None:
        self._unit_of_work = unit_of_work
        self._sources = sources

    def query(self, statement: str, **parameters: object) -> Sequence[Mapping[str, Any]]:
        """Return the rows of the statement that asks the same of batches."""
        return self._unit_of_work.query(_OF_BATCHES[statement], **parameters, **self._sources)


def _choose(unit_of_work: Asked, frequent: FrequentWords, expressions: Collection[str]) -> tuple[list[str], list[str]]:
    """Choose the expressions that lead and those that add to scores, the rarest first.

    Where every one that the index knows stands in too many rows, none leads, and the others are those.
    """
    total = unit_of_work.query("count_indexed_texts")[0]["n"]
    most_leading = max(LEADING_ROWS, int(total * LEADING_SHARE))
    if total <= most_leading and len(expressions) <= _MOST_TERMS:
        return list(expressions), []
    most = max(COUNTED_ROWS, int(total * COUNTED_SHARE))
    counted = ((frequent.rows(unit_of_work, each, most), each) for each in expressions)
    known = sorted((pair for pair in counted if pair[0]), key=lambda pair: pair[0])[:_MOST_TERMS]
    useful = [pair for pair in known if pair[0] < most]
    leading: list[str] = []
    rows = 0
    for count, expression in useful:
        rows += count
        if leading and rows > most_leading:
            break
        leading.append(expression)
    return leading, [expression for _, expression in (useful or known)[len(leading) :]]


def _newest(
    unit_of_work: Asked, frequent: FrequentWords, expressions: Sequence[str], of_whom: Mapping[str, Any]
) -> Scored:
    """Find rows by words that stand nearly everywhere, so that a score would say little, newest first.

    Those that have them side by side come first, if that can be looked for in time; then those that hold them all, then those with one.
    """
    together = " ".join(expressions)
    wanted = [together, *expressions[:1]]
    if expressions and frequent.rows(unit_of_work, together, COUNTED_ROWS) < COUNTED_ROWS:
        wanted = [" + ".join(expressions), *wanted]
    found: dict[int, float] = {}
    for expression in dict.fromkeys(filter(None, wanted)):
        if len(found) < of_whom["n"]:
            rows = unit_of_work.query("newest_matching_texts", expression=expression, **of_whom)
            found = {**found, **{row["atomId"]: 1.0 for row in rows}}
    return list(found.items())[: of_whom["n"]]


def _best(unit_of_work: Asked, expression: str, of_whom: Mapping[str, Any]) -> Scored:
    rows = unit_of_work.query("best_matching_texts", expression=expression, **of_whom)
    return [(row["atomId"], row["score"]) for row in rows]


def _matches(leading: Sequence[str], adding: Sequence[str], often: Mapping[str, int]) -> str:
    """Say that one of the words that lead must be there; a word counts as often as a question holds it."""
    scored = " OR ".join(each for each in (*leading, *adding) for _ in range(min(often[each], _MOST_REPEATS)))
    return f"({' OR '.join(leading)}) AND ({scored})" if adding else scored


def _expression(term: str) -> str:
    """A term as FTS5 reads it: a string, so that none of its characters is taken for an operator."""
    words, goes_on = term_text(term)
    return '"' + words.replace('"', '""') + '"' + (" *" if goes_on else "")
