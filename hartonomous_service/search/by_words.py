"""Ranks atoms by the words of a question."""

import json
import re

from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.search_rows import LEXICAL_MATCHES
from hartonomous_service.search.fusing import RRF_K


def rank_by_words(
    unit_of_work: UnitOfWork, text: str, tenant: int, any_word: bool, limit: int
) -> list[tuple[int, float]]:
    """Find the `limit` best atoms that hold every word, or any word; the backend ranks them (by BM25 where it has it)."""
    words = [word for word in text.split() if re.search(r"\w", word)]
    if not words:
        return []
    rows = unit_of_work.query(LEXICAL_MATCHES, words=json.dumps(words), any_word=any_word, tenant_id=tenant, n=limit)
    # Not BM25 itself: its word statistics are those of all tenants, and a score would tell of their texts.
    return [(row["atomId"], 1 / (RRF_K + rank)) for rank, row in enumerate(rows, start=1)]
