"""What each step asks SQL Server has an index that answers it: no plan can be asked for here, but what one needs can be compared.

SQL Server uses a filtered index only for a query that repeats its filter, seeks by keys that are compared, and sorts nothing that the
index has in order.
"""

import re
from functools import cache
from typing import NamedTuple

import pytest

from tests.tools.tsql.definitions import file_set, procedures

_INDEX = re.compile(
    r"CREATE (?:UNIQUE )?INDEX (?P<name>\w+) ON dbo\.\w+ \((?P<keys>[^)]*)\)(?:\s+INCLUDE \([^)]*\))?(?:\s+WHERE (?P<filter>[^;]*))?;"
)


class Index(NamedTuple):
    """Keys in order, and the filter ('' without one)."""

    keys: list[str]
    filter: str


@cache
def indexes() -> dict[str, Index]:
    """The indexes of a database that has all migrations, by name."""
    texts = "\n".join(script.text for script in file_set("table_broker"))
    return {m["name"]: Index(m["keys"].split(", "), m["filter"] or "") for m in _INDEX.finditer(texts)}


def query(name: str) -> str:
    """The body of a procedure in one line, without the aliases of its tables."""
    procedure = procedures()[name]
    text = procedure.node.text(procedure.script.text)
    return re.sub(r"\s+", " ", re.sub(r"\b[a-z]\.", "", text))


@pytest.mark.parametrize(
    ("procedure", "index", "sought"),
    [
        ("usp_claimable_sources", "IX_Source_Open", ["IngestHour = "]),
        ("usp_has_exhausted_sources", "IX_Source_Open", ["IngestHour = ", "AttemptCount >= "]),
        ("usp_exhausted_sources", "IX_Source_Open", ["IngestHour = ", "AttemptCount >= "]),
        ("usp_source_lease_owners", "IX_Source_Leased", []),
        ("usp_claim_jobs", "IX_BackgroundJob_Open", ["IngestHour = ", "JobType = ", "AttemptCount BETWEEN "]),
        ("usp_has_claimable_jobs", "IX_BackgroundJob_Open", ["IngestHour = ", "JobType = "]),
        ("usp_has_exhausted_jobs", "IX_BackgroundJob_Open", ["IngestHour = ", "JobType = ", "AttemptCount >= 1"]),
        ("usp_exhausted_jobs", "IX_BackgroundJob_Open", ["IngestHour = ", "JobType = ", "AttemptCount >= 1"]),
        ("usp_job_lease_owners", "IX_BackgroundJob_Leased", []),
        ("usp_has_pending_projections", "IX_AtomEmbedding_Pending", ["IngestHour = ", "ModelId = "]),
        ("usp_queued_messages", "IX_QueueMessage_Queue", ["Queue = "]),
    ],
)
def test_an_index_answers_what_is_asked_all_the_time(procedure: str, index: str, sought: list[str]) -> None:
    keys, filter_ = indexes()[index]
    asked = query(procedure)

    assert filter_ in asked
    assert [condition.split()[0] for condition in sought] == keys[: len(sought)]
    for condition in sought:
        assert condition in asked
    for order in re.findall(r"ORDER BY ([^;)]*)", asked):
        equal = sum(condition.endswith(" = ") for condition in sought)
        assert order.split(", ") == keys[equal : equal + len(order.split(", "))]
