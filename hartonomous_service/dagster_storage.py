"""Chooses where Dagster stores runs, events and ticks, files in the home or PostgreSQL, by the dagster.yaml of the home."""

from hartonomous_resources.processes import this_process
from hartonomous_resources.project_files import project_file
from hartonomous_resources.settings import Settings, variable_of
from hartonomous_service.errors import Conflict, Unavailable

POSTGRES_VARIABLE = variable_of("dagster_postgres_url")

_WRITTEN = "# Written by hartonomous, anew whenever it differs: a link to the installed file, but for the storage.\n"
_STORAGE = f"""
storage:
  postgres:
    postgres_url:
      env: {POSTGRES_VARIABLE}
"""
_CONNECT_SECONDS = 10


def place_dagster_yaml(settings: Settings) -> None:
    """Link the installed dagster.yaml into the home or, for a storage on PostgreSQL, write one there.

    The password stays in the environment. Raises Conflict for a file of the user's own that the settings contradict.
    """
    place, installed = settings.dagster_home / "dagster.yaml", project_file("dagster.yaml")
    text = installed.read_text("utf-8")
    written = f"{_WRITTEN}{text}{_STORAGE}"
    is_link = place.is_symlink()
    there = place.read_text("utf-8") if not is_link and place.exists() else None
    is_ours = there is None or there == text or there.startswith(_WRITTEN)
    partial = place.with_name(f".dagster.yaml.{this_process().pid}")  # renamed at the end: others may read it now
    if settings.dagster_postgres_url is not None:
        if not is_ours:
            raise Conflict(
                f"{place} is your own: name the storage there, or remove it to have {POSTGRES_VARIABLE} used"
            )
        if there != written:
            partial.write_text(written, "utf-8")
            partial.replace(place)
    elif (is_link and place.readlink() != installed) or (not is_link and is_ours and there != text):
        try:
            partial.symlink_to(installed)
        except OSError:  # no right to make links (Windows): a copy serves
            partial.write_text(text, "utf-8")
        partial.replace(place)


def require_postgres(url: str) -> None:
    """Raise Unavailable, one sentence that names the cause, when the server cannot be used; Dagster itself would retry for a while."""
    from sqlalchemy import create_engine, make_url
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.pool import NullPool

    place = make_url(url)
    timeout = {} if "connect_timeout" in place.query else {"connect_timeout": _CONNECT_SECONDS}
    try:
        create_engine(place, poolclass=NullPool, connect_args=timeout).connect().close()
    except DBAPIError as error:
        reason = str(error.orig).strip().partition("\n")[0]  # names host, user and database, and never the password
        raise Unavailable(
            f"Dagster's storage on PostgreSQL cannot be used: {reason}; start the server, or mend {POSTGRES_VARIABLE}"
        ) from error
