"""Ranks atoms by the words of a question."""

import json
from collections.abc import Sequence

from hartonomous_core.words import question_terms
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.search_rows import LEXICAL_RANKING
from hartonomous_resources.database.searchable_atoms import AtomFilter, best_searchable, few_wanted_ids


def rank_by_words(
    unit_of_work: UnitOfWork, text: str, tenant: int, limit: int, atom_filter: AtomFilter
) -> Sequence[tuple[int, float]]:
    """Find the `limit` best atoms that hold a word, or a phrase in quotes, of a question, with the store's scores: by BM25 where it has it.

    Nobody is shown a score: its word statistics are those of all tenants, and it would tell of their texts.
    """
    terms = question_terms(text)
    if not terms:
        return []
    wanted = few_wanted_ids(unit_of_work, tenant, atom_filter)

    def rank(count: int) -> Sequence[tuple[int, float]]:
        return unit_of_work.match_words(tenant, terms, count, wanted)

    return best_searchable(unit_of_work, rank, limit, tenant, atom_filter)


def how_words_rank(unit_of_work: UnitOfWork, text: str) -> str:
    """Say what ranks the words of this question: bm25, fulltext or matches."""
    [row] = unit_of_work.query(LEXICAL_RANKING, terms=json.dumps(question_terms(text)))
    return row["ranking"]
