"""Running a plan: in one transaction, every row still there, nothing at all where something is refused."""

from dataclasses import replace

import pytest

from hartonomous_resources.database.database_errors import DatabaseError, SchemaMismatch
from hartonomous_resources.database.sqlserver.adoption.plan import adopt, plan_adoption
from tests.sqlserver.adoption.schemas import ATOM, old_schema


class Server:
    """A connection that notes what it is sent and counts as many rows as it is told; `late_error` comes behind a result."""

    def __init__(self, counts: list[int], late_error_at: str = "") -> None:
        self.sent: list[str] = []
        self._counts = iter(counts)
        self._late_error_at = late_error_at

    def cursor(self) -> "Server":
        return self

    def execute(self, sql: str) -> None:
        self.sent.append(sql)

    def fetchone(self) -> tuple[int]:
        return (next(self._counts),)

    def nextset(self) -> bool:
        if self._late_error_at and self._late_error_at in self.sent[-1]:
            raise RuntimeError("[15336] the object participates in enforced dependencies")
        return False


def test_the_plan_is_sent_in_order_between_two_counts_and_the_new_jobs_after_them() -> None:
    plan = plan_adoption(old_schema())
    server = Server([3, 4, 5, 3, 4, 5])

    assert adopt(server, plan) == {"Atom": 3, "AtomEmbedding": 4, "BackgroundJob": 5}

    counts = server.sent[:3]
    assert all("TABLOCKX, HOLDLOCK" in text for text in counts)
    assert server.sent == [*counts, *plan.changes, *counts, *plan.new_jobs]


def test_a_row_that_is_lost_stops_it_before_anything_else_is_done() -> None:
    plan = plan_adoption(old_schema())
    server = Server([3, 4, 5, 3, 4, 6])

    with pytest.raises(DatabaseError, match=r"BackgroundJob had 5 rows and has 6.*nothing is changed"):
        adopt(server, plan)
    assert server.sent[-1] not in plan.new_jobs


def test_a_plan_with_a_refusal_sends_nothing() -> None:
    plan = plan_adoption(old_schema(replace(ATOM, versioned=True)))
    server = Server([])

    with pytest.raises(SchemaMismatch, match="Atom is system-versioned"):
        adopt(server, plan)
    assert server.sent == []


def test_an_error_behind_a_result_is_not_missed() -> None:
    plan = plan_adoption(old_schema())
    with pytest.raises(RuntimeError, match="15336"):
        adopt(Server([3, 4, 5], late_error_at="sp_rename"), plan)


def test_another_schema_is_counted_there() -> None:
    server = Server([0] * 6)
    adopt(server, plan_adoption(old_schema(), "hart"))
    assert "FROM [hart].Atom AS t" in server.sent[0]
