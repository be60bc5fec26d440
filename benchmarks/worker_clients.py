"""Short texts through the worker, one at a time a client: four clients at once against one, in alternating rounds.

Each client is a process, which waits for an answer before it asks again, so that only what is gathered from several of them is a batch.
"""

import json
import os
import signal
import statistics
import subprocess
import sys
from pathlib import Path

from common import Figure, arguments, finish, note, temporary_home
from encoder import text_sets

CLIENT = """
import json, sys, time
from pathlib import Path
texts, number = json.loads(Path(sys.argv[1]).read_text("utf-8")), int(sys.argv[2])
from hartonomous_resources.compute.worker.worker_compute import WorkerCompute
from hartonomous_resources.settings import Settings
compute = WorkerCompute(Settings(compute="worker"))
[model] = compute.models()
compute.embed(model, texts[:1])
print("ready", flush=True)
for line in sys.stdin:
    until, taken = time.monotonic() + float(line), []
    while (began := time.monotonic()) < until:
        compute.embed(model, [texts[(number * 1009 + len(taken)) % len(texts)]])
        taken.append(time.monotonic() - began)
    print(json.dumps(taken), flush=True)
compute.close()
"""
WORKER = (sys.executable, "-c", "from hartonomous_service.cli import main; main()", "gpu-worker")


def run(clients: list["subprocess.Popen[str]"], seconds: float) -> list[float]:
    """Have these clients ask for so many seconds; returns how long each answer took."""
    for client in clients:
        assert client.stdin is not None
        client.stdin.write(f"{seconds}\n")
        client.stdin.flush()
    taken: list[float] = []
    for client in clients:
        assert client.stdout is not None
        taken += json.loads(client.stdout.readline())
    return taken


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds, each of both (5)")
    parser.add_argument("--seconds", type=float, default=4.0, help="of a round, for each (4)")
    options = parser.parse_args()
    with temporary_home() as folder:
        os.environ["TMPDIR"] = str(folder)
        texts = folder / "texts.json"
        texts.write_text(json.dumps(text_sets(options.data, 1)["sentences"]), "utf-8")
        worker = subprocess.Popen(WORKER)
        clients = [start_client(texts, number) for number in range(4)]
        rates: dict[int, list[float]] = {1: [], 4: []}
        slowest: dict[int, list[float]] = {1: [], 4: []}
        for number in range(options.rounds):
            note(f"round {number + 1} of {options.rounds}")
            for count in (1, 4):
                taken = run(clients[:count], options.seconds)
                rates[count].append(len(taken) / options.seconds)
                slowest[count].append(statistics.quantiles(taken, n=20)[-1] * 1000)
        for client in clients:
            client.communicate(timeout=60)
        worker.send_signal(signal.SIGTERM)
        worker.wait(60)
    ratios = [four / one for one, four in zip(rates[1], rates[4], strict=True)]
    figures = [
        Figure("one client, median", statistics.median(rates[1]), "texts/s"),
        Figure("four clients, median", statistics.median(rates[4]), "texts/s"),
        Figure("ratio, median", statistics.median(ratios), "times"),
        Figure("ratio, worst", min(ratios), "times"),
        Figure("one client, p95 of an answer, median of the rounds", statistics.median(slowest[1]), "ms"),
        Figure("four clients, p95 of an answer, median of the rounds", statistics.median(slowest[4]), "ms"),
    ]
    return finish(figures, options.json)


def start_client(texts: Path, number: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", CLIENT, str(texts), str(number)]
    client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert client.stdout is not None and client.stdout.readline() == "ready\n"
    return client


if __name__ == "__main__":
    sys.exit(main())
