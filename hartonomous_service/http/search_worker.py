"""A process that searches for the server, one search after another: reads arguments from its input, writes answers to its output."""

from __future__ import annotations

import hartonomous_service.garbage  # noqa: F401 # isort: skip - before all that it is for
import json
import os
import signal
import traceback
from contextlib import closing, suppress
from typing import IO, Any

from hartonomous_core.credentials import without_credentials
from hartonomous_core.embedders.cores import usable_cores
from hartonomous_resources.logs import configure_logging
from hartonomous_resources.resources import Resources, open_resources
from hartonomous_resources.settings import Settings
from hartonomous_service.errors import OUTAGES, ServiceError, to_service_error
from hartonomous_service.http.search_processes import as_json, count_search_processes, receive, send
from hartonomous_service.http.traced_requests import traced_search
from hartonomous_service.search import search
from hartonomous_service.search.questions import warm_answering_model


def main() -> None:
    """Answer until the input ends: signals that are sent to all processes of a group or a unit are the server's affair."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    asked, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    settings = Settings()
    of_ours = {"threads": settings.threads or share_of_cores(settings), "sqlite_mapped": True}
    settings = settings.model_copy(update=of_ours)
    configure_logging(settings)
    with closing(open_resources(settings)) as resources, suppress(EOFError, BrokenPipeError):
        warm_answering_model(resources)
        while True:
            _, request = receive(asked)
            received = json.loads(request)
            with traced_search(received["trace"]):
                answer(resources, received["asked"], answers)


def share_of_cores(settings: Settings) -> int:
    """Return how many threads embed in each of the processes: all of them together keep no more cores busy than there are."""
    return max(1, usable_cores() // count_search_processes(settings))


def answer(resources: Resources, asked: dict[str, Any], answers: IO[bytes]) -> None:
    """Search, and write what was found, or an error."""
    try:
        body = as_json(search(resources, **asked))
    except (ServiceError, *OUTAGES) as error:
        found = to_service_error(error)
        said = {"problem": found.problem, "argument": found.argument, "remedy": found.remedy}
        send(answers, json.dumps({"kind": type(found).__name__, **said}).encode(), found=False)
    except Exception:  # noqa: BLE001 - the server answers it, and its log has the traceback
        said = {"kind": "", "problem": without_credentials(traceback.format_exc())}
        send(answers, json.dumps(said).encode(), found=False)
    else:
        send(answers, body)


if __name__ == "__main__":
    main()
