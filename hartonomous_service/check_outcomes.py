"""What a check of a home or an installation finds: a status, and a detail in words."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hartonomous_core.credentials import without_credentials

HEALTHY, DEGRADED, UNHEALTHY = "healthy", "degraded", "unhealthy"

Outcome = tuple[str, str]
UNKNOWN: Outcome = (UNHEALTHY, "not known: the database does not answer")


def worst_of(checks: Sequence[Mapping[str, Any]]) -> str:
    """Return the worst status of checks."""
    return max((str(check["status"]) for check in checks), key=(HEALTHY, DEGRADED, UNHEALTHY).index)


def run_check(check: Callable[..., Outcome], *given: object) -> dict[str, Any]:
    """Run one check; returns {"name", "status", "detail", "durationMs"}. The name is the function's, what it raises its detail."""
    started = time.perf_counter()
    try:
        status, detail = check(*given)
    except Exception as error:  # noqa: BLE001 - whatever a check meets is what it has to report
        status, detail = UNHEALTHY, f"{type(error).__name__}: {error}"
    detail = without_credentials(detail)
    milliseconds = round((time.perf_counter() - started) * 1000, 1)
    return {
        "name": check.__name__.removeprefix("check_").strip("_"),
        "status": status,
        "detail": detail,
        "durationMs": milliseconds,
    }
