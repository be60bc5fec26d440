"""Commands for operators: stats, dead-letters, health, doctor, config, migrate."""

from typing import Annotated, Any

import typer

from hartonomous_resources.settings import Settings
from hartonomous_service.cli.ask import show_fields
from hartonomous_service.cli.output import (
    AllTenantsOption,
    JsonOption,
    LimitOption,
    SkipOption,
    TenantOption,
    choose_tenant,
    describe_kept_as_bytes,
    err,
    open_home,
    out,
    print_page,
    print_result,
    print_table,
    printable,
)


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this module to the app."""
    dead_letters = typer.Typer(help="List, show, replay and discard dead letters.", no_args_is_help=True)
    dead_letters.command("list")(dead_letters_list)
    dead_letters.command("show")(dead_letters_show)
    dead_letters.command("replay")(dead_letters_replay)
    dead_letters.command("discard")(dead_letters_discard)
    config = typer.Typer(help="Show the settings.", no_args_is_help=True)
    config.callback()(lambda: None)
    config.command("show")(config_show)
    app.add_typer(dead_letters, name="dead-letters")
    app.add_typer(config, name="config")
    app.command()(stats)
    app.command()(health)
    app.command()(doctor)
    app.command()(migrate)


def stats(
    dedup: Annotated[
        bool, typer.Option("--dedup", help="What deduplication saves, by modality and by source.")
    ] = False,
    source: Annotated[
        int | None,
        typer.Option("--source", max=2**63 - 1, help="With --dedup: this source, and which others share with it."),
    ] = None,
    limit: LimitOption = 100,
    skip: SkipOption = 0,
    tenant: TenantOption = 0,
    all_tenants: AllTenantsOption = False,
    as_json: JsonOption = False,
) -> None:
    """Count what the store holds: sources, atoms, embeddings, jobs, dead letters, bytes. Or, with --dedup, what deduplication saves."""
    if not dedup and (source is not None or skip or limit != 100):
        raise typer.BadParameter("--source, --limit and --skip go with --dedup", param_hint="--dedup")
    if dedup:
        show_dedup(source, limit, skip, choose_tenant(tenant, all_tenants), as_json)
        return
    from hartonomous_service.statistics import collect_stats

    with open_home() as resources:
        result = collect_stats(resources, tenant=choose_tenant(tenant, all_tenants))

    def show(document: Any) -> None:
        why = document.pop("graphUnavailable")
        not_searchable = f"{describe_kept_as_bytes(document['notSearchable'])}, kept as bytes; of other types, what could not be read is not counted"
        show_fields({**document, "notSearchable": not_searchable, "graph": document["graph"] or f"not known: {why}"})

    print_result(result, as_json, show)


def show_dedup(source: int | None, limit: int, skip: int, tenant: int | None, as_json: bool) -> None:
    """Show the ledger of deduplication, or the line of one source and whom it shares with."""
    from hartonomous_service.dedup_ledger import dedup_ledger, dedup_of_source

    shares = {"sharedAtoms": "shared atoms", "sharedBytes": "shared bytes"}

    def show_ledger(document: Any) -> None:
        columns = {"tenantId": "tenant", "modality": "modality", "atoms": "atoms", "occurrences": "occurrences"}
        columns |= {
            "sharedAtoms": "shared",
            "bytesIn": "bytes in",
            "bytesStored": "stored",
            "saved": "saved",
            "derivedBytes": "derived",
        }
        print_table("modalities", document["modalities"], columns)
        columns = {"sourceId": "id", "bytesIn": "bytes in", "ownBytes": "its own", **shares, "sourceUri": "uri"}
        print_page("sources", document, "sources", columns)

    def show_source(document: Any) -> None:
        show_fields({name: value for name, value in document.items() if name not in ("sharedWith", "truncated")})
        columns = {"sourceId": "id", "version": "version", **shares, "sourceUri": "uri"}
        print_table("sources that share", document["sharedWith"], columns)
        if document["truncated"]:
            err.print("there are more: --limit shows them")

    with open_home() as resources:
        if source is None:
            print_result(dedup_ledger(resources, tenant=tenant, limit=limit, skip=skip), as_json, show_ledger)
        else:
            print_result(dedup_of_source(resources, source, tenant=tenant, limit=limit), as_json, show_source)


def dead_letters_list(
    limit: LimitOption = 100,
    skip: SkipOption = 0,
    tenant: TenantOption = 0,
    all_tenants: AllTenantsOption = False,
    as_json: JsonOption = False,
) -> None:
    """List dead letters, the latest first."""
    from hartonomous_service.dead_letters import list_dead_letters

    with open_home() as resources:
        result = list_dead_letters(resources, tenant=choose_tenant(tenant, all_tenants), limit=limit, skip=skip)
    columns = {
        "deadLetterId": "id",
        "kind": "kind",
        "tenantId": "tenant",
        "attemptCount": "attempts",
        "seenCount": "seen",
        "lastFailedAt": "last failed",
        "reason": "reason",
    }

    def show(document: Any) -> None:
        print_page("dead letters", document, "deadLetters", columns)
        if document["withoutTenant"] and not all_tenants:
            out.print(f"{document['withoutTenant']} more are too broken to say whose they are: --all-tenants")

    print_result(result, as_json, show)


DeadLetterArgument = Annotated[int, typer.Argument(max=2**63 - 1, help="Id of a dead letter.")]


def dead_letters_show(
    dead_letter_id: DeadLetterArgument,
    tenant: TenantOption = 0,
    all_tenants: AllTenantsOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show one dead letter with its body."""
    from hartonomous_service.dead_letters import show_dead_letter

    with open_home() as resources:
        result = show_dead_letter(resources, dead_letter_id, tenant=choose_tenant(tenant, all_tenants))
    print_result(result, as_json, show_fields)


def dead_letters_replay(
    dead_letter_id: DeadLetterArgument,
    tenant: TenantOption = 0,
    all_tenants: AllTenantsOption = False,
    as_json: JsonOption = False,
) -> None:
    """Try a dead letter again: its message, source or job goes back to work."""
    from hartonomous_service.dead_letters import replay_dead_letter

    with open_home() as resources:
        result = replay_dead_letter(resources, dead_letter_id, tenant=choose_tenant(tenant, all_tenants))
    print_result(result, as_json, show_fields)


def dead_letters_discard(
    dead_letter_id: DeadLetterArgument,
    tenant: TenantOption = 0,
    all_tenants: AllTenantsOption = False,
    as_json: JsonOption = False,
) -> None:
    """Delete a dead letter for good, with what was kept for a replay."""
    from hartonomous_service.dead_letters import discard_dead_letter

    with open_home() as resources:
        result = discard_dead_letter(resources, dead_letter_id, tenant=choose_tenant(tenant, all_tenants))
    print_result(result, as_json, show_fields)


def health(as_json: JsonOption = False) -> None:
    """Check everything that this home needs, and say what to do about each problem."""
    from hartonomous_service.check_outcomes import UNHEALTHY
    from hartonomous_service.health import check_health

    result = check_health(Settings())

    def show(document: Any) -> None:
        out.print(document["status"])
        print_table(
            "checks", document["checks"], {"name": "check", "status": "status", "durationMs": "ms", "detail": "detail"}
        )

    print_result(result, as_json, show)
    if result["status"] == UNHEALTHY:
        raise typer.Exit(1)


def doctor(as_json: JsonOption = False) -> None:
    """Check this installation from top to bottom: what health looks at, and what it stands on."""
    from hartonomous_service.check_outcomes import UNHEALTHY
    from hartonomous_service.doctor import check_installation

    result = check_installation()

    def show(document: Any) -> None:
        out.print(document["status"])
        columns = {"name": "check", "status": "status", "durationMs": "ms", "detail": "detail"}
        print_table("checks", document["checks"], columns)
        for check in document["checks"]:
            if check["remedy"]:
                out.print(f"{check['name']}: {printable(check['remedy'])}")

    print_result(result, as_json, show)
    if result["status"] == UNHEALTHY:
        raise typer.Exit(1)


def config_show(as_json: JsonOption = False) -> None:
    """Show every setting: its environment variable, value and meaning, and what is wrong with it."""
    from hartonomous_service.configuration import show_settings

    result = show_settings()
    columns = {"variable": "variable", "value": "value", "meaning": "meaning"}
    print_result(result, as_json, lambda document: print_table("settings", document["settings"], columns))
    wrong = [row for row in result["settings"] if row["problem"] is not None]
    for row in wrong:
        err.print(f"wrong: {row['variable']}: {printable(row['problem'])}", soft_wrap=True)
    if wrong:
        raise typer.Exit(1)


def migrate(
    status: Annotated[bool, typer.Option("--status", help="Show which migrations ran, and run none.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")] = False,
    to: Annotated[int | None, typer.Option("--to", min=1, help="Stop after this version.")] = None,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="On SQL Server: first take over the tables of the .NET system.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Bring the schema of the database up to date, and create the Dagster folder of the home."""
    from hartonomous_service.schema import migrate_schema

    result = migrate_schema(Settings(), status=status, dry_run=dry_run, to=to, adopt=adopt)
    columns = {"feature": "feature", "version": "version", "name": "name", "appliedAt": "applied at"}

    def show(document: Any) -> None:
        for line in document["adopted"]:
            out.print(printable(line))
        out.print(f"{len(document['ran'])} {'migrations would run' if dry_run else 'migrations ran now'}")
        print_table("migrations", document["migrations"], columns)

    print_result(result, as_json, show)
