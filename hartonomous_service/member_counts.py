"""Counts what was found in archives, mails and documents and cannot be searched, with the reasons."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from hartonomous_core.vocabulary import NOT_SEARCHABLE, PARTIAL
from hartonomous_resources.database.protocol import Row, UnitOfWork
from hartonomous_service.source_records import is_searchable

_MOST_REASONS = 20


def count_members(unit_of_work: UnitOfWork, source_ids: Sequence[int]) -> dict[str, Any]:
    """Count the current sources that were found in these, at any depth: {"sources", "notSearchable", "partial", "failed", "unfinished", "reasons"}.

    `reasons` are those of the first three kinds, the most frequent first and no more than 20: {"kind", "reason", "sources", "sourceId",
    "sourceUri"}, of which the last two are those of one of these sources.
    """
    rows = unit_of_work.query("members_of", source_ids=json.dumps(source_ids)) if source_ids else []
    counts = Counter(dict.fromkeys(("notSearchable", "partial", "failed", "unfinished"), 0))
    reasons = []
    for row in sorted(rows, key=lambda row: (-row["n"], row["sourceId"])):
        kind = _kind_of(row)
        if kind is not None:
            counts[kind] += row["n"]
        if kind in ("notSearchable", "partial", "failed"):
            one = {"sourceId": row["sourceId"], "sourceUri": row["sourceUri"]}
            reasons.append({"kind": kind, "reason": _reason_of(row), "sources": row["n"], **one})
    return {"sources": sum(row["n"] for row in rows), **counts, "reasons": reasons[:_MOST_REASONS]}


def _kind_of(row: Row) -> str | None:
    if row["status"] == "DeadLettered":
        return "failed"
    if row["status"] != "Atomized":
        return "unfinished"
    if not is_searchable(row["status"], row["contentType"], row["note"]):
        return "notSearchable"
    return "partial" if (row["note"] or "").startswith(PARTIAL) else None


def _reason_of(row: Row) -> str:
    note = row["note"] or f"{row['contentType']} is kept as bytes"
    return str(note).removeprefix(PARTIAL).removeprefix(NOT_SEARCHABLE)
