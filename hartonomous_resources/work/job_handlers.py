"""Which types of background jobs can be done here: the built-in one, and those that installed packages bring.

A package registers a handler by an entry point of group `hartonomous.job_handlers`, named as the JobType:

    [project.entry-points."hartonomous.job_handlers"]
    SendReport = "my_package.jobs:send_report"

    def send_report(parameters: Mapping[str, Any], tenant: int, resources: Resources) -> str | None: ...

What it returns is the job's Result; what it raises counts as a failed attempt.
"""

from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

from hartonomous_resources.settings import Settings

if TYPE_CHECKING:
    from hartonomous_resources.resources import Resources

    JobHandler = Callable[[Mapping[str, Any], int, "Resources"], str | None]

GENERATE_EMBEDDING = "GenerateEmbedding"
ENTRY_POINT_GROUP = "hartonomous.job_handlers"


@cache
def _registered() -> dict[str, EntryPoint]:
    """Find handlers by JobType, as installed when this process began."""
    found = {each.name: each for each in entry_points(group=ENTRY_POINT_GROUP)}
    found.pop(GENERATE_EMBEDDING, None)  # built in
    return found


def handled_job_types() -> list[str]:
    """Return the types that installed packages bring, in order of their names."""
    return sorted(_registered())


def known_job_types() -> list[str]:
    """Return the types that runs can do, where the settings let them."""
    return [GENERATE_EMBEDDING, *handled_job_types()]


def runnable_job_types(settings: Settings) -> list[str]:
    """Return the types that a run here can do."""
    built_in = [GENERATE_EMBEDDING] if settings.embedding_enabled else []
    return built_in + handled_job_types()


def job_handler(job_type: str) -> "JobHandler":
    """Load the handler of one of `handled_job_types`; its package is imported now. Raises whatever that import raises."""
    handler: JobHandler = _registered()[job_type].load()
    return handler
