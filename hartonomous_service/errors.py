"""Errors that calls of the service raise, one class for each thing that a caller can do about them.

Each message is one sentence and names arguments as Python does. `cli/remedies.py` adds what helps on the command line.
"""

from typing import Literal

from hartonomous_resources.compute.protocol import ComputeUnavailable
from hartonomous_resources.database.database_errors import DatabaseError
from hartonomous_resources.graph.protocol import GraphUnavailable

Remedy = Literal[
    "activate_partial",
    "find_atoms",
    "give_more_time",
    "list_dead_letters",
    "list_failed_jobs",
    "list_inferences",
    "list_jobs",
    "list_keys",
    "list_models",
    "list_sources",
    "migrate",
    "reconstruct",
    "reset_demo",
    "search_by_words",
    "sync_events",
    "upload",
    "verify",
    "write",
    "write_to_stdout",
]
"""Names of what helps against an error; whoever shows the error puts each into words of its own, as `cli/remedies.py` does."""


class ServiceError(Exception):
    """A call cannot do what was asked. Calls raise one of the four classes below; only the command line raises this one itself."""

    def __init__(self, problem: str, *, argument: str | None = None, remedy: Remedy | None = None) -> None:
        super().__init__(f"{argument}: {problem}" if argument else problem)
        self.problem = problem
        self.argument = argument
        """Name in Python of the argument that is wrong."""
        self.remedy = remedy


class NotFound(ServiceError):
    """What was asked for does not exist, or is another tenant's."""


class Invalid(ServiceError):
    """An argument is wrong: the same call fails again."""


class Conflict(ServiceError):
    """The current state forbids it: of the row, of another process, or of what was recorded before."""


class Unavailable(ServiceError):
    """Something that the call needs cannot be reached or is broken; the same call may succeed once that is mended."""


OUTAGES = (DatabaseError, GraphUnavailable, ComputeUnavailable)
"""Errors of the resources for a store, a graph or a model that cannot be used; every call may raise them."""


def to_service_error(error: Exception) -> ServiceError:
    """Return an error of the service as it is, an outage as Unavailable; raises any other error again."""
    if isinstance(error, OUTAGES):
        return Unavailable(str(error))
    if not isinstance(error, ServiceError):
        raise error
    return error
