"""Lists, shows, replays and discards dead letters."""

import json
from typing import Any

from hartonomous_core.clock import time_ordered_uuid
from hartonomous_core.limits import INLINE_LIMIT
from hartonomous_core.messages import IngestionRequest
from hartonomous_resources.database.period import running_hour
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.queue_rows import DEAD_LETTERS, DeadLetter
from hartonomous_resources.database.transactions import ask, transact
from hartonomous_resources.resources import Resources
from hartonomous_resources.source_uris import is_member_uri
from hartonomous_resources.work.landing import insert_landed_source
from hartonomous_service.arguments import Id, PageLength, Skip, Tenant, checked
from hartonomous_service.errors import Conflict, NotFound


@checked
def list_dead_letters(
    resources: Resources, *, tenant: Tenant | None = 0, limit: PageLength = 100, skip: Skip = 0
) -> dict[str, Any]:
    """Return a page of the dead letters, the latest first.

    `withoutTenant` counts those too broken to tell their tenant, which only `tenant=None` lists.
    """

    def read_page(unit_of_work: UnitOfWork) -> dict[str, Any]:
        rows = unit_of_work.query(DEAD_LETTERS, tenant_id=tenant, dead_letter_id=None, after=None, n=skip + limit)[
            skip:
        ]
        total = unit_of_work.query("dead_letter_count", tenant_id=tenant, hour=None)[0]["n"]
        unknown = unit_of_work.query("dead_letters_without_tenant")[0]["n"]
        letters = [_to_document(row) for row in rows]
        return {"deadLetters": letters, "total": total, "truncated": skip + len(rows) < total, "withoutTenant": unknown}

    return ask(resources.database, read_page)


@checked
def page_dead_letters(
    resources: Resources, *, tenant: Tenant = 0, limit: PageLength = 100, after: Id | None = None
) -> dict[str, Any]:
    """Return a page of the dead letters, the latest first; `next` is the `after` of the page after it, None after the last."""

    def read_page(unit_of_work: UnitOfWork) -> dict[str, Any]:
        rows = unit_of_work.query(DEAD_LETTERS, tenant_id=tenant, dead_letter_id=None, after=after, n=limit + 1)
        letters = [_to_document(row) for row in rows[:limit]]
        return {"deadLetters": letters, "next": letters[-1]["deadLetterId"] if len(rows) > limit else None}

    return ask(resources.database, read_page)


@checked
def show_dead_letter(resources: Resources, dead_letter_id: Id, *, tenant: Tenant | None = 0) -> dict[str, Any]:
    """Return one dead letter. Raises NotFound when the tenant has none of that id."""
    return _to_document(ask(resources.database, lambda unit_of_work: _find(unit_of_work, dead_letter_id, tenant)))


def _find(unit_of_work: UnitOfWork, dead_letter_id: int, tenant: int | None) -> DeadLetter:
    rows = unit_of_work.query(DEAD_LETTERS, tenant_id=tenant, dead_letter_id=dead_letter_id, after=None, n=1)
    if not rows:
        raise _not_found(dead_letter_id)
    return rows[0]


def _take(unit_of_work: UnitOfWork, dead_letter_id: int, tenant: int | None) -> DeadLetter:
    """Delete a dead letter and return it: of two callers at once, only one finds it."""
    row = _find(unit_of_work, dead_letter_id, tenant)
    if not unit_of_work.execute("delete_dead_letter", dead_letter_id=dead_letter_id, tenant_id=tenant):
        raise _not_found(dead_letter_id)
    return row


def _not_found(dead_letter_id: int) -> NotFound:
    return NotFound(f"dead letter {dead_letter_id} is not found", remedy="list_dead_letters")


def _to_document(row: DeadLetter) -> dict[str, Any]:
    return {**row, "body": row["body"].decode(errors="backslashreplace")}


@checked
def replay_dead_letter(resources: Resources, dead_letter_id: Id, *, tenant: Tenant | None = 0) -> dict[str, Any]:
    """Try a dead letter again: a message goes back on its queue, a source becomes Landed again, a job Pending.

    The dead letter is deleted in the same transaction. The file that it names may be read again if it might before.

    Raises NotFound when the tenant has none of that id, Conflict when it cannot be tried again.
    """

    def replay(unit_of_work: UnitOfWork) -> dict[str, Any]:
        row = _take(unit_of_work, dead_letter_id, tenant)
        if row["kind"] == "job":
            if not unit_of_work.execute("retry_job", job_id=row["jobId"], tenant_id=row["tenantId"]):
                raise Conflict(
                    f"dead letter {dead_letter_id} cannot be replayed: its job did not fail, or is gone; discard it"
                )
            replayed = {"jobId": row["jobId"]}
        else:
            is_message = row["kind"] == "message"
            message_id = (
                _enqueue(unit_of_work, row, row["body"]) if is_message else _replay_source(unit_of_work, resources, row)
            )
            unit_of_work.execute("move_path_grant", old=row["messageId"], new=message_id)
            unit_of_work.execute("forget_landed_copy", source_id=row["sourceId"])
            replayed = {"messageId": message_id}
        return {"deadLetterId": dead_letter_id, **replayed}

    return transact(resources.database, replay)


def _enqueue(unit_of_work: UnitOfWork, row: DeadLetter, body: bytes) -> str:
    queue, ordering_key = row["queue"], row["orderingKey"]
    if queue is None or ordering_key is None:  # somebody else wrote the row
        raise Conflict(f"dead letter {row['deadLetterId']} cannot be replayed: it names no queue or key; discard it")
    [message_id] = unit_of_work.enqueue(queue, [(ordering_key, body)])
    return message_id


def _replay_source(unit_of_work: UnitOfWork, resources: Resources, row: DeadLetter) -> str:
    """Put a source on the queue again or, if its bytes are more than a message holds, insert it as Landed; returns the id of the message."""
    name = f"dead letter {row['deadLetterId']}"
    unit_of_work.query("lock_blobs")
    try:
        kept = json.loads(row["body"])
        blob_key = kept.get("blobKey")
        byte_length = resources.blobs.path(blob_key).stat().st_size if blob_key is not None else 0
        is_member = is_member_uri(kept["sourceUri"])  # of no message
        is_carried = byte_length <= INLINE_LIMIT and not is_member
        request = IngestionRequest(
            tenant_id=kept["tenantId"],
            source_uri=kept["sourceUri"],
            content_type=kept["contentType"],
            metadata=kept["metadata"],
            uri=kept.get("uri"),
            raw_data=None if blob_key is None else resources.blobs.get(blob_key) if is_carried else b"",
        )
    except FileNotFoundError as error:
        raise Conflict(f"{name} cannot be replayed: its bytes are not there any more; discard it") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        # Another program wrote the row: ours hold the source.
        raise Conflict(f"{name} cannot be replayed: its body says nothing of a source; discard it") from error
    if is_carried:
        return _enqueue(unit_of_work, row, request.to_body())
    message_id = time_ordered_uuid()
    insert_landed_source(
        unit_of_work,
        request,
        source_uri=kept["sourceUri"],
        content_type=kept["contentType"],
        byte_length=byte_length,
        blob_key=blob_key,
        message_id=message_id,
        hour=running_hour(unit_of_work),
    )
    if is_member:
        [landed] = unit_of_work.query("latest_version", tenant_id=kept["tenantId"], source_uri=kept["sourceUri"])
        unit_of_work.execute("move_to_parent_of", source_id=landed["sourceId"], found_id=row["sourceId"])
    return message_id


@checked
def discard_dead_letter(resources: Resources, dead_letter_id: Id, *, tenant: Tenant | None = 0) -> dict[str, Any]:
    """Delete a dead letter for good, with the bytes that were kept for a replay. Raises NotFound when the tenant has none of that id."""

    def discard(unit_of_work: UnitOfWork) -> None:
        row = _take(unit_of_work, dead_letter_id, tenant)
        unit_of_work.execute("delete_path_grant", message_id=row["messageId"])
        if row["kind"] == "source":
            unit_of_work.execute("forget_landed_copy", source_id=row["sourceId"])

    transact(resources.database, discard)
    return {"deadLetterId": dead_letter_id, "discarded": True}
