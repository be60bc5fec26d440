"""Lists the settings for `hartonomous config show`."""

import sqlite3
from contextlib import closing
from typing import Any

from hartonomous_core.credentials import without_credentials
from hartonomous_resources.database.database_errors import DatabaseError, SchemaMismatch
from hartonomous_resources.database.period import period_so_far, require_period
from hartonomous_resources.database.transactions import ask
from hartonomous_resources.resources import database_of
from hartonomous_resources.settings import Settings, variable_of
from hartonomous_resources.settings_problems import usable_settings


def show_settings() -> dict[str, Any]:
    """Return every setting: {"settings": [{"variable", "value", "set", "meaning", "problem"}]}.

    A setting that is wrong has a `problem`, and its default as the value; neither shows a password.
    """
    settings, problems = usable_settings()
    if refusal := _other_period(settings):
        problems["partition"] = refusal
    values = settings.model_dump(mode="json")
    return {
        "settings": [
            {
                "variable": variable_of(name),
                "value": without_credentials(values[name]) if isinstance(values[name], str) else values[name],
                "set": name in settings.model_fields_set,
                "meaning": field.description,
                "problem": without_credentials(problems[name]) if name in problems else None,
            }
            for name, field in Settings.model_fields.items()
        ]
    }


def _other_period(settings: Settings) -> str | None:
    """Say that the database was made with the other period, where the settings choose one and it can be asked now."""
    if settings.partition == "auto" or not (settings.uses_sqlserver or settings.database_path.exists()):
        return None
    try:
        with closing(database_of(settings)) as database:
            require_period(settings.partition, ask(database, period_so_far), database.name)
    except SchemaMismatch as refusal:
        return str(refusal)
    except (DatabaseError, sqlite3.Error):
        return None  # what is wrong with it, `hartonomous health` says
    return None
