"""Lists the settings for `hartonomous config show`."""

from typing import Any

from hartonomous_core.credentials import without_credentials
from hartonomous_resources.settings import Settings, variable_of
from hartonomous_resources.settings_problems import usable_settings


def show_settings() -> dict[str, Any]:
    """Return every setting: {"settings": [{"variable", "value", "set", "meaning", "problem"}]}.

    A setting that is wrong has a `problem`, and its default as the value; neither shows a password.
    """
    settings, problems = usable_settings()
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
