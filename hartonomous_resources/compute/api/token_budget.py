"""Counts the tokens that a home has an API embed, and what they cost, in a file of the home: all its processes share one budget."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock

from hartonomous_resources.compute.protocol import ComputeUnavailable

_LOCK_SECONDS = 10.0


class Usage(NamedTuple):
    """What was asked for until now: requests, their tokens, and their price when they were made."""

    requests: int = 0
    tokens: int = 0
    spent: float = 0.0


def estimate_tokens(text: str) -> int:
    """Return how many tokens a text is taken for, without the model's tokenizer: one for 4 bytes of UTF-8, and one at least."""
    return max(1, -(-len(text.encode("utf-8", "surrogatepass")) // 4))


class TokenBudget:
    """The count of a home. A request is counted before it is sent, so that a process that dies and others that ask meanwhile count."""

    def __init__(self, home: Path, price: float | None, budget: float | None) -> None:
        """`price` is that of a million tokens, `budget` what all may cost; None: not counted, not limited."""
        self._path = home / "api-usage.json"
        self._price, self._budget = (price or 0.0) / 1e6, budget

    def reserve(self, tokens: int) -> None:
        """Count a request of so many tokens. Raises ComputeUnavailable where the budget has not that much left."""
        self._add(1, tokens)

    def settle(self, reserved: int, used: int) -> None:
        """Correct the count of a request that has been answered. Raises ComputeUnavailable where the file cannot be written."""
        if used != reserved:
            self._add(0, used - reserved)

    def usage(self) -> Usage:
        """Return what was counted. Raises ComputeUnavailable for a file that is damaged."""
        try:
            found = json.loads(self._path.read_text("utf-8"))
            return Usage(int(found["requests"]), int(found["tokens"]), float(found["spent"]))
        except FileNotFoundError:
            return Usage()
        except OSError as error:
            raise ComputeUnavailable(f"what the API has cost cannot be read: {error}") from error
        except (ValueError, TypeError, KeyError) as error:
            raise ComputeUnavailable(
                f"{self._path}, which counts what the API has cost, is damaged: correct it, or delete it to count from 0"
            ) from error

    def problem(self, tokens: int = 1) -> str | None:
        """Say why so many tokens more may not be asked for; None where they may. Raises as `usage` does."""
        if self._budget is None or self.usage().spent + tokens * self._price <= self._budget:
            return None
        # No more figures: a tenant may read it, and they are of all.
        return f"HARTONOMOUS_API_BUDGET={self._budget:g} leaves too little for another request: raise it to go on"

    def __str__(self) -> str:
        try:
            usage = self.usage()
        except ComputeUnavailable as error:
            return str(error)
        told = f"{usage.tokens:,} tokens in {usage.requests:,} requests"
        told += f", {usage.spent:.4f} spent" if self._price or usage.spent else ""
        return told + (f" of a budget of {self._budget:g}" if self._budget is not None else "")

    def _add(self, requests: int, tokens: int) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self._path.with_suffix(".lock"), timeout=_LOCK_SECONDS):
                if requests and (problem := self.problem(tokens)):
                    raise ComputeUnavailable(problem)
                before = self.usage()
                after = Usage(
                    before.requests + requests, before.tokens + tokens, max(0.0, before.spent + tokens * self._price)
                )
                written = self._path.with_suffix(".new")
                written.write_text(json.dumps(after._asdict()) + "\n", "utf-8")
                written.replace(self._path)
        except OSError as error:  # of the lock, too
            raise ComputeUnavailable(f"what the API costs cannot be counted, so nothing is asked: {error}") from error
