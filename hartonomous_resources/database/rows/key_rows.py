"""Rows of statements about keys of the HTTP server."""

from typing import TypedDict

from hartonomous_resources.database.statements import Statement


class KeyToCheck(TypedDict):
    """What a key that is presented is compared with."""

    secretHash: bytes
    tenantId: int
    scopes: str
    expiresAt: str | None
    revokedAt: str | None


class ApiKey(TypedDict):
    """A key as lists show it."""

    keyId: str
    tenantId: int
    scopes: str
    name: str
    createdAt: str
    expiresAt: str | None
    revokedAt: str | None
    lastUsedAt: str | None


API_KEY = Statement("api_key", KeyToCheck)
API_KEYS = Statement("api_keys", ApiKey)
