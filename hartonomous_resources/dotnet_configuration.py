"""Reads the configuration of the .NET workers as values of our settings: appsettings.json, and over it Section__Key variables.

As in .NET, letter case does not count, and a file may have comments, trailing commas and a byte order mark.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hartonomous_resources.ado_connection_string import settings_of_connection_string

SQL_SERVER_KEY = "ConnectionStrings:HartonomousDb"
_MODEL_KEY = "EmbeddingModel:ModelPath"
FIELDS = {
    "ConnectionStrings:Neo4j": "neo4j_uri",
    _MODEL_KEY: "text_model",
    "Workers:Ingestion:Enabled": "ingestion_enabled",
    "Workers:Ingestion:BatchSize": "ingestion_batch_size",
    "Workers:Neo4jSync:Enabled": "provenance_enabled",
    "Workers:Neo4jSync:RetryDelaySeconds": "retry_delay_seconds",
    "Workers:EmbeddingGenerator:Enabled": "embedding_enabled",
    "Workers:SpatialProjector:Enabled": "projection_enabled",
}
"""Keys there and settings here, by field name. The key of SQL Server's connection string makes several."""
NOT_NEEDED = {
    "ServiceBroker:IngestionQueue": "the queue is always IngestionQueue",
    "ServiceBroker:ProvenanceQueue": "the queue is always ProvenanceQueue",
    "EmbeddingModel:Type": "a model is always ONNX",
    "Workers:EmbeddingGenerator:PollingIntervalSeconds": "a commit wakes the stage",
    "Workers:SpatialProjector:PollingIntervalSeconds": "a commit wakes the stage",
}
"""Keys there that have no setting here, and why not."""

_OURS = {key.partition(":")[0].lower() for key in (SQL_SERVER_KEY, *FIELDS, *NOT_NEEDED)}
_COMMENT = re.compile(r'("(?:[^"\\\n]|\\.)*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
_TRAILING_COMMA = re.compile(r'("(?:[^"\\\n]|\\.)*")|,(?=\s*[}\]])')


@dataclass(frozen=True, slots=True)
class ConfiguredValue:
    """A value, its key as it was written, and the file that holds it; None for the environment."""

    key: str
    value: str
    file: Path | None = None


Configuration = Mapping[str, ConfiguredValue]
"""By key in lower case, sections separated by colons."""


def read_configuration(file: Path | None, environment: Mapping[str, str]) -> Configuration:
    """Read what the file and the environment say; the environment wins. Of its variables only those of sections that we know count.

    Raises ValueError, in one sentence, for a file that cannot be read.
    """
    found = {} if file is None else {given.key.lower(): given for given in _flattened(_read(file), file)}
    for name, value in environment.items():
        key = name.replace("__", ":")
        if ":" in key and key.partition(":")[0].lower() in _OURS and value:
            found[key.lower()] = ConfiguredValue(name, value)
    return found


def settings_of_configuration(configuration: Configuration) -> dict[str, str]:
    """Return values of our settings by field name.

    Raises ValueError, which quotes no value, for a connection string that cannot be used.
    """
    settings = {field: _value(configuration, key) for key, field in FIELDS.items() if key.lower() in configuration}
    if connection := configuration.get(SQL_SERVER_KEY.lower()):
        try:
            settings |= settings_of_connection_string(connection.value)[0]
        except ValueError as error:
            raise ValueError(f"{connection.key} {error}") from error
    return settings


def remarks_on_configuration(configuration: Configuration) -> list[str]:
    """Return a sentence about each key that has no effect here. Sections that are none of Hartonomous's (Logging, AllowedHosts) have none."""
    not_needed = {key.lower(): why for key, why in NOT_NEEDED.items()}
    known = {SQL_SERVER_KEY.lower(), *(key.lower() for key in FIELDS)}
    remarks = []
    for key, given in configuration.items():
        if key in not_needed:
            remarks.append(f"{given.key} is not needed: {not_needed[key]}")
        elif key not in known and key.partition(":")[0] in _OURS:
            remarks.append(f"{given.key} is no key that the .NET workers had: it has no effect")
    if connection := configuration.get(SQL_SERVER_KEY.lower()):
        others = settings_of_connection_string(connection.value)[1]
        remarks += [f"{connection.key}: {keyword} is not needed" for keyword in others]
    return remarks


def _value(configuration: Configuration, key: str) -> str:
    given = configuration[key.lower()]
    is_path = key == _MODEL_KEY and re.search(r"[/\\.]", given.value)
    return str(given.file.parent / given.value) if is_path and given.file else given.value


def _read(file: Path) -> object:
    try:
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ValueError(f"{file} cannot be read: {why}") from error
    without_comments = _COMMENT.sub(lambda match: match[1] or re.sub(r"[^\n]", " ", match[0]), text)
    try:
        document = json.loads(_TRAILING_COMMA.sub(lambda match: match[1] or " ", without_comments))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file} is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise ValueError(f"{file} is no appsettings.json: an object is expected")
    return document


def _flattened(value: object, file: Path, key: str = "") -> Iterator[ConfiguredValue]:
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for name, item in items:
            yield from _flattened(item, file, f"{key}:{name}" if key else str(name))
    elif value is not None and value != "":
        yield ConfiguredValue(key, value if isinstance(value, str) else json.dumps(value), file)
