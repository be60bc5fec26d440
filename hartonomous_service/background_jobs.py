"""Creates, shows and marks background jobs as IBackgroundJobService of the .NET system does; lists and retries them."""

import re
import uuid
from functools import partial
from typing import Annotated, Any, cast

from pydantic import BeforeValidator, PlainValidator

from hartonomous_core.clock import time_ordered_uuid, timestamp
from hartonomous_core.json_objects import UnreadableJson, read_object, refuse_what_no_store_holds
from hartonomous_core.vocabulary import JobStatus
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.job_rows import JOBS, Job, ListedJob
from hartonomous_resources.database.transactions import ask, transact
from hartonomous_resources.logs import LOGGER
from hartonomous_resources.resources import Resources
from hartonomous_resources.work.giving_up import dead_letter_job
from hartonomous_service.arguments import PageLength, Skip, Tenant, Text, checked
from hartonomous_service.errors import Conflict, Invalid, NotFound

_LONGEST_TYPE = 64
"""Length of SQL Server's column for the type: it would silently cut off what is longer."""
_POSITION = re.compile(r"[0-9]{1,18}", re.ASCII)
_POSITION_ON_SERVER = re.compile(r"[0-9: .-]{23}/[0-9A-Fa-f-]{36}", re.ASCII)
"""On SQL Server, where jobs have no number."""


def _require_storable_type(job_type: object) -> object:
    if isinstance(job_type, str) and not (job_type.strip() and job_type.isascii() and len(job_type) <= _LONGEST_TYPE):
        raise ValueError(
            f"the type of a job is 1 to {_LONGEST_TYPE} ASCII characters; GenerateEmbedding is built in, packages bring others"
        )
    return job_type


def _require_json_object(parameters: object) -> str:
    try:
        if not isinstance(parameters, str):
            raise UnreadableJson("not a text")
        refuse_what_no_store_holds(read_object(parameters))
    except UnreadableJson as error:
        raise ValueError(f'not a JSON object such as {{"AtomId": 5}}: {error}') from error
    return parameters


@checked
def create_job(
    resources: Resources,
    job_type: Annotated[str, BeforeValidator(_require_storable_type)],
    parameters: Annotated[str, PlainValidator(_require_json_object)],
    tenant_id: Tenant,
) -> str:
    """Insert a Pending job and return its id; `parameters` is a JSON object, for GenerateEmbedding `{"AtomId": 5}`.

    Raises Invalid for a type or parameters that not every store holds, or a tenant out of range.
    """
    job_id = time_ordered_uuid()

    def insert(unit_of_work: UnitOfWork) -> None:
        unit_of_work.execute(
            "insert_job", job_id=job_id, job_type=job_type, parameters=parameters, tenant_id=tenant_id, now=timestamp()
        )

    transact(resources.database, insert)
    LOGGER.info("Created background job: JobId=%s, Type=%s, TenantId=%s", job_id, job_type, tenant_id)
    return job_id


@checked
def get_job(resources: Resources, job_id: Text | uuid.UUID, *, tenant: Tenant | None = None) -> Job:
    """Return a job by its id, whose letters may be in either case.

    With `tenant`, another tenant's job is not found; without, anybody who has the id may see it.

    Raises NotFound, with a warning in the log.
    """
    job = ask(resources.database, partial(_find, job_id=job_id, tenant=tenant))
    if job is None:
        LOGGER.warning("Job not found: JobId=%s", job_id)
        raise _not_found(job_id)
    return job


@checked
def update_job_status(
    resources: Resources,
    job_id: Text | uuid.UUID,
    status: JobStatus,
    result: Text | None = None,
    *,
    tenant: Tenant | None = None,
) -> Job:
    """Set a job's status and result and return the job.

    Pending sets the attempts to 0, InProgress sets a lease, DeadLettered writes a dead letter.

    Raises Invalid for an unknown status; NotFound, with a warning in the log.
    """

    def update(unit_of_work: UnitOfWork) -> Job | None:
        job = _find(unit_of_work, job_id, tenant)
        if job is None:
            return None
        unit_of_work.execute("delete_dead_letter_of_job", job_id=job["jobId"], tenant_id=job["tenantId"])
        unit_of_work.execute("reopen_job", job_id=job["jobId"])
        if status == "DeadLettered":
            dead_letter_job(unit_of_work, job, result or "given up by hand")
        else:
            lease_until = timestamp(resources.settings.lease_seconds) if status == "InProgress" else None
            unit_of_work.execute(
                "set_job_status",
                job_id=job["jobId"],
                tenant_id=job["tenantId"],
                status=status,
                result=result,
                lease_until=lease_until,
                now=timestamp(),
            )
        return _find(unit_of_work, job_id, tenant)

    job = transact(resources.database, update)
    if job is None:
        LOGGER.warning("Job not found: JobId=%s", job_id)
        raise _not_found(job_id)
    LOGGER.info("Updated job status: JobId=%s, Status=%s", job["jobId"], status)
    return job


@checked
def list_jobs(
    resources: Resources,
    *,
    tenant: Tenant | None = 0,
    status: JobStatus | None = None,
    limit: PageLength = 50,
    skip: Skip = 0,
    count: bool = False,
) -> dict[str, Any]:
    """Return a page of the jobs, the latest first; `tenant=None` lists those of all tenants. `total` is None unless they are to be counted."""

    def read_page(unit_of_work: UnitOfWork) -> dict[str, Any]:
        rows = _read_page(unit_of_work, tenant, status, None, skip + limit + 1)
        total = unit_of_work.query("job_count", tenant_id=tenant, status=status)[0]["n"] if count else None
        jobs = [_to_job(row) for row in rows[skip : skip + limit]]
        return {"jobs": jobs, "total": total, "truncated": len(rows) > skip + limit}

    return ask(resources.database, read_page)


@checked
def page_jobs(
    resources: Resources,
    *,
    tenant: Tenant = 0,
    status: JobStatus | None = None,
    limit: PageLength = 100,
    after: Text | None = None,
) -> dict[str, Any]:
    """Return a page of the jobs, the latest first; `next` is the `after` of the page after it, None after the last.

    Raises Invalid for an `after` that no page of this store said.
    """
    positions = _POSITION_ON_SERVER if resources.settings.uses_sqlserver else _POSITION
    if after is not None and not positions.fullmatch(after):
        raise Invalid(
            "it is no place in a list of jobs: give what the page before this one says as its next", argument="after"
        )

    def read_page(unit_of_work: UnitOfWork) -> dict[str, Any]:
        rows = _read_page(unit_of_work, tenant, status, after, limit + 1)
        jobs = [_to_job(row) for row in rows[:limit]]
        return {"jobs": jobs, "next": rows[limit - 1]["position"] if len(rows) > limit else None}

    return ask(resources.database, read_page)


def _read_page(
    unit_of_work: UnitOfWork, tenant: int | None, status: JobStatus | None, after: str | None, n: int
) -> list[ListedJob]:
    return unit_of_work.query(JOBS, tenant_id=tenant, job_id=None, status=status, after=after, n=n)


def _to_job(row: ListedJob) -> Job:
    return cast(Job, {name: held for name, held in row.items() if name != "position"})


@checked
def retry_job(resources: Resources, job_id: Text | uuid.UUID, *, tenant: Tenant = 0) -> None:
    """Set a Failed or DeadLettered job to Pending again, and its attempts to 0. Raises NotFound, or Conflict for a job of another status."""

    def retry(unit_of_work: UnitOfWork) -> None:
        job = _find(unit_of_work, job_id, tenant)
        if job is None:
            raise _not_found(job_id)
        if not unit_of_work.execute("retry_job", job_id=job["jobId"], tenant_id=tenant):
            raise Conflict(f"job {job_id} did not fail: it is {job['status']}", remedy="list_failed_jobs")
        unit_of_work.execute("delete_dead_letter_of_job", job_id=job["jobId"], tenant_id=tenant)

    transact(resources.database, retry)


def _not_found(job_id: str | uuid.UUID) -> NotFound:
    return NotFound(f"job {job_id} is not found", remedy="list_jobs")


def _find(unit_of_work: UnitOfWork, job_id: str | uuid.UUID, tenant: int | None) -> Job | None:
    rows = unit_of_work.query(JOBS, tenant_id=tenant, job_id=str(job_id), status=None, after=None, n=1)
    return _to_job(rows[0]) if rows else None
