"""Keys of the HTTP server: whose they are, what they may do, until when. Only hashes are stored."""

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, cast, get_args
from weakref import WeakKeyDictionary

from pydantic import BeforeValidator, Field

from hartonomous_core.clock import timestamp
from hartonomous_resources.database.database_errors import DatabaseError
from hartonomous_resources.database.protocol import Database, UnitOfWork
from hartonomous_resources.database.rows.key_rows import API_KEY, API_KEYS, ApiKey
from hartonomous_resources.database.transactions import ask, query, transact
from hartonomous_resources.logs import LOGGER
from hartonomous_resources.resources import Resources
from hartonomous_service.arguments import PageLength, Skip, Tenant, Text, checked
from hartonomous_service.errors import Invalid, NotFound
from hartonomous_service.moments import Moment, read_moment

Scope = Literal["read", "write", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""Each includes those before it."""

REMEMBERED_SECONDS = 5.0
"""How long a key that was found is not looked up again: a revocation counts in every process after so many seconds at the latest."""
USE_SECONDS = 60.0
"""The use of a key is noted in the database at most so often."""

_KEY = re.compile(r"hk_([0-9a-f]{16})_[0-9a-f]{64}")
_DAYS = re.compile(r"(\d{1,5})d", re.ASCII)
_NOBODY = bytes(32)
"""A hash that no key has, to compare an unknown one with."""
_MOST_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a key stands for, with all that its scopes include."""

    key_id: str
    tenant: int
    scopes: frozenset[Scope]


@dataclass(frozen=True, slots=True)
class _Found:
    caller: Caller
    expires_at: str | None
    until: float
    """By time.monotonic(): when it is to be looked up again."""


@dataclass(frozen=True, slots=True)
class _Memory:
    found: dict[bytes, _Found] = field(default_factory=dict)
    """By SHA-256 of the key: secrets are not kept."""
    used: dict[str, float] = field(default_factory=dict)
    """When the use of a key was noted last, by its id."""


_MEMORIES: WeakKeyDictionary[Database, _Memory] = WeakKeyDictionary()


def _read_expiry(value: object) -> object:
    days = _DAYS.fullmatch(value) if isinstance(value, str) else None
    moment = timestamp(int(days[1]) * 86_400) if days else read_moment(value)
    if isinstance(moment, str) and moment <= timestamp():
        raise ValueError(f"{value!r} is over; give a number of days such as 90d, or a later date")
    return moment


Expiry = Annotated[Moment, BeforeValidator(_read_expiry)]
"""So many days from now (90d), or a date or time as `Moment` has it, which must be to come."""


@checked
def create_key(
    resources: Resources,
    *,
    tenant: Tenant = 0,
    scopes: Annotated[Sequence[Scope], Field(min_length=1)] = ("read",),
    expires: Expiry | None = None,
    name: Annotated[Text, Field(max_length=100)] = "",
) -> dict[str, Any]:
    """Make a key for a tenant. `write` includes `read`, and `admin` both; without `expires` the key holds until it is revoked.

    Returns the fields that `list_keys` has, and `key` before them, which nobody can read again.
    """
    key_id = secrets.token_hex(8)
    key = f"hk_{key_id}_{secrets.token_hex(32)}"
    row: ApiKey = {
        "keyId": key_id,
        "tenantId": tenant,
        "scopes": " ".join(scope for scope in SCOPES if scope in scopes),
        "name": name,
        "createdAt": timestamp(),
        "expiresAt": expires,
        "revokedAt": None,
        "lastUsedAt": None,
    }

    def insert(unit_of_work: UnitOfWork) -> None:
        unit_of_work.execute(
            "insert_api_key",
            key_id=key_id,
            secret_hash=_hash(key),
            tenant_id=tenant,
            scopes=row["scopes"],
            name=name,
            now=row["createdAt"],
            expires_at=expires,
        )

    transact(resources.database, insert)
    return {"key": key, **_to_document(row)}


@checked
def list_keys(
    resources: Resources, *, tenant: Tenant | None = None, limit: PageLength = 100, skip: Skip = 0
) -> dict[str, Any]:
    """Return a page of the keys, the latest first, without what makes them keys; `tenant=None` lists those of all tenants.

    Returns {"keys": [{"keyId", "tenantId", "scopes", "name", "status": active | expired | revoked, "createdAt", "expiresAt",
    "revokedAt", "lastUsedAt": to the minute}], "total", "truncated"}.
    """

    def read(unit_of_work: UnitOfWork) -> dict[str, Any]:
        rows = unit_of_work.query(API_KEYS, tenant_id=tenant, key_id=None, n=skip + limit)[skip:]
        total = unit_of_work.query("api_key_count", tenant_id=tenant)[0]["n"]
        return {"keys": [_to_document(row) for row in rows], "total": total, "truncated": skip + len(rows) < total}

    return ask(resources.database, read)


@checked
def revoke_key(resources: Resources, key_id: Text) -> dict[str, Any]:
    """Revoke a key, of whatever tenant; returns its fields. One that is revoked stays so since then.

    Every server refuses it after REMEMBERED_SECONDS at the latest. Raises NotFound; Invalid for a whole key in place of its id.
    """
    if "_" in key_id:  # what was typed lies in a history now
        raise Invalid("give the id alone, the part between the two underscores", argument="key_id")

    def revoke(unit_of_work: UnitOfWork) -> ApiKey:
        if not unit_of_work.execute("revoke_api_key", key_id=key_id, now=timestamp()):
            raise NotFound(f"key {key_id} is not found", remedy="list_keys")
        return unit_of_work.query(API_KEYS, tenant_id=None, key_id=key_id, n=1)[0]

    return _to_document(transact(resources.database, revoke))


@checked
def find_caller(resources: Resources, presented: Text) -> Caller | None:
    """Return whose key it is; None for one that is unknown, revoked or expired.

    One that was found is found for REMEMBERED_SECONDS without asking the database. An unknown id costs what a known one does.
    """
    remembered = recall_caller(resources, presented)
    if remembered is not None:
        return remembered
    parts = _KEY.fullmatch(presented)
    if parts is None:
        return None
    asked_at = time.monotonic()
    rows = query(resources.database, API_KEY, key_id=parts[1])
    digest = _hash(presented)
    is_right = hmac.compare_digest(digest, rows[0]["secretHash"] if rows else _NOBODY)
    if not rows or not is_right or rows[0]["revokedAt"] is not None or _is_over(rows[0]["expiresAt"]):
        return None
    row = rows[0]
    caller = Caller(parts[1], row["tenantId"], _included(cast("list[Scope]", row["scopes"].split())))
    found = _memory(resources).found
    if len(found) >= _MOST_REMEMBERED:
        found.clear()
    found[digest] = _Found(caller, row["expiresAt"], asked_at + REMEMBERED_SECONDS)
    return caller


def _included(scopes: Sequence[Scope]) -> frozenset[Scope]:
    return frozenset(SCOPES[: 1 + max(map(SCOPES.index, scopes))])


def recall_caller(resources: Resources, presented: str) -> Caller | None:
    """Return what `find_caller` found within the last REMEMBERED_SECONDS, without asking the database; None where it must ask."""
    found = _memory(resources).found.get(_hash(presented))
    if found is None or time.monotonic() >= found.until or _is_over(found.expires_at):
        return None
    return found.caller


def use_is_due(resources: Resources, key_id: str) -> bool:
    """Say whether the use of a key is to be noted, once in USE_SECONDS; who is told so calls `note_use`."""
    used, now = _memory(resources).used, time.monotonic()
    if now < used.get(key_id, -USE_SECONDS) + USE_SECONDS:
        return False
    if len(used) >= _MOST_REMEMBERED:
        used.clear()
    used[key_id] = now
    return True


@checked
def note_use(resources: Resources, key_id: Text) -> None:
    """Note in the database that a key was used. Where it cannot be written now, the log says so, and nothing fails."""
    before = timestamp(-USE_SECONDS)
    try:
        transact(
            resources.database,
            lambda unit_of_work: unit_of_work.execute(
                "note_api_key_use", key_id=key_id, now=timestamp(), before=before
            ),
        )
    except DatabaseError as error:
        LOGGER.info("the use of key %s is not noted: %s", key_id, error)


def _memory(resources: Resources) -> _Memory:
    return _MEMORIES.setdefault(resources.database, _Memory())


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode(errors="replace")).digest()


def _is_over(expires_at: str | None) -> bool:
    return expires_at is not None and expires_at <= timestamp()


def _to_document(row: ApiKey) -> dict[str, Any]:
    status = "revoked" if row["revokedAt"] else "expired" if _is_over(row["expiresAt"]) else "active"
    return {**row, "scopes": row["scopes"].split(), "status": status}
