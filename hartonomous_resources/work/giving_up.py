"""Gives up on a source, a job or a message: a dead letter keeps what it was, the reason and the way to replay it."""

import hashlib
import json
import re
from functools import partial

from hartonomous_core.clock import timestamp
from hartonomous_core.credentials import without_credentials
from hartonomous_core.limits import MAX_ATTEMPTS
from hartonomous_core.messages import INGESTION_QUEUE, tenant_of
from hartonomous_resources.database.period import running_hour
from hartonomous_resources.database.protocol import Database, Message, UnitOfWork
from hartonomous_resources.database.queue_messages import remove_messages
from hartonomous_resources.database.rows.job_rows import UnfinishedJob
from hartonomous_resources.database.rows.queue_rows import COUNT_FAILED_RECEIVE, SAME_DEAD_LETTER
from hartonomous_resources.database.rows.source_rows import UnfinishedSource
from hartonomous_resources.database.transactions import transact

_COUNT = re.compile(r" has [\d,]+ ")
"""How large a file is, or how many names it has: the number may differ each time. No uri holds a space."""


def count_failed_receive(database: Database, message: Message, reason: str, dead_letter_at: int = MAX_ATTEMPTS) -> bool:
    """Count a failed receive of a message that is back on its queue, in a transaction of its own; the `dead_letter_at`-th gives it up.

    Returns True when it was given up: it is in DeadLetter then, and off its queue.
    """
    return transact(
        database, partial(_count_failed_receive, message=message, reason=reason, dead_letter_at=dead_letter_at)
    )


def _count_failed_receive(unit_of_work: UnitOfWork, message: Message, reason: str, dead_letter_at: int) -> bool:
    rows = unit_of_work.query(
        COUNT_FAILED_RECEIVE, sequence=message.sequence, reason=without_credentials(reason), now=timestamp()
    )
    if not rows or rows[0]["attemptCount"] < dead_letter_at:
        return False
    tenant_id, content = tenant_of(message.body), _content_of(message)
    _insert_dead_letter(unit_of_work, message, reason, tenant_id, rows[0]["attemptCount"], content)
    remove_messages(unit_of_work, [message])
    return True


def dead_letter_received(
    unit_of_work: UnitOfWork,
    message: Message,
    reason: str,
    tenant_id: int | None,
    *,
    canonical_body: bytes | None = None,
) -> None:
    """Give up on a message that this very unit of work received.

    Of messages that say the same, one dead letter for each reason is kept. `canonical_body` is what the message says, in the one form
    that equal messages share; without it, its bytes are compared as they came.
    """
    content = _content_of(message) if canonical_body is None else canonical_body
    _insert_dead_letter(unit_of_work, message, reason, tenant_id, message.attempt_count + 1, content)


def _content_of(message: Message) -> bytes:
    return json.dumps(message.ordering_key).encode() + message.body


def _insert_dead_letter(
    unit_of_work: UnitOfWork, message: Message, reason: str, tenant_id: int | None, attempt_count: int, content: bytes
) -> None:
    fingerprint = _fingerprint(tenant_id, message.queue, reason, content)
    _forget_earlier(unit_of_work, fingerprint, message.message_id)
    unit_of_work.execute(
        "dead_letter_message",
        sequence=message.sequence,
        tenant_id=tenant_id,
        hour=running_hour(unit_of_work),
        reason=without_credentials(reason),
        attempt_count=attempt_count,
        now=timestamp(),
        fingerprint=fingerprint,
    )


def _fingerprint(tenant_id: int | None, queue: str, reason: str, content: bytes) -> bytes:
    """Hash what two dead letters must share to be kept as one: tenant, queue, reason (whatever its count) and content."""
    return hashlib.sha256(json.dumps([tenant_id, queue, _COUNT.sub(" has … ", reason)]).encode() + content).digest()


def _forget_earlier(
    unit_of_work: UnitOfWork, fingerprint: bytes, message_id: str, source_id: int | None = None
) -> None:
    """Delete what earlier dead letters of the same fingerprint still hold: their path grant and their version of the source.

    A version that another one points at stays all the same.
    """
    for earlier in unit_of_work.query(SAME_DEAD_LETTER, fingerprint=fingerprint):
        if earlier["messageId"] != message_id:
            unit_of_work.execute("delete_path_grant", message_id=earlier["messageId"])
        if earlier["sourceId"] not in (None, source_id):
            unit_of_work.execute("delete_source", source_id=earlier["sourceId"])


def dead_letter_source(unit_of_work: UnitOfWork, source: UnfinishedSource, reason: str) -> None:
    """Give up on a landed source; its half-written atoms must be gone already."""
    body = {
        "tenantId": source["tenantId"],
        "sourceUri": source["sourceUri"],
        "contentType": source["contentType"],
        "metadata": json.loads(source["metadata"]),
    }
    if source["blobKey"] is None:
        body["uri"] = source["readUri"]
    else:
        body["blobKey"] = source["blobKey"]  # the landed bytes stay in the blob store until replayed or discarded
    content = json.dumps(body, sort_keys=True).encode()
    fingerprint = _fingerprint(source["tenantId"], INGESTION_QUEUE, reason, content)
    _forget_earlier(unit_of_work, fingerprint, source["messageId"], source["sourceId"])
    reason = without_credentials(reason)
    unit_of_work.execute("dead_letter_source", source_id=source["sourceId"], reason=reason)
    unit_of_work.execute(
        "insert_dead_letter",
        kind="source",
        tenant_id=source["tenantId"],
        hour=source["ingestHour"],
        queue=INGESTION_QUEUE,
        ordering_key=source["sourceUri"],
        message_id=source["messageId"],
        source_id=source["sourceId"],
        job_id=None,
        reason=reason,
        body=json.dumps(body).encode(),
        attempt_count=source["attemptCount"],
        first_failed_at=source["receivedAt"],
        now=timestamp(),
        replay="lands the source again as a new version",
        fingerprint=fingerprint,
    )


def dead_letter_job(unit_of_work: UnitOfWork, job: UnfinishedJob, reason: str) -> None:
    """Give up on a job."""
    reason = without_credentials(reason)
    now = timestamp()
    unit_of_work.execute("dead_letter_job", job_id=job["jobId"], reason=reason, now=now)
    unit_of_work.execute(
        "insert_dead_letter",
        kind="job",
        tenant_id=job["tenantId"],
        hour=job["ingestHour"],
        queue=None,
        ordering_key=None,
        message_id=None,
        source_id=None,
        job_id=job["jobId"],
        reason=reason,
        body=job["parameters"].encode(),
        attempt_count=job["attemptCount"],
        first_failed_at=job["startedAt"] or now,
        now=now,
        replay="sets the job to Pending with no attempts counted",
        fingerprint=None,
    )
