"""Ranks atoms by the words of a question."""

import json
import re

from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.search_rows import LEXICAL_MATCHES


def rank_by_words(
    unit_of_work: UnitOfWork, text: str, tenant: int, any_word: bool, limit: int
) -> list[tuple[int, float]]:
    """Find the `limit` best atoms that hold every word, or any word, with the backend's scores: by BM25 where it has it.

    Nobody is shown a score: its word statistics are those of all tenants, and it would tell of their texts.
    """
    words = [word for word in text.split() if re.search(r"\w", word)]
    if not words:
        return []
    rows = unit_of_work.query(LEXICAL_MATCHES, words=json.dumps(words), any_word=any_word, tenant_id=tenant, n=limit)
    return [(row["atomId"], row["score"]) for row in rows]
