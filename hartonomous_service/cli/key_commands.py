"""Commands that create, list and revoke keys of the HTTP server."""

from collections.abc import Mapping
from typing import Annotated, Any, cast

import typer

from hartonomous_service.arguments import MAX_TENANT
from hartonomous_service.cli.ask import show_fields
from hartonomous_service.cli.output import (
    JsonOption,
    LimitOption,
    SkipOption,
    TenantOption,
    err,
    open_home,
    print_page,
    print_result,
)
from hartonomous_service.keys import SCOPES, Scope, create_key, list_keys, revoke_key


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this module to the app."""
    keys = typer.Typer(help="Create, list and revoke keys of the HTTP server.", no_args_is_help=True)
    keys.command("create")(keys_create)
    keys.command("list")(keys_list)
    keys.command("revoke")(keys_revoke)
    app.add_typer(keys, name="keys")


def keys_create(
    tenant: TenantOption = 0,
    scope: Annotated[
        list[str] | None,
        typer.Option(
            metavar="|".join(SCOPES), help="What it may do: write includes read, and admin both. Without any: read."
        ),
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option(metavar="90d|DATE", help="Until when it holds; without this, until it is revoked."),
    ] = None,
    name: Annotated[str, typer.Option(metavar="TEXT", help="Whose it is or what for, as the list shows it.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Create a key and print it, this once: only its hash is kept."""
    with open_home(make=True) as resources:
        scopes = cast("list[Scope]", scope or ["read"])  # the call refuses another word
        created = create_key(resources, tenant=tenant, scopes=scopes, expires=expires, name=name)
    print_result(created, as_json, lambda document: show_fields(_with_text(document)))
    err.print("keep the key now: it is not shown again", soft_wrap=True)


def keys_list(
    tenant: Annotated[
        int | None,
        typer.Option("--tenant", min=0, max=MAX_TENANT, help="List only keys of this tenant; without it, all."),
    ] = None,
    limit: LimitOption = 50,
    skip: SkipOption = 0,
    as_json: JsonOption = False,
) -> None:
    """List keys, the latest first, without what makes them keys."""
    with open_home() as resources:
        result = list_keys(resources, tenant=tenant, limit=limit, skip=skip)
    columns = {
        "keyId": "key",
        "tenantId": "tenant",
        "scopes": "scopes",
        "status": "status",
        "name": "name",
        "createdAt": "created",
        "expiresAt": "expires",
        "lastUsedAt": "last used",
    }
    print_result(
        result,
        as_json,
        lambda page: print_page("keys", {**page, "keys": [*map(_with_text, page["keys"])]}, "keys", columns),
    )


def keys_revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="Id of a key, as the list shows it.")],
    as_json: JsonOption = False,
) -> None:
    """Revoke a key. Servers that run refuse it within 5 seconds."""
    with open_home() as resources:
        revoked = revoke_key(resources, key_id)
    print_result(revoked, as_json, lambda document: show_fields(_with_text(document)))


def _with_text(key: Mapping[str, Any]) -> dict[str, Any]:
    return {**key, "scopes": " ".join(key["scopes"])}
