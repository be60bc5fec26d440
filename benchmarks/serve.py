"""The HTTP server under load, server and load on the same cores: cold start, searches at a fixed rate.

A search is asked for when its time comes, whether or not those before it are answered, and is timed from then: a server that falls behind shows.
The home holds vectors of real short texts, as benchmarks/search_latency.py makes it; its cache is taken. A server remembers questions: with as many
as a load asks, each is asked once.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Mapping, Sequence
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from common import Figure, arguments, finish, note, temporary_home
from documentation import documentation
from search_latency import fill

CONNECTIONS = 16
MEBIBYTE = 1024**2


def main() -> int:
    parser = arguments(__doc__, data=False)
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=120.0, help="length of each load (120)")
    parser.add_argument("--hybrid-rate", type=float, default=60.0, help="searches a second (60)")
    parser.add_argument("--semantic-rate", type=float, default=150.0, help="searches a second (150)")
    parser.add_argument("--questions", type=int, default=500, help="different ones, asked in turn (500)")
    parser.add_argument("--highlight", action="store_true", help="mark the sentence that answers")
    parser.add_argument("--documentation", type=Path, default=Path("/usr/share/doc"))
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir(), "hartonomous-benchmark-texts"))
    parser.add_argument("--home", type=Path, help="folder of a home that is kept, and taken the next time")
    options = parser.parse_args()
    model_dir = os.environ.get("HARTONOMOUS_MODEL_DIR")
    with temporary_home(log_level="warning", **({"model_dir": model_dir} if model_dir else {})):
        if options.home:
            os.environ["HARTONOMOUS_HOME"] = str(options.home)
        questions = prepare(options)
        figures = []
        with serving() as (port, process, first_answer):
            figures.append(
                Figure("start of the process to the first answer of a search", first_answer, "s", at_most=2.5)
            )
            before = memory(process)
            for mode, rate, most in (("hybrid", options.hybrid_rate, 60), ("semantic", options.semantic_rate, 30)):
                note(f"{options.seconds:.0f} s of {rate:.0f} {mode} searches a second")
                asked = {"mode": mode, **({"highlight": "true"} if options.highlight else {})}
                figures += load(port, asked, rate, options.seconds, questions, most)
            figures.append(Figure("memory before the load", before, "MiB"))
            figures.append(Figure("memory after it", memory(process), "MiB"))
    return finish(figures, options.json)


def prepare(options: Any) -> list[str]:
    """Fill the home; returns questions."""
    from hartonomous_resources.resources import open_resources

    with closing(open_resources()) as resources:
        (texts, vectors), (asked, _) = documentation(
            resources, options.passages, options.questions, options.documentation, options.cache, options.passages
        )
        model_id, _ = fill(resources, texts, vectors)
        with resources.database.read() as unit_of_work:
            resources.vectors.merge(unit_of_work, model_id)
    return asked


@contextmanager
def serving() -> Any:
    """Run `hartonomous serve`; yields its port, its process, and the seconds until the first search was answered."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    started = time.perf_counter()
    command = [str(Path(sys.executable).with_name("hartonomous")), "serve", "--without-keys", "--port", str(port)]
    server = subprocess.Popen(command)
    try:
        while True:
            try:
                if ask(HTTPConnection("127.0.0.1", port, timeout=30), "/search?q=where+to+begin") == 200:
                    break
            except OSError:
                assert server.poll() is None, "the server ended"
                time.sleep(0.01)
        yield port, psutil.Process(server.pid), time.perf_counter() - started
    finally:
        server.terminate()
        server.wait(60)


def ask(connection: HTTPConnection, path: str) -> int:
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    if answer.status == 200:
        assert "results" in json.loads(body)
    return answer.status


def memory(process: psutil.Process) -> float:
    """The memory of the server and of its processes that search, in MiB; what they share counts once."""
    return float(sum(each.memory_full_info().pss for each in (process, *process.children(recursive=True))) / MEBIBYTE)


def load(
    port: int, asked: Mapping[str, str], rate: float, seconds: float, questions: Sequence[str], most: float
) -> list[Figure]:
    """Ask at the rate over a few connections."""
    count, mode = int(rate * seconds), asked["mode"]
    paths = [
        "/search?" + urllib.parse.urlencode({"q": questions[number % len(questions)], **asked})
        for number in range(count)
    ]
    took, failed = np.full(count, np.nan), []
    numbers, lock = iter(range(count)), threading.Lock()
    begin = time.perf_counter() + 0.1

    def work() -> None:
        with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                due = begin + number / rate
                time.sleep(max(0.0, due - time.perf_counter()))
                status = ask(connection, paths[number])
                took[number] = time.perf_counter() - due
                if status != 200:
                    failed.append(status)

    workers = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    ended = time.perf_counter() - begin
    assert not np.isnan(took).any(), "a connection broke"
    return [
        Figure(f"{mode} searches, answered", count / ended, "a second", at_least=0.98 * rate),
        Figure(f"{mode} searches, p50", 1000 * statistics.median(took), "ms"),
        Figure(f"{mode} searches, p95", 1000 * float(np.percentile(took, 95)), "ms", at_most=most),
        Figure(f"{mode} searches, failed", len(failed), "", at_most=0),
    ]


if __name__ == "__main__":
    sys.exit(main())
