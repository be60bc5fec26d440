"""Says whether what was found answers the question, or is merely the nearest; and which text has all its words."""

import json
import re
from collections.abc import Sequence

from hartonomous_core.words import folded, indexed_text, question_terms, term_text
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.search_rows import ATOMS_BY_ID
from hartonomous_service.search.fusing import Found

_TEXTS_READ = 10
"""Texts that are read for the words of a question, the best by words."""

_WORD = re.compile(r"[^\W_]+")


def is_answered(
    unit_of_work: UnitOfWork, question: str, best: float | None, floor: float | None, found: Sequence[Found]
) -> bool:
    """Whether the highest cosine, `best`, reaches the floor of the model, or some text has every word of the question: a name has hardly a meaning.

    `found` is ranked: a text with every word stands first, so no other is read again. Where no floor is known, or nothing was compared by meaning,
    whatever was found answers.
    """
    if best is None or floor is None:
        return bool(found)
    return best >= floor or first_with_every_word(unit_of_work, question, found[:1]) is not None


def first_with_every_word(unit_of_work: UnitOfWork, question: str, found: Sequence[Found]) -> Found | None:
    """Return the first of those found, of the ten best by words, whose text has every word of the question."""
    terms = [_asked(*term_text(term)) for term in question_terms(question)]
    read = [each.atom_id for each in found if each.lexical_rank and each.lexical_rank <= _TEXTS_READ]
    texts = {
        row["atomId"]: _spaced(indexed_text(row["text"] or ""))
        for row in unit_of_work.query(ATOMS_BY_ID, atom_ids=json.dumps(read))
    }
    return next((each for each in found if all(term in texts.get(each.atom_id, "") for term in terms)), None)


def _asked(term: str, goes_on: bool) -> str:
    """The words of a term, as they stand in what `_spaced` makes of a text."""
    words = _spaced(term)
    return words[:-1] if goes_on else words


def _spaced(text: str) -> str:
    """The words of a text, one space between them and around."""
    return f" {' '.join(_WORD.findall(folded(text)))} "
