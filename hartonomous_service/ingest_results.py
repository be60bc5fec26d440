"""What became of the files of one ingest: its messages, and the sources that they came to."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hartonomous_assets.source_members import may_hold_more
from hartonomous_core.vocabulary import UNFINISHED_SOURCE_STATUSES
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.source_uris import is_file_uri, local_path
from hartonomous_service.member_counts import count_members
from hartonomous_service.source_records import count_atoms, is_searchable

_QUEUED: dict[str, Any] = {
    "sourceId": None,
    "sourceUri": None,
    "contentType": None,
    "byteLength": None,
    "contentHash": None,
    "status": "Queued",
}
"""Result of a file whose message no run has received yet."""

_NAMED = 3
_NOWHERE = "it is not in the store, and no longer on its way; `hartonomous dead-letters list` shows what was refused"


@dataclass
class Ingestion:
    """The files of one call and their messages."""

    uris: list[str] = field(default_factory=list)
    messages: dict[str, str] = field(default_factory=dict)
    """Id of the message by uri; an unchanged file has none."""
    unchanged: set[str] = field(default_factory=set)
    earlier: set[str] = field(default_factory=set)
    """Ids of messages of earlier commands that brought versions of these files, or what is in them, that may not be done."""

    @property
    def awaited(self) -> list[str]:
        """The ids of all messages of which nothing may be left."""
        return [*self.messages.values(), *self.earlier]


def describe_unfinished(sources: Sequence[Mapping[str, Any]]) -> str | None:
    """Say which of the files that were waited for are not done, and what to do; None where all are."""
    left = [row["sourceUri"] for row in sources if row["status"] in ("Queued", *UNFINISHED_SOURCE_STATUSES)]
    if not left:
        return None
    named = ", ".join(str(local_path(uri)) if is_file_uri(uri) else uri for uri in left[:_NAMED])
    more = f" and {len(left) - _NAMED:,} more" if len(left) > _NAMED else ""
    are, them = ("is", "it") if len(left) == 1 else ("are", "them")
    return (
        f"{named}{more} {are} not done, and nothing works on {them}: `hartonomous health` says what may be wrong; "
        "then run `hartonomous ingest` again"
    )


def read_results(
    unit_of_work: UnitOfWork, ingestion: Ingestion, tenant: int
) -> tuple[list[dict[str, Any]], list[dict[str, str]], dict[str, Any]]:
    """Return the sources of the files, and the files that were refused: each file is in one of the two lists; and how many were found in them."""
    failed: list[dict[str, str]] = []
    sources: list[dict[str, Any]] = []
    ids = json.dumps(list(ingestion.messages.values()))
    for row in unit_of_work.query("dead_letters_of_messages", message_ids=ids, tenant_id=tenant):
        failed.append({"sourceUri": row["orderingKey"], "error": row["reason"]})
    refused = {item["sourceUri"] for item in failed}
    queued = {row["messageId"] for row in unit_of_work.query("queued_message_ids", message_ids=ids)}
    rows = unit_of_work.query("sources_by_uri", tenant_id=tenant, source_uris=json.dumps(ingestion.uris))
    current = {row["sourceUri"]: row for row in rows if row["status"] == "Atomized"}
    for row in rows:  # one of another command, of the same bytes, goes away again
        if row["status"] in UNFINISHED_SOURCE_STATUSES and (
            row["messageId"] == ingestion.messages.get(row["sourceUri"]) or row["sourceUri"] not in current
        ):
            current[row["sourceUri"]] = row
    given_up = {row["sourceUri"]: row["errorMessage"] for row in rows if row["status"] == "DeadLettered"}
    for uri in dict.fromkeys(ingestion.uris):
        if uri in refused:
            continue
        if ingestion.messages.get(uri) in queued:
            sources.append({**_QUEUED, "sourceUri": uri})
        elif uri in current:
            sources.append(dict(current[uri]))
        else:  # its dead letter is that of a later message by now, or discarded
            failed.append({"sourceUri": uri, "error": given_up.get(uri) or _NOWHERE})
    counts = count_atoms(unit_of_work, [row["sourceId"] for row in sources if row["sourceId"] is not None])
    nothing_new = {"newAtomCount": 0, "newBytes": 0}
    described = []
    for row in sources:
        unchanged = row["sourceUri"] in ingestion.unchanged
        note = row["errorMessage"] if row["status"] == "Atomized" else None
        described.append(
            {
                **{key: row[key] for key in _QUEUED},
                "searchable": is_searchable(row["status"], row["contentType"], note) and row["byteLength"] != 0,
                "note": note,
                **counts.get(row["sourceId"], {"atomCount": 0, **nothing_new}),
                **(nothing_new if unchanged else {}),
                "unchanged": unchanged,
            }
        )
    holders = [row["sourceId"] for row in described if row["contentType"] and may_hold_more(row["contentType"])]
    return described, failed, count_members(unit_of_work, holders)
