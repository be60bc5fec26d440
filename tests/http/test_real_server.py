"""Real processes and sockets: clients that vanish, wait or send twice; servers that are stopped, killed, or two on one home."""

import hashlib
import os
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from benchmarks.upload import Server, measure_upload, serving
from hartonomous_resources.resources import Resources, open_resources
from hartonomous_resources.settings import Settings
from tests.stages import run_stages_of

TEXT = "".join(f"Sentence {n} of the sea says nothing new of the harbour. " for n in range(40_000)).encode()
HASH = hashlib.sha256(TEXT).hexdigest()
HALF = 1_000_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def server(folder: Path, model_dir: Path) -> Iterator[Server]:
    with serving(folder / "home", {"HARTONOMOUS_MODEL_DIR": str(model_dir)}) as running:
        yield running


@pytest.fixture(scope="module")
def home(server: Server, folder: Path, model_dir: Path) -> Iterator[Resources]:
    """The server's home, opened by this process, too."""
    opened = open_resources(Settings(home=folder / "home", model_dir=model_dir))
    yield opened
    opened.close()


def files(home: Resources) -> list[Path]:
    return [path for path in home.settings.blob_dir.rglob("*") if path.is_file()]


def wait_until(true: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.02)


def begin(server: Server, head: str, body: bytes = b"") -> socket.socket:
    """Send the beginning of a request."""
    connection = socket.create_connection((server.host, server.port), timeout=30)
    connection.sendall(f"{head}\r\nHost: localhost\r\n\r\n".encode() + body)
    return connection


def names(server: Server) -> set[str]:
    return {row["sourceUri"] for row in httpx.get(f"{server.url}/sources?limit=1000").json()["sources"]}


FORM = b'--XX\r\nContent-Disposition: form-data; name="file"; filename="gone"\r\n\r\n'
WAYS = {
    "of a length": (f"POST /sources?sourceUri=gone HTTP/1.1\r\nContent-Length: {len(TEXT)}", TEXT[:HALF]),
    "in chunks": (
        "POST /sources?sourceUri=gone HTTP/1.1\r\nTransfer-Encoding: chunked",
        b"%x\r\n" % HALF + TEXT[:HALF] + b"\r\n",
    ),
    "in the middle of a chunk": (
        "POST /sources?sourceUri=gone HTTP/1.1\r\nTransfer-Encoding: chunked",
        b"%x\r\n" % len(TEXT) + TEXT[:HALF],
    ),
    "a form": (
        "POST /sources HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=XX\r\n"
        f"Content-Length: {len(TEXT) + 1000}",
        FORM + TEXT[:HALF],
    ),
    "with a key": (
        f"POST /sources?sourceUri=gone HTTP/1.1\r\nIdempotency-Key: gone\r\nContent-Length: {len(TEXT)}",
        TEXT[:HALF],
    ),
}


@pytest.mark.parametrize("resets", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_of_a_client_that_vanishes_nothing_is_left(server: Server, home: Resources, way: str, resets: bool) -> None:
    before = files(home)
    head, body = WAYS[way]
    connection = begin(server, head.replace("Key: gone", f"Key: gone-{resets}"), body)
    wait_until(lambda: sum(file.stat().st_size for file in files(home) if file not in before) >= HALF // 2)
    if resets:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()

    wait_until(lambda: files(home) == before)
    assert "gone" not in names(server)
    if way == "with a key":  # it is free again
        key = {"Idempotency-Key": f"gone-{resets}"}
        assert httpx.post(f"{server.url}/sources?sourceUri=back", content=b"x", headers=key).status_code in (200, 201)


def test_while_one_sends_others_with_its_key_wait(server: Server, home: Resources) -> None:
    path = f"{server.url}/sources?sourceUri=key:1"
    head = f"POST /sources?sourceUri=key:1 HTTP/1.1\r\nIdempotency-Key: twice\r\nContent-Length: {len(TEXT)}"
    before = len(files(home))
    with begin(server, head, TEXT[:HALF]) as first:
        wait_until(lambda: len(files(home)) > before)
        second = httpx.post(path, content=TEXT, headers={"Idempotency-Key": "twice"})
        assert (second.status_code, second.headers["retry-after"]) == (409, "1")
        first.sendall(TEXT[HALF:])
        assert first.recv(1000).startswith(b"HTTP/1.1 201 ")
    third = httpx.post(path, content=TEXT, headers={"Idempotency-Key": "twice"})
    assert (third.status_code, third.headers["idempotent-replayed"]) == (201, "true")


def test_an_upload_that_breaks_off_goes_on_where_it_stopped(server: Server, home: Resources) -> None:
    content = TEXT[1:]  # that no other test sends
    sha256 = hashlib.sha256(content).hexdigest()
    path = f"/uploads/{sha256}"
    connection = begin(
        server, f"PATCH {path} HTTP/1.1\r\nUpload-Offset: 0\r\nContent-Length: {len(content)}", content[:HALF]
    )
    wait_until(lambda: any(sha256 in file.name and file.stat().st_size > HALF // 2 for file in files(home)))
    connection.close()

    def offset() -> int:
        return int(httpx.head(server.url + path).headers["upload-offset"])

    there = -1
    while there != (there := offset()):
        time.sleep(0.2)
    assert HALF // 2 < there <= HALF
    rest = httpx.patch(
        server.url + path, content=content[there:], headers={"Upload-Offset": str(there), "Upload-Complete": "?1"}
    )
    assert rest.status_code == 204
    made = httpx.post(f"{server.url}/sources?contentHash={sha256}&sourceUri=resumed:1")
    assert (made.status_code, made.json()["byteLength"]) == (201, len(content))
    run_stages_of(home)
    assert httpx.get(f"{server.url}{made.headers['location']}/content").content == content


def test_clients_that_wait_hold_nobody_up(server: Server) -> None:
    slow = [
        begin(server, f"POST /sources?sourceUri=slow:{n} HTTP/1.1\r\nContent-Length: 10", b"abc") for n in range(100)
    ]
    started = time.monotonic()
    for n in range(10):
        assert httpx.post(f"{server.url}/sources?sourceUri=quick:{n}", content=b"abc").status_code == 201
    assert time.monotonic() - started < 10
    for connection in slow:
        connection.sendall(b"defghij")
    for connection in slow:
        assert connection.recv(1000).startswith(b"HTTP/1.1 201 ")
        connection.close()
    assert {f"slow:{n}" for n in range(100)} <= names(server)


def test_a_source_that_is_damaged_breaks_the_connection_off(server: Server, home: Resources) -> None:
    made = httpx.post(f"{server.url}/sources?sourceUri=hurt:1", content=TEXT[:300_000] + b"The end of this one.")
    run_stages_of(home)
    path, source_id = f"{server.url}{made.headers['location']}", made.json()["sourceId"]
    connection = home.database.connection()  # type: ignore[attr-defined]
    ordinals = "SELECT MAX(Ordinal) FROM SourceAtom WHERE Role = 'content' AND SourceId = ?"
    last = f"SELECT AtomId FROM SourceAtom WHERE SourceId = ? AND Role = 'content' AND Ordinal = ({ordinals})"
    connection.execute(
        f"UPDATE Atom SET CanonicalText = upper(CanonicalText) WHERE AtomId = ({last})", (source_id, source_id)
    )
    got = b""
    with pytest.raises(httpx.RemoteProtocolError), httpx.stream("GET", f"{path}/content") as answer:
        assert answer.status_code == 200
        for block in answer.iter_raw():
            got += block
    assert 0 < len(got) < made.json()["byteLength"]
    assert httpx.get(f"{path}/content", headers={"Range": "bytes=100-199"}).content == TEXT[100:200]


def test_two_servers_work_on_one_home(server: Server, folder: Path, model_dir: Path, home: Resources) -> None:
    content = TEXT[:HALF] + b" Two."
    path = f"/uploads/{hashlib.sha256(content).hexdigest()}"
    with serving(folder / "home", {"HARTONOMOUS_MODEL_DIR": str(model_dir)}) as other:
        httpx.patch(server.url + path, content=content[:5000], headers={"Upload-Offset": "0"})
        httpx.patch(other.url + path, content=content[5000:], headers={"Upload-Offset": "5000"})
        made = httpx.post(f"{server.url}/sources?contentHash={path[9:]}&sourceUri=two:1")
        assert httpx.get(other.url + made.headers["location"]).json()["byteLength"] == len(content)

        answers: list[httpx.Response] = []

        def post(to: Server, n: int) -> None:
            answers.append(
                httpx.post(
                    f"{to.url}/sources?sourceUri=same:{n}", content=TEXT, headers={"Idempotency-Key": f"two-{n}"}
                )
            )

        threads = [threading.Thread(target=post, args=(to, n)) for n in range(5) for to in (server, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert {answer.status_code for answer in answers} <= {201, 409}
    done = [answer.json()["sourceId"] for answer in answers if answer.status_code == 201]
    assert len(set(done)) == 5 and {f"same:{n}" for n in range(5)} <= names(server)


def test_what_was_begun_before_the_server_is_stopped_is_taken_in(folder: Path, model_dir: Path) -> None:
    with serving(folder / "stopped", {"HARTONOMOUS_MODEL_DIR": str(model_dir)}) as server:
        head = f"POST /sources?sourceUri=late:1 HTTP/1.1\r\nContent-Length: {len(TEXT)}"
        with begin(server, head, TEXT[:HALF]) as connection:
            wait_until(lambda: any((folder / "stopped" / "blobs").rglob(".*")))
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            connection.sendall(TEXT[HALF:])
            assert connection.recv(1000).startswith(b"HTTP/1.1 201 ")
        assert server.process.wait(30) == 0


def test_of_a_server_that_is_killed_nothing_is_half_landed(folder: Path, model_dir: Path) -> None:
    variables = {"HARTONOMOUS_MODEL_DIR": str(model_dir)}
    with serving(folder / "killed", variables) as server:
        head = f"POST /sources?sourceUri=late:1 HTTP/1.1\r\nContent-Length: {len(TEXT)}"
        with begin(server, head, TEXT[:HALF]):
            wait_until(lambda: any((folder / "killed" / "blobs").rglob(".*")))
            server.process.kill()
            server.process.wait()
    opened = open_resources(Settings(home=folder / "killed", model_dir=model_dir))
    with serving(folder / "killed", variables) as server:
        assert names(server) == set() and list(opened.blobs.list_keys()) == []
        for file in files(opened):
            os.utime(file, (0, 0))
        opened.blobs.delete_partial(3600)
        assert files(opened) == []
        assert httpx.post(f"{server.url}/sources?sourceUri=late:1", content=TEXT).status_code == 201
    opened.close()


@pytest.mark.slow
def test_a_gibibyte_takes_no_more_than_a_hundred_mebibytes_of_memory(tmp_path: Path, model_dir: Path) -> None:
    with serving(tmp_path / "home", {"HARTONOMOUS_MODEL_DIR": str(model_dir)}) as server:
        found = measure_upload(server.host, server.port, server.process.pid)
    assert found.status == 201
    assert found.above_idle_mib < 100, found
