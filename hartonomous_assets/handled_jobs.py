"""Does background jobs of the types that installed packages bring, one at a time: see `job_handlers`."""

from collections.abc import Sequence
from functools import partial

from hartonomous_assets.job_claims import complete, has_jobs, refuse, work_on_jobs
from hartonomous_assets.stage import IDLE, Progress, Work
from hartonomous_core.json_objects import UnreadableJson, read_object
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.job_rows import JobInHand
from hartonomous_resources.database.transactions import transact
from hartonomous_resources.work.job_handlers import handled_job_types, job_handler


def do_one_of_each_type(work: Work) -> Progress:
    """Do one job of each type that has some."""
    counts: dict[str, int] = {}
    for job_type in handled_job_types():
        if has_jobs(work, job_type):
            done = work_on_jobs(work, job_type, 1, partial(_handle, work, job_type))
            counts = {name: counts.get(name, 0) + done.counts.get(name, 0) for name in counts | done.counts}
    return Progress(counts) if counts else IDLE


def _handle(work: Work, job_type: str, jobs: Sequence[JobInHand]) -> Progress:
    [job] = jobs
    try:
        parameters = read_object(job["parameters"])
    except UnreadableJson as error:
        reason = f"its Parameters: {error}"

        def refuse_it(unit_of_work: UnitOfWork) -> None:
            refuse(unit_of_work, work, jobs, reason)

        transact(work.resources.database, refuse_it)
        return Progress({"refused": 1})
    result = job_handler(job_type)(parameters, job["tenantId"], work.resources)

    def complete_it(unit_of_work: UnitOfWork) -> None:
        complete(unit_of_work, work, jobs, None if result is None else str(result))

    transact(work.resources.database, complete_it)
    return Progress({"handled": 1})
