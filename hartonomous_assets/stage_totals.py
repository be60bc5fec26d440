"""Adds what a run did to the totals of its stages, which metrics show."""

from collections.abc import Mapping, Sequence

from hartonomous_assets.stage import Stage, StageReport
from hartonomous_resources.database.protocol import Database, UnitOfWork
from hartonomous_resources.database.transactions import transact


def add_to_totals(database: Database, stages: Sequence[Stage], reports: Mapping[str, StageReport]) -> None:
    """Add the seconds and the main count of each stage that did anything."""
    worked = [(stage, reports[stage.name]) for stage in stages if reports[stage.name].counts]

    def add(unit_of_work: UnitOfWork) -> None:
        for stage, report in worked:
            done = report.counts.get(stage.main_count, 0)
            unit_of_work.execute("add_to_stage_total", stage=stage.name, seconds=report.seconds, done=done)

    if worked:
        transact(database, add)
