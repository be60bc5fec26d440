"""How much memory a server takes for an upload, and how fast it is: `python -m benchmarks.upload [GIB]`.

Starts `hartonomous serve` on a home of its own, waits until it is idle, the model loaded, sends so many GiB as one body, and samples its
memory meanwhile.
"""

import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

_COMMAND = (sys.executable, "-c", "from hartonomous_service.cli import main; main()")
_BLOCK = 256 * 1024
_SAMPLE_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Upload:
    """What one upload took. Memory is the resident set of the server, in MiB."""

    gib: float
    status: int
    seconds: float
    idle_mib: float
    peak_mib: float

    @property
    def above_idle_mib(self) -> float:
        return self.peak_mib - self.idle_mib


@dataclass(frozen=True, slots=True)
class Server:
    """A running `hartonomous serve`."""

    process: subprocess.Popen[str]
    host: str
    port: int

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


@contextmanager
def serving(home: Path, environment: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Run a server without keys on a home and a free port; it is ended with the context."""
    variables = {**os.environ, **(environment or {}), "HARTONOMOUS_HOME": str(home)}
    command = (*_COMMAND, "serve", "--without-keys", "--port", "0")
    process = subprocess.Popen(command, env=variables, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        said: list[str] = []
        for line in process.stderr:
            said.append(line)
            if "serving http://" in line:
                host, _, port = line.partition("serving http://")[2].strip().partition(":")
                break
        else:
            raise RuntimeError("".join(said))
        threading.Thread(target=process.stderr.read, daemon=True).start()  # else the pipe fills
        server = Server(process, host, int(port))
        _wait_until_alive(server)
        yield server
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_alive(server: Server) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            connection = http.client.HTTPConnection(server.host, server.port, timeout=5)
            connection.request("GET", "/health/live")
            if connection.getresponse().status == 200:
                return
        except OSError:
            if time.monotonic() > end or server.process.poll() is not None:
                raise
            time.sleep(0.05)
        finally:
            connection.close()


def measure_upload(host: str, port: int, pid: int, gib: float = 1.0, key: str | None = None) -> Upload:
    """Send so many GiB of bytes that do not repeat to a running server as one body; `key` is one that may write."""
    process = psutil.Process(pid)
    idle = peak = _idle_memory(process)
    ended = threading.Event()

    def sample() -> None:
        nonlocal peak
        while not ended.wait(_SAMPLE_SECONDS):
            peak = max(peak, process.memory_info().rss)

    sampler = threading.Thread(target=sample)
    sampler.start()
    length = int(gib * 2**30)
    started = time.perf_counter()
    try:
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(length)}
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        connection = http.client.HTTPConnection(host, port, timeout=600)
        connection.request("POST", "/sources?sourceUri=benchmark:upload", body=_bytes(length), headers=headers)
        answer = connection.getresponse()
        answer.read()
        connection.close()
    finally:
        ended.set()
        sampler.join()
    seconds = time.perf_counter() - started
    return Upload(gib, answer.status, round(seconds, 2), round(idle / 2**20, 1), round(peak / 2**20, 1))


def _idle_memory(process: psutil.Process) -> int:
    """Return the resident set of a server once it grows no more: it loads its model when it starts."""
    last, still_since = process.memory_info().rss, time.monotonic()
    end = still_since + 60
    while time.monotonic() - still_since < 3 and time.monotonic() < end:
        time.sleep(0.1)
        now = process.memory_info().rss
        if abs(now - last) > 2**20:
            last, still_since = now, time.monotonic()
    return last


def _bytes(length: int) -> Iterator[bytes]:
    block = bytearray(os.urandom(_BLOCK))
    for number in range(-(-length // _BLOCK)):
        block[:8] = number.to_bytes(8, "little")
        yield bytes(block[: min(_BLOCK, length - number * _BLOCK)])


def main() -> None:
    """Measure, and print one JSON object."""
    gib = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / "home") as server:
        found = measure_upload(server.host, server.port, server.process.pid, gib)
    print(json.dumps({**asdict(found), "above_idle_mib": round(found.above_idle_mib, 1)}))


if __name__ == "__main__":
    main()
