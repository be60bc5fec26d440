"""A file goes up in pieces, and on where it broke off: over connections that are really cut."""

import random
import socket
import threading
from contextlib import closing, suppress

import httpx
import pytest

from hartonomous_client import Client, ConnectionFailed, HartonomousError

MIB = 1024 * 1024


class CuttingProxy:
    """Passes bytes on to a server; a connection on which so many have gone up is cut off, as often as is said. Counts what went up."""

    def __init__(self, url, *, after, cuts):
        self._to = httpx.URL(url)
        self.after, self.cuts, self.sent = after, cuts, 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.close()

    def _accept(self):
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection((self._to.host, self._to.port))
                threading.Thread(target=self._up, args=(client, server), daemon=True).start()
                threading.Thread(target=self._down, args=(client, server), daemon=True).start()

    def _up(self, client, server):
        passed = 0
        with suppress(OSError):
            while block := client.recv(64 * 1024):
                server.sendall(block)
                passed += len(block)
                self.sent += len(block)
                if self.cuts and passed > self.after:
                    self.cuts -= 1
                    break
        for each in (client, server):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _down(self, client, server):
        with suppress(OSError):
            while block := server.recv(64 * 1024):
                client.sendall(block)
            client.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def proxy(url):
    """Makes such a proxy of the server."""
    made = []

    def make(**how):
        made.append(CuttingProxy(url, **how))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def big(tmp_path):
    """A file of 5 MiB and some that nobody else has."""
    path = tmp_path / "big.bin"
    path.write_bytes(random.Random(str(tmp_path)).randbytes(5 * MIB + 123))
    return path


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """What is tried again is at once."""
    monkeypatch.setattr("hartonomous_client.failures._FIRST_WAIT", 0.01)


def told():
    """What notes progress, and the notes."""
    noted = []
    return (lambda done, total: noted.append((done, total))), noted


@pytest.mark.parametrize("piece", [MIB, 64 * MIB], ids=["pieces", "whole"])
def test_an_upload_goes_on_where_its_connection_was_cut(make_client, proxy, url, big, piece):
    size, progress, noted = big.stat().st_size, *told()
    cutting = proxy(after=1_500_000, cuts=3)

    source = make_client(cutting.url).upload_file(
        big, source_uri=f"desk:{big}", content_type="application/x-mine", piece_bytes=piece, progress=progress
    )

    assert cutting.cuts == 0, "nothing was cut"
    assert cutting.sent < size + 3 * 3 * MIB, "the bytes were sent again from their beginning"
    assert (source["sourceUri"], source["byteLength"], source["contentType"]) == (
        f"desk:{big}",
        size,
        "application/x-mine",
    )
    assert noted == sorted(noted) and noted[0] == (0, size) and noted[-1] == (size, size)


def test_a_call_that_was_given_up_is_gone_on_with_by_the_next_one(make_client, proxy, url, big):
    cutting = proxy(after=3 * MIB, cuts=1000)
    with pytest.raises(ConnectionFailed):
        make_client(cutting.url, retries=0).upload_file(big, piece_bytes=64 * MIB)
    whole, (progress, noted) = proxy(after=0, cuts=0), told()

    source = make_client(whole.url).upload_file(big, progress=progress)

    assert source["sourceUri"] == "big.bin"
    assert noted[0][0] > MIB and whole.sent < 4.5 * MIB


def test_bytes_that_are_there_are_not_sent(make_client, proxy, url, tmp_path):
    text = tmp_path / "a.txt"
    text.write_bytes(b"The moon pulls the water of the sea, and so the tide rises.")  # of the home
    (progress, noted), counting = told(), proxy(after=0, cuts=0)

    source = make_client(counting.url).upload_file(text, source_id=str(tmp_path), metadata={"a": 1}, progress=progress)

    assert source["sourceUri"] == f"source:{tmp_path}" and source["metadata"]["a"] == 1
    assert noted == [(text.stat().st_size,) * 2] and counting.sent < 2000


def test_an_empty_file_is_a_source_too(make_client, url, tmp_path):
    (tmp_path / "empty").touch()

    assert make_client(url).upload_file(tmp_path / "empty", source_uri=f"desk:{tmp_path}/empty")["byteLength"] == 0


def test_a_file_that_changes_meanwhile_is_refused(make_client, url, big):
    def change(done, total):
        if done == 2 * MIB:
            with big.open("r+b") as file:
                file.seek(done)
                file.write(b"harm")

    with pytest.raises(HartonomousError, match=r"422: .*have the hash"):
        make_client(url).upload_file(big, piece_bytes=MIB, progress=change)


def test_a_server_that_stays_busy_is_given_up_after_as_many_retries_as_are_set():
    sent = []

    def busy(request):
        sent.append(request.method)
        request.read()
        return httpx.Response(404 if request.method == "HEAD" else 503, json={"detail": "later"})

    with (
        closing(Client(transport=httpx.MockTransport(busy), retries=2)) as client,
        pytest.raises(HartonomousError, match="503"),
    ):
        client.upload_file(__file__)
    assert sent == ["HEAD", "PATCH"] * 3
