"""Structured logs on stderr: text for people, or one JSON object a line with run id, tenant, source and stage.

The values of a message that is written as `"…: AtomId=%(AtomId)s", {"AtomId": 1}` are fields of its JSON object.

No content and no uri is logged: a run's stderr ends up in Dagster's storage, where an erasure must not have to reach.
"""

import json
import logging
import sys
from collections.abc import Mapping

from hartonomous_core.clock import timestamp
from hartonomous_core.credentials import without_credentials
from hartonomous_resources.settings import Settings

LOGGER = logging.getLogger("hartonomous")

_FIELDS = ("run_id", "hour", "stage", "tenant", "source")


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": timestamp(),
            "level": record.levelname.lower(),
            "message": without_credentials(record.getMessage()),
        }
        if isinstance(record.args, Mapping):
            line.update(record.args)
        line.update({name: getattr(record, name) for name in _FIELDS if hasattr(record, name)})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{name}={getattr(record, name)}" for name in _FIELDS if hasattr(record, name))
        return (
            f"{timestamp()} {record.levelname.lower():7} {without_credentials(record.getMessage())} {fields}".rstrip()
        )


def configure_logging(settings: Settings) -> None:
    """Send the log to stderr as the settings say; called again, it replaces what it set before."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines() if settings.log_format == "json" else _Text())
    LOGGER.handlers[:] = [handler]
    LOGGER.setLevel(settings.log_level.upper())
    LOGGER.propagate = False
