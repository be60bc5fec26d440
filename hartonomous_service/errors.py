"""What a call of the service says when it cannot do what was asked, by what whoever asked can do about it.

Each is one sentence in words of the call's own arguments. Who asks from a command line is told more, by `cli/remedies.py`.
"""

from typing import Literal

from hartonomous_resources.compute.protocol import ComputeUnavailable
from hartonomous_resources.database.database_errors import DatabaseError
from hartonomous_resources.graph.protocol import GraphUnavailable

Remedy = Literal[
    "find_atoms",
    "give_more_time",
    "list_dead_letters",
    "list_failed_jobs",
    "list_inferences",
    "list_jobs",
    "list_sources",
    "migrate",
    "reset_demo",
    "search_by_words",
    "sync_events",
    "verify",
    "write",
    "write_to_stdout",
]
"""What helps, where how to do it depends on who asks; whoever shows an error has words for each."""


class ServiceError(Exception):
    """What was asked cannot be done: one of the four below, unless only the command line can say it."""

    def __init__(self, problem: str, *, argument: str | None = None, remedy: Remedy | None = None) -> None:
        super().__init__(f"{argument}: {problem}" if argument else problem)
        self.problem = problem
        self.argument = argument
        """The call's argument that is wrong, by its name in Python."""
        self.remedy = remedy


class NotFound(ServiceError):
    """There is no such thing, or it is another tenant's."""


class Invalid(ServiceError):
    """An argument is wrong: the same call fails again."""


class Conflict(ServiceError):
    """What is there stands against it: the state of a thing, another process, or what was recorded before."""


class Unavailable(ServiceError):
    """Something that is needed cannot be reached or is broken; the same may succeed once that is mended."""


OUTAGES = (DatabaseError, GraphUnavailable, ComputeUnavailable)
"""What the resources raise when a store, the graph or the models cannot be used; every call may."""


def to_service_error(error: Exception) -> ServiceError:
    """An error of the service as it is, an outage as Unavailable; whoever shows errors asks here. Raises any other error again."""
    if isinstance(error, OUTAGES):
        return Unavailable(str(error))
    if not isinstance(error, ServiceError):
        raise error
    return error
