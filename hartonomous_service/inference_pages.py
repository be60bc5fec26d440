"""Pages of inferences: each says where the next one begins, whatever comes in between."""

import re
from datetime import datetime
from typing import Any

from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.transactions import ask
from hartonomous_resources.resources import Resources
from hartonomous_service.arguments import PageLength, Tenant, Text, checked
from hartonomous_service.errors import Invalid
from hartonomous_service.recorded_inferences import show_row

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)


@checked
def page_inferences(
    resources: Resources,
    *,
    tenant: Tenant = 0,
    model: Text | None = None,
    limit: PageLength = 100,
    after: Text | None = None,
) -> dict[str, Any]:
    """Return a page of the inferences, the latest first; `next` is the `after` of the page after it, None after the last.

    Raises Invalid for an `after` that no page said.
    """
    time, _, last = (after or "").partition("/")
    if after is not None and not _is_time(time):
        raise Invalid(
            "it is no place in a list of inferences: give what the page before this one says as its next",
            argument="after",
        )

    def read(unit_of_work: UnitOfWork) -> dict[str, Any]:
        place = {"after_time": time or None, "after_id": last}
        rows = unit_of_work.query("inference_page", tenant_id=tenant, model=model, n=limit + 1, **place)
        end = rows[limit - 1] if len(rows) > limit else None
        return {
            "inferences": [show_row(row) for row in rows[:limit]],
            "next": end and f"{end['createdAt']}/{end['inferenceId']}",
        }

    return ask(resources.database, read)


def _is_time(text: str) -> bool:
    try:
        return _TIME.fullmatch(text) is not None and datetime.fromisoformat(text) is not None
    except ValueError:
        return False
