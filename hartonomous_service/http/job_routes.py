"""Background jobs: those that are there, new ones, and those that failed and are tried again."""

from __future__ import annotations

import json
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Body, Path
from fastapi.responses import JSONResponse

from hartonomous_core.vocabulary import JobStatus
from hartonomous_service import background_jobs as calls
from hartonomous_service.http.access import OpenResources, Reader, Writer
from hartonomous_service.http.documents import Job, JobPage, JobState
from hartonomous_service.http.list_pages import Cursor, Limit, ask_page

router = APIRouter(prefix="/jobs", tags=["jobs"])

_LOCATION = {"Location": {"schema": {"type": "string"}, "description": "Where the job is."}}

JobId = Annotated[str, Path(max_length=100, description="Id of a job, in either case.")]


@router.get("", responses={200: {"model": JobPage}})
def list_jobs(
    resources: OpenResources,
    caller: Reader,
    status: JobStatus | None = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> JSONResponse:
    """List jobs, the latest first."""
    ask = partial(calls.page_jobs, resources, tenant=caller.tenant, status=status, limit=limit)
    return JSONResponse(ask_page("jobs", cursor, ask))


@router.post("", status_code=201, responses={201: {"model": JobState, "headers": _LOCATION}})
def create_job(
    resources: OpenResources,
    caller: Writer,
    job_type: Annotated[str, Body(alias="jobType", description="GenerateEmbedding, or a type that a package brings.")],
    parameters: Annotated[dict[str, Any] | None, Body(examples=[{"AtomId": 5}])] = None,
) -> JSONResponse:
    """Create a job, which the next run executes. A job whose type has no handler there waits."""
    job_id = calls.create_job(resources, job_type, json.dumps(parameters or {}), caller.tenant)
    return JSONResponse({"jobId": job_id, "status": "Pending"}, 201, headers={"Location": f"/jobs/{job_id}"})


@router.get("/{job_id}", responses={200: {"model": Job}})
def get_job(resources: OpenResources, caller: Reader, job_id: JobId) -> JSONResponse:
    """Return one job."""
    return JSONResponse(calls.get_job(resources, job_id, tenant=caller.tenant))


@router.post("/{job_id}/retry", responses={200: {"model": JobState}})
def retry_job(resources: OpenResources, caller: Writer, job_id: JobId) -> JSONResponse:
    """Set a job that failed or was dead-lettered to Pending again, with no attempts counted; 409 for any other."""
    calls.retry_job(resources, job_id, tenant=caller.tenant)
    return JSONResponse({"jobId": job_id.lower(), "status": "Pending"})
