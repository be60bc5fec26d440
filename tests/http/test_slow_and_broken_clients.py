"""A real server with real sockets: clients that are slow, broken or hostile hold nobody up, and none stays."""

import json
import re
import resource
import selectors
import signal
import socket
import statistics
import struct
import time
from contextlib import closing
from pathlib import Path

import httpx
import psutil
import pytest

from hartonomous_resources.resources import open_resources
from hartonomous_resources.settings import Settings
from hartonomous_service.keys import create_key
from tests.cli import Home, wait_until

pytestmark = pytest.mark.slow

SLOW, BROKEN = 1000, 200
HEAD = b"GET /sources HTTP/1.1\r\nHost: localhost\r\n"


class Server:
    """A `hartonomous serve` of a home of its own, and a key for it."""

    def __init__(self, folder: Path) -> None:
        home = Home(folder / "home", folder / "models", {"http_rate": 10_000, "http_burst": 10_000})
        with closing(open_resources(Settings(home=home.path))) as resources:
            self.key = create_key(resources, tenant=1, scopes=["read", "write"])["key"]
        self._log = folder / "log"
        with self._log.open("wb") as log:
            self.process = home.start("serve", "--port", "0", stderr=log)
        found = wait_until("it serves", lambda: re.search(r"http://127\.0\.0\.1:(\d+)", self._log.read_text()))
        self.address = ("127.0.0.1", int(found[1]))
        self.url = f"http://127.0.0.1:{found[1]}"
        self.authorization = f"Authorization: Bearer {self.key}\r\n".encode()
        wait_until("it answers", self._lives)

    def _lives(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health/live").status_code == 200
        except httpx.TransportError:
            return False

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, timeout=40)

    def ask(self) -> float:
        """Ask over a connection of its own; returns the seconds that it took."""
        began = time.perf_counter()
        answer = httpx.get(f"{self.url}/sources", headers={"Authorization": f"Bearer {self.key}"}, timeout=30)
        assert answer.status_code == 200 and answer.json()["sources"] == []
        return time.perf_counter() - began

    def memory(self) -> int:
        return psutil.Process(self.process.pid).memory_info().rss

    def connections(self) -> int:
        found = psutil.Process(self.process.pid).net_connections("tcp")
        return sum(each.status == psutil.CONN_ESTABLISHED for each in found)

    @property
    def log(self) -> str:
        return self._log.read_text()


@pytest.fixture(scope="module", autouse=True)
def many_files():
    """Let this process have as many sockets as its system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < SLOW * 2:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("serve"))
    yield running
    assert "Traceback" not in running.log
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(40) == 0


def read_all(connection: socket.socket) -> bytes:
    """What comes until the server closes; it may reset the connection once it has answered."""
    got = b""
    try:
        while piece := connection.recv(65536):
            got += piece
    except ConnectionResetError:
        pass
    return got


def status_of(answer: bytes) -> int:
    found = re.match(rb"HTTP/1\.1 (\d{3}) ", answer)
    assert found, answer[:200]
    return int(found[1])


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def break_off(server: Server, n: int) -> None:
    """One broken client of each kind in turn."""
    connection = server.connect()
    chunked = b"POST /sources HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
    said = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
        HEAD + server.authorization,
        b"POST /sources HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999\r\n" + server.authorization + b"\r\nabc",
        chunked + server.authorization + b"\r\nzz\r\n",
        chunked + server.authorization + b"\r\nffffffffffffffff\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        HEAD + server.authorization + b"\r\n" + HEAD[:20],
        b"\x00" * 2000,
    ][n % 8]
    connection.sendall(said)
    (reset if n % 3 else socket.socket.close)(connection)


def test_a_thousand_slow_and_two_hundred_broken_clients_hold_nobody_up(server):
    alone = statistics.median(server.ask() for _ in range(20))
    half = HEAD + server.authorization
    body = b"POST /sources HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 100000\r\n"
    slow = [server.connect() for _ in range(SLOW)]
    try:
        for n, connection in enumerate(slow):
            connection.sendall(half[: 10 + n % 40] if n % 10 else body + server.authorization + b"\r\nx")
        for n in range(BROKEN):
            break_off(server, n)
        seconds = []
        for n in range(60):
            seconds.append(server.ask())
            for connection in slow[n::60]:  # each sends a byte more
                try:
                    connection.sendall(b"x")
                except OSError:
                    continue  # it is closed already
        assert statistics.median(seconds) < alone * 10 + 0.05, (alone, sorted(seconds))
        assert max(seconds) < 5
        wait_until("all of them are closed", lambda: server.connections() < 20, 40)
    finally:
        for connection in slow:
            connection.close()
    assert server.ask() < 5


def test_a_head_that_does_not_end_is_answered_and_closed(server):
    with server.connect() as connection:
        connection.sendall(HEAD)
        began = time.monotonic()
        answer = read_all(connection)
    assert status_of(answer) == 408 and 8 < time.monotonic() - began < 30
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["status"] == 408


def test_a_head_without_end_is_cut_off_and_takes_no_memory(server):
    before = server.memory()
    selector = selectors.DefaultSelector()
    with server.connect() as connection:
        connection.sendall(HEAD + b"X-Bomb: ")
        selector.register(connection, selectors.EVENT_READ)
        sent = 0
        while not selector.select(0) and sent < 64 * 1024 * 1024:
            try:
                sent += connection.send(b"x" * 65536)
            except OSError:
                break
        assert sent < 16 * 1024 * 1024
    assert server.memory() - before < 32 * 1024 * 1024
    with server.connect() as connection:
        connection.sendall(HEAD + b"X-Bomb: " + b"x" * 70_000)
        assert status_of(read_all(connection)) == 431


def pour(connection: socket.socket, head: bytes, piece: bytes, most: int) -> tuple[int, bytes]:
    """Send a head and the same piece until the server closes; returns how many bytes it took, and its answer."""
    connection.sendall(head)
    sent = 0
    connection.settimeout(5)
    try:
        while sent < most:
            sent += connection.send(piece)
    except OSError:
        pass
    try:
        return sent, read_all(connection)
    except TimeoutError:
        return sent, b""


@pytest.mark.parametrize("has_key", [True, False])
@pytest.mark.parametrize(
    "piece",
    [b"10000\r\n" + b"x" * 65536 + b"\r\n", b"1\r\nx\r\n" * 1000, b"1;" + b"x" * 5000 + b"\r\nx\r\n"],
    ids=["large chunks", "small chunks", "extensions"],
)
def test_chunks_without_end_are_cut_off(server, piece, has_key):
    before = server.memory()
    head = (
        b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
    )
    with server.connect() as connection:
        sent, _ = pour(connection, head + server.authorization * has_key + b"\r\n", piece, 2 * 1024**3)
    assert sent < 2 * 1024**3, "it read on and on"
    assert server.memory() - before < 64 * 1024 * 1024
    assert server.ask() < 5


def test_trailers_without_end_are_cut_off(server):
    before = server.memory()
    head = b"POST /sources HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n" + server.authorization
    with server.connect() as connection:
        sent, _ = pour(connection, head + b"\r\n0\r\n", b"X-Bomb: " + b"x" * 1000 + b"\r\n", 64 * 1024**2)
    assert sent < 32 * 1024**2 and server.memory() - before < 32 * 1024**2


def test_a_length_that_is_too_large_is_refused_before_the_body(server):
    with server.connect() as connection:
        head = b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n" + server.authorization
        connection.sendall(head + b"\r\nx")
        assert status_of(read_all(connection)) == 413


def test_who_reads_nothing_of_the_answers_holds_up_nobody(server):
    many = [server.connect() for _ in range(20)]
    request = HEAD + server.authorization + b"\r\n"
    for connection in many:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(request * 500)
    assert statistics.median(server.ask() for _ in range(10)) < 2
    for connection in many:
        reset(connection)


def test_requests_sent_one_after_another_are_answered_in_order(server):
    paths = ["/health/live", "/nowhere", "/sources", "/health/ready"] * 20
    with server.connect() as connection:
        for path in paths:
            connection.sendall(
                b"GET %s HTTP/1.1\r\nHost: localhost\r\n" % path.encode() + server.authorization + b"\r\n"
            )
        connection.sendall(b"GET /sources/1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        statuses = [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", read_all(connection))]
    assert statuses == [{"/nowhere": 404}.get(path, 200) for path in paths] + [401]
