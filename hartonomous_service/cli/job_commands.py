"""Commands that list, show, create and retry background jobs, and set their status."""

from typing import Annotated

import typer

from hartonomous_core.vocabulary import JobStatus
from hartonomous_service.background_jobs import create_job, get_job, list_jobs, retry_job, update_job_status
from hartonomous_service.cli.ask import show_fields
from hartonomous_service.cli.output import (
    AllTenantsOption,
    CountOption,
    JsonOption,
    LimitOption,
    SkipOption,
    TenantOption,
    choose_tenant,
    open_home,
    print_page,
    print_result,
)

JobArgument = Annotated[str, typer.Argument(help="Id of a job, in either case.")]


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this module to the app."""
    jobs = typer.Typer(help="List, show, create and retry background jobs, and set their status.", no_args_is_help=True)
    jobs.command("list")(jobs_list)
    jobs.command("show")(jobs_show)
    jobs.command("create")(jobs_create)
    jobs.command("set-status")(jobs_set_status)
    jobs.command("retry")(jobs_retry)
    app.add_typer(jobs, name="jobs")


def jobs_list(
    status: Annotated[JobStatus | None, typer.Option(help="List only jobs of this status.")] = None,
    limit: LimitOption = 50,
    skip: SkipOption = 0,
    count: CountOption = False,
    tenant: TenantOption = 0,
    all_tenants: AllTenantsOption = False,
    as_json: JsonOption = False,
) -> None:
    """List jobs, the latest first."""
    with open_home() as resources:
        result = list_jobs(
            resources, tenant=choose_tenant(tenant, all_tenants), status=status, limit=limit, skip=skip, count=count
        )
    columns = {
        "jobId": "job",
        "jobType": "type",
        "status": "status",
        "attemptCount": "attempts",
        "atomId": "atom",
        "ingestHour": "hour",
        "result": "result",
    }
    print_result(result, as_json, lambda document: print_page("jobs", document, "jobs", columns))


def jobs_show(job_id: JobArgument, tenant: TenantOption = 0, as_json: JsonOption = False) -> None:
    """Show one job."""
    with open_home() as resources:
        job = get_job(resources, job_id, tenant=tenant)
    print_result(job, as_json, show_fields)


def jobs_create(
    job_type: Annotated[
        str, typer.Argument(metavar="TYPE", help="GenerateEmbedding, or a type that an installed package brings.")
    ],
    parameters: Annotated[str, typer.Option(help='A JSON object; of GenerateEmbedding: {"AtomId": 5}.')] = "{}",
    tenant: TenantOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Create a job, which the next run executes. A job whose type has no handler here waits."""
    with open_home(make=True) as resources:
        job_id = create_job(resources, job_type, parameters, tenant)
    print_result({"jobId": job_id, "status": "Pending"}, as_json, show_fields)


def jobs_set_status(
    job_id: JobArgument,
    status: Annotated[JobStatus, typer.Argument(help="The new status.")],
    result: Annotated[str | None, typer.Option(help="The result to store with the job.")] = None,
    tenant: TenantOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Set the status of a job: for jobs that another program executes, or to try one again or give it up."""
    with open_home() as resources:
        job = update_job_status(resources, job_id, status, result, tenant=tenant)
    print_result(job, as_json, show_fields)


def jobs_retry(
    job_id: Annotated[str, typer.Argument(help="Id of a job that failed or was dead-lettered.")],
    tenant: TenantOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Set a job to Pending again, with no attempts counted."""
    with open_home() as resources:
        retry_job(resources, job_id, tenant=tenant)
    print_result({"jobId": job_id, "status": "Pending"}, as_json, show_fields)
