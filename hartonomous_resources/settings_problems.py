"""Tells users what is wrong with their settings: values that are refused, unknown names, keys without effect."""

import os
from difflib import get_close_matches

from pydantic import ValidationError, ValidationInfo, ValidatorFunctionWrapHandler, field_validator

from hartonomous_resources.dotnet_configuration import read_configuration, remarks_on_configuration
from hartonomous_resources.settings import PREFIX, Settings, variable_of

_NOT_SETTINGS = {f"{PREFIX}{name}" for name in ("DEBUG", "DEV_OF_HOME", "MIGRATION_PASSWORD", "WORKER_PASSWORD")}
_TESTS = f"{PREFIX}TEST_"


def problems_of(error: ValidationError) -> dict[str, str]:
    """Return what is wrong with each setting, by field name; no value is quoted."""
    return {
        str(item["loc"][0]) if item["loc"] else "": item["msg"].removeprefix("Value error, ")
        for item in error.errors(include_url=False, include_input=False)
    }


def usable_settings() -> tuple[Settings, dict[str, str]]:
    """Return the settings, with the default in place of each wrong value, and what is wrong, by field name."""
    try:
        return Settings(), {}
    except ValidationError as error:
        return _with_defaults(), problems_of(error)


def _with_defaults() -> Settings:
    """Return settings in which the default replaces each value that is wrong."""

    class WithDefaults(Settings):
        @field_validator("*", mode="wrap")
        @classmethod
        def _or_default(cls, value: object, validate: ValidatorFunctionWrapHandler, field: ValidationInfo) -> object:
            try:
                return validate(value)
            except ValueError:
                return cls.model_fields[str(field.field_name)].get_default(call_default_factory=True)

    return WithDefaults()


def remarks_on_settings(settings: Settings) -> list[str]:
    """Return a sentence about each variable HARTONOMOUS_* that is no setting, and each key of the .NET configuration that has no effect."""
    known = [variable_of(field) for field in Settings.model_fields]
    remarks = []
    for name in sorted(os.environ):
        upper = name.upper()
        if upper.startswith(PREFIX) and not upper.startswith(_TESTS) and upper not in {*known, *_NOT_SETTINGS}:
            nearest = get_close_matches(upper, known, n=1, cutoff=0.0)[0]
            remarks.append(f"{name} is no setting and has no effect: is {nearest} meant?")
    return remarks + remarks_on_configuration(read_configuration(settings.config, os.environ))
