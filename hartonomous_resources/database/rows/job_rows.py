"""Rows of statements about background jobs."""

from typing import TypedDict

from hartonomous_resources.database.statements import Statement


class JobInHand(TypedDict):
    """A job that is worked on or given up; `parameters` is JSON, `atomId` None where they name no atom of the tenant."""

    jobId: str
    atomId: int | None
    tenantId: int
    attemptCount: int
    parameters: str


class ClaimedJob(JobInHand):
    """A job that this process works on; without a `modelId`, it is for every active model of the atom's modality."""

    modelId: int | None


class UnfinishedJob(JobInHand):
    """What giving up on a job needs to know."""

    ingestHour: str
    jobType: str
    startedAt: str | None
    result: str | None


class Job(UnfinishedJob):
    """Everything of a job that is shown."""

    modelId: int | None
    status: str
    maxAttempts: int
    createdAt: str
    completedAt: str | None


class ListedJob(Job):
    """A job in a list; `position` says, in words of the store, where it stands there."""

    position: str


CLAIM_JOBS = Statement("claim_jobs", ClaimedJob)
EXHAUSTED_JOBS = Statement("exhausted_jobs", UnfinishedJob)
JOBS = Statement("jobs", ListedJob)
