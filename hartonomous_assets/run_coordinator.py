"""Dagster's queue of runs, but that a run which our sensor asks for does not wait in an empty queue until the next look at it.

The queue is looked at once a second, which a file that has just arrived would feel.
"""

import dagster as dg
from dagster._core.run_coordinator import QueuedRunCoordinator, SubmitRunContext
from dagster._core.storage.dagster_run import IN_PROGRESS_RUN_STATUSES

from hartonomous_assets.our_runs import SENSOR_NAME, SENSOR_TAG


class PromptRunCoordinator(QueuedRunCoordinator):
    """Launches a run of our sensor at once where nothing waits and fewer runs than the most are at work; queues all others.

    Runs that were launched so count like those from the queue: the daemon counts what is in progress. Both count, then launch, without a
    lock: the most may be exceeded by one for a moment.
    """

    def submit_run(self, context: SubmitRunContext) -> dg.DagsterRun:
        run = context.dagster_run
        is_new = run.status is dg.DagsterRunStatus.NOT_STARTED
        if is_new and run.tags.get(SENSOR_TAG) == SENSOR_NAME and self._has_room():
            return self._instance.launch_run(run.run_id, context.workspace)
        return super().submit_run(context)

    def _has_room(self) -> bool:
        limits = self._instance.get_concurrency_config().run_queue_config
        if limits is None or limits.tag_concurrency_limits:
            return False  # the daemon knows what they allow
        working = self._instance.get_runs_count(dg.RunsFilter(statuses=IN_PROGRESS_RUN_STATUSES))
        waiting = self._instance.get_runs_count(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED]))
        return not waiting and (limits.max_concurrent_runs == -1 or working < limits.max_concurrent_runs)
