"""Commands of whoever runs the system: stats, jobs, dead-letters, health, config, sql, migrate."""

from typing import Annotated, Any, Literal

import typer

from hartonomous_resources.credentials import without_credentials
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.transactions import transact
from hartonomous_resources.settings import Settings, usable_settings, variable_of
from hartonomous_service.cli.ask import LimitOption, show_fields
from hartonomous_service.cli.output import (
    AllTenantsOption,
    JsonOption,
    TenantOption,
    emit,
    err,
    opened,
    out,
    printable,
    table,
    tenant_of,
)
from hartonomous_service.errors import CommandError


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands."""
    jobs = typer.Typer(help="List, show and retry background jobs.", no_args_is_help=True)
    jobs.command("list")(jobs_list)
    jobs.command("show")(jobs_show)
    jobs.command("retry")(jobs_retry)
    dead_letters = typer.Typer(help="List, show, replay and discard dead letters.", no_args_is_help=True)
    dead_letters.command("list")(dead_letters_list)
    dead_letters.command("show")(dead_letters_show)
    dead_letters.command("replay")(dead_letters_replay)
    dead_letters.command("discard")(dead_letters_discard)
    config = typer.Typer(help="Show the settings.", no_args_is_help=True)
    config.callback()(lambda: None)
    config.command("show")(config_show)
    app.add_typer(jobs, name="jobs")
    app.add_typer(dead_letters, name="dead-letters")
    app.add_typer(config, name="config")
    app.command()(stats)
    app.command()(health)
    app.command()(sql)
    app.command()(migrate)


def stats(tenant: TenantOption = 0, all_tenants: AllTenantsOption = False, as_json: JsonOption = False) -> None:
    """What the store holds."""
    from hartonomous_service.statistics import stats as count

    with opened() as resources:
        result = count(resources, tenant=tenant_of(tenant, all_tenants))
    emit(result, as_json, show_fields)


def jobs_list(
    status: Annotated[
        Literal["Pending", "InProgress", "Completed", "Failed", "DeadLettered"] | None,
        typer.Option(help="Only those of this status."),
    ] = None,
    limit: LimitOption = 50,
    tenant: TenantOption = 0,
    all_tenants: AllTenantsOption = False,
    as_json: JsonOption = False,
) -> None:
    """List jobs, the latest first."""
    with opened() as resources, resources.database.read() as unit_of_work:
        rows = unit_of_work.query("jobs", tenant_id=tenant_of(tenant, all_tenants), job_id=None, status=status, n=limit)
    columns = {
        "jobId": "job",
        "jobType": "type",
        "status": "status",
        "attemptCount": "attempts",
        "atomId": "atom",
        "ingestHour": "hour",
        "result": "result",
    }
    emit({"jobs": rows}, as_json, lambda document: table("jobs", document["jobs"], columns))


def jobs_show(
    job_id: Annotated[str, typer.Argument(help="Id of a job.")], tenant: TenantOption = 0, as_json: JsonOption = False
) -> None:
    """Show one job."""
    with opened() as resources, resources.database.read() as unit_of_work:
        rows = unit_of_work.query("jobs", tenant_id=tenant, job_id=job_id, status=None, n=1)
    if not rows:
        raise CommandError(f"job {job_id} is not found; `hartonomous jobs list` shows what is there")
    emit(rows[0], as_json, show_fields)


def jobs_retry(
    job_id: Annotated[str, typer.Argument(help="Id of a job that failed or was dead-lettered.")],
    tenant: TenantOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Set a job to Pending again, with no attempts counted."""

    def retry(unit_of_work: UnitOfWork) -> None:
        if not unit_of_work.execute("retry_job", job_id=job_id, tenant_id=tenant):
            raise CommandError(
                f"job {job_id} is not found among those that failed; `hartonomous jobs list --status Failed`"
            )
        unit_of_work.execute("delete_dead_letter_of_job", job_id=job_id)

    with opened() as resources:
        transact(resources.database, retry)
    emit({"jobId": job_id, "status": "Pending"}, as_json, show_fields)


def dead_letters_list(
    limit: LimitOption = 100,
    tenant: TenantOption = 0,
    all_tenants: AllTenantsOption = False,
    as_json: JsonOption = False,
) -> None:
    """List dead letters, the latest first."""
    from hartonomous_service.dead_letters import list_dead_letters

    with opened() as resources:
        result = list_dead_letters(resources, tenant=tenant_of(tenant, all_tenants), n=limit)
    columns = {
        "deadLetterId": "id",
        "kind": "kind",
        "tenantId": "tenant",
        "attemptCount": "attempts",
        "lastFailedAt": "last failed",
        "reason": "reason",
    }

    def show(document: Any) -> None:
        table("dead letters", document["deadLetters"], columns)
        if document["withoutTenant"] and not all_tenants:
            out.print(f"{document['withoutTenant']} more are too broken to say whose they are: --all-tenants")

    emit(result, as_json, show)


DeadLetterArgument = Annotated[int, typer.Argument(max=2**63 - 1, help="Id of a dead letter.")]


def dead_letters_show(
    dead_letter_id: DeadLetterArgument,
    tenant: TenantOption = 0,
    all_tenants: AllTenantsOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show one dead letter with its body."""
    from hartonomous_service.dead_letters import show_dead_letter

    with opened() as resources:
        result = show_dead_letter(resources, dead_letter_id, tenant=tenant_of(tenant, all_tenants))
    emit(result, as_json, show_fields)


def dead_letters_replay(
    dead_letter_id: DeadLetterArgument,
    tenant: TenantOption = 0,
    all_tenants: AllTenantsOption = False,
    as_json: JsonOption = False,
) -> None:
    """Give a dead letter another try."""
    from hartonomous_service.dead_letters import replay_dead_letter

    with opened() as resources:
        result = replay_dead_letter(resources, dead_letter_id, tenant=tenant_of(tenant, all_tenants))
    emit(result, as_json, show_fields)


def dead_letters_discard(
    dead_letter_id: DeadLetterArgument,
    tenant: TenantOption = 0,
    all_tenants: AllTenantsOption = False,
    as_json: JsonOption = False,
) -> None:
    """Give a dead letter up for good."""
    from hartonomous_service.dead_letters import discard_dead_letter

    with opened() as resources:
        result = discard_dead_letter(resources, dead_letter_id, tenant=tenant_of(tenant, all_tenants))
    emit(result, as_json, show_fields)


def health(as_json: JsonOption = False) -> None:
    """Is what this home needs there, and if not, what to do."""
    from hartonomous_service.health import UNHEALTHY
    from hartonomous_service.health import health as check

    result = check(Settings())

    def show(document: Any) -> None:
        out.print(document["status"])
        table(
            "checks", document["checks"], {"name": "check", "status": "status", "durationMs": "ms", "detail": "detail"}
        )

    emit(result, as_json, show)
    if result["status"] == UNHEALTHY:
        raise typer.Exit(1)


def config_show(as_json: JsonOption = False) -> None:
    """Every setting: its environment variable, its value here, what it means, and what is wrong with it."""
    settings, problems = usable_settings()
    values = settings.model_dump(mode="json")
    rows = [
        {
            "variable": variable_of(name),
            "value": without_credentials(values[name]) if isinstance(values[name], str) else values[name],
            "set": name in settings.model_fields_set,
            "meaning": field.description,
            "problem": problems.get(name),
        }
        for name, field in Settings.model_fields.items()
    ]
    columns = {"variable": "variable", "value": "value", "meaning": "meaning"}
    emit({"settings": rows}, as_json, lambda document: table("settings", document["settings"], columns))
    for name, problem in problems.items():
        err.print(f"wrong: {variable_of(name)}: {printable(without_credentials(problem))}", soft_wrap=True)
    if problems:
        raise typer.Exit(1)


def sql(
    text: Annotated[str, typer.Argument(help="SQL of SQLite, or T-SQL of the kind people use for quick checks.")],
    write: Annotated[bool, typer.Option("--write", help="Allow the statements to change data.")] = False,
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, max=1_000_000, help="Rows at the most.")] = 1000,
    seconds: Annotated[float, typer.Option(min=0.1, help="Give up after so long.")] = 60.0,
    as_json: JsonOption = False,
) -> None:
    """Run SQL against the database, read-only unless --write is given. Sees all tenants."""
    settings = Settings()
    if settings.uses_sqlserver:
        from hartonomous_service.sqlserver_console import run_sql_on_server

        result = run_sql_on_server(settings, text, write=write, n=limit, seconds=seconds)
    else:
        from hartonomous_service.sql_console import run_sql

        with opened() as resources:
            result = run_sql(resources.settings, text, write=write, n=limit, seconds=seconds)

    def show(document: Any) -> None:
        if document["columns"]:
            rows = [dict(zip(document["columns"], row, strict=True)) for row in document["rows"]]
            table("rows", rows, {name: printable(name) for name in document["columns"]})
        else:
            out.print(f"{document['rowsChanged']:,} rows changed")

    emit(result, as_json, show)


def migrate(
    status: Annotated[bool, typer.Option("--status", help="Only show which migrations ran.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")] = False,
    to: Annotated[int | None, typer.Option("--to", min=1, help="Stop after this version.")] = None,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="SQL Server: first take over the tables of the .NET system.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Bring the database's schema up to date, and make the home's Dagster folder."""
    from hartonomous_service.schema import migrate_schema

    result = migrate_schema(Settings(), status=status, dry_run=dry_run, to=to, adopt=adopt)
    columns = {"feature": "feature", "version": "version", "name": "name", "appliedAt": "applied at"}

    def show(document: Any) -> None:
        for line in document["adopted"]:
            out.print(printable(line))
        out.print(f"{len(document['ran'])} {'migrations would run' if dry_run else 'migrations ran now'}")
        table("migrations", document["migrations"], columns)

    emit(result, as_json, show)
