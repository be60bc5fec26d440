"""Keeps what was answered to a request that may come again (Idempotency-Key of draft-ietf-httpapi-idempotency-key-header), per tenant, for a day."""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from hartonomous_core.clock import time_ordered_uuid, timestamp
from hartonomous_core.limits import KEPT_ANSWER_SECONDS
from hartonomous_resources.database.protocol import Row, UnitOfWork
from hartonomous_resources.database.transactions import transact
from hartonomous_resources.resources import Resources
from hartonomous_service.errors import Conflict, Invalid

_CLAIM_SECONDS = 120.0
"""A claim that nobody renewed for so long is that of a process that was killed."""
_RENEW_SECONDS = 30.0


Outcome = Literal["same", "created", "queued"]
"""What became of what was sent in: a source that was there already, a new one, or a message that waits for its turn."""

_STATUSES: Mapping[Outcome, int] = {"same": 200, "created": 201, "queued": 202}
"""Of HTTP, as they are kept."""


class InProgress(Conflict):
    """Somebody works on the same request."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered: what became of what was sent in, and a document."""

    outcome: Outcome
    document: dict[str, Any]

    @property
    def status(self) -> int:
        """The status of HTTP that says so."""
        return _STATUSES[self.outcome]


@dataclass
class Claim:
    """A key of a tenant that is worked on under `claim_id`, or was: then `first` has what was answered."""

    resources: Resources
    tenant: int
    key_hash: bytes
    claim_id: str
    first: Row | None
    _renewed_at: float = field(default_factory=time.monotonic)

    def renew(self) -> None:
        """Say that the work goes on; to be called often. Raises Conflict where somebody else has taken it over."""
        if self.first is not None or time.monotonic() - self._renewed_at < _RENEW_SECONDS:
            return
        until = timestamp(_CLAIM_SECONDS)
        transact(
            self.resources.database,
            lambda unit_of_work: self._change(unit_of_work, "renew_http_request", claimed_until=until),
        )
        self._renewed_at = time.monotonic()

    def answer(self, unit_of_work: UnitOfWork, fingerprint: bytes, given: Answer) -> None:
        """Keep the answer, in the transaction that does the work. Raises Conflict where somebody else has taken the work over."""
        answer = json.dumps(given.document)
        self._change(
            unit_of_work, "answer_http_request", fingerprint=fingerprint, status_code=given.status, answer=answer
        )

    def replay(self, fingerprint: bytes) -> Answer:
        """Return what was answered first. Raises Invalid where something else was asked then."""
        assert self.first is not None  # noqa: S101 - what the caller looks at
        if bytes(self.first["fingerprint"]) != fingerprint:
            raise Invalid("the Idempotency-Key was used for other bytes, or another name: give this request its own")
        [outcome] = [each for each, status in _STATUSES.items() if status == self.first["statusCode"]]
        return Answer(outcome, json.loads(self.first["answer"]))

    def release(self) -> None:
        """Let others work on it; nothing changes after `answer`."""
        if self.first is None:
            transact(
                self.resources.database,
                lambda unit_of_work: unit_of_work.execute(
                    "release_http_request", tenant_id=self.tenant, key_hash=self.key_hash, claim_id=self.claim_id
                ),
            )

    def _change(self, unit_of_work: UnitOfWork, statement: str, **parameters: object) -> None:
        if not unit_of_work.execute(
            statement, tenant_id=self.tenant, key_hash=self.key_hash, claim_id=self.claim_id, **parameters
        ):
            raise Conflict("the Idempotency-Key was taken over by another request")


def claim_key(resources: Resources, tenant: int, key: str) -> Claim:
    """Claim a key, or find what was answered under it. Raises InProgress where another request is being worked on."""
    key_hash, claim_id = hashlib.sha256(key.encode()).digest(), time_ordered_uuid()

    def claim(unit_of_work: UnitOfWork) -> Row:
        unit_of_work.execute(
            "claim_http_request",
            tenant_id=tenant,
            key_hash=key_hash,
            claim_id=claim_id,
            claimed_until=timestamp(_CLAIM_SECONDS),
            now=timestamp(),
            kept_since=timestamp(-KEPT_ANSWER_SECONDS),
        )
        return unit_of_work.query("http_request", tenant_id=tenant, key_hash=key_hash)[0]

    row = transact(resources.database, claim)
    if row["statusCode"] is None and row["claimId"] != claim_id:
        raise InProgress("a request with this Idempotency-Key is being worked on")
    return Claim(resources, tenant, key_hash, claim_id, None if row["statusCode"] is None else row)


def fingerprint_of(asked: Mapping[str, object]) -> bytes:
    """Return what tells requests apart: SHA-256 of all that one asks."""
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).digest()
