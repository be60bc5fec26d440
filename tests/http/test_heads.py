"""The head of a request has a deadline wherever it begins, and only while no request is at work; a real server, whose app is a function."""

import asyncio
import socket
import threading
import time

import pytest
import uvicorn

from hartonomous_service.http import connections
from hartonomous_service.http.connections import GuardedConnection

HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"
SECONDS = 0.4


async def answer(scope, receive, send):
    """Answer `ok` without a look at the body, after as many seconds as the path says."""
    await asyncio.sleep(float(scope["path"].removeprefix("/") or 0))
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture(scope="module")
def address():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connections, "_HEAD_SECONDS", SECONDS)
        config = uvicorn.Config(answer, port=0, log_config=None, http=GuardedConnection, ws="none", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield server.servers[0].sockets[0].getsockname()
        server.should_exit = True
        thread.join()


def send_byte_by_byte(connection):
    """Send a byte now and then until the server closes; returns what it said, None where it never closes."""
    said = b""
    connection.settimeout(0.05)
    for _ in range(60):
        try:
            connection.sendall(b"x")
            if not (piece := connection.recv(65536)):
                return said
            said += piece
        except TimeoutError:
            continue
        except OSError:
            return said
    return None


@pytest.mark.parametrize(
    "pieces",
    [
        [HEAD],
        [HEAD + b"\r\n" + HEAD],
        [HEAD.replace(b"/", b"/0.1", 1) + b"\r\n" + HEAD],
        [POST + b"abc" + HEAD],
        [POST, b"abc" + HEAD],
        [HEAD + b"\r\n", HEAD],
    ],
    ids=["first", "with one before", "with a slow one before", "after a body", "after a body nobody reads", "later"],
)
def test_a_head_that_does_not_end_is_given_up_wherever_it_begins(address, pieces):
    with socket.create_connection(address) as connection:
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(0.1)
        said = send_byte_by_byte(connection)
    assert said is not None, "it is held for ever"
    assert said.count(b"HTTP/1.1 408") == 1 and said.count(b"HTTP/1.1 200") == (pieces != [HEAD])


def test_a_head_that_begins_while_a_request_is_at_work_does_not_end_that(address):
    with socket.create_connection(address, timeout=5) as connection:
        connection.sendall(HEAD.replace(b"/", f"/{3 * SECONDS}".encode(), 1) + b"\r\n")
        time.sleep(0.05)
        connection.sendall(HEAD)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        connection.sendall(b"\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
