"""Keys of the HTTP server: whose they are, what they may do, until when. Only hashes are stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hartonomous_resources.resources import Resources

Scope = Literal["read", "write", "admin"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a key stands for."""

    key_id: str
    tenant: int
    scopes: frozenset[Scope]


def find_caller(resources: Resources, presented: str) -> Caller | None:
    """Return whose key it is; None for one that is unknown, revoked or expired."""
    raise NotImplementedError
