"""What is too large or too slow is refused, with what is allowed, and before it is read."""

import asyncio
import time

import pytest
from fastapi import FastAPI, Request
from starlette.testclient import TestClient

from hartonomous_resources.settings import Settings
from hartonomous_service.http import problems
from hartonomous_service.http.request_ids import RequestIds
from hartonomous_service.http.request_limits import Limits, Pace
from tests.http.test_problems import problem_of

MOST, SOURCE = 1000, 5000


@pytest.fixture
def app(tmp_path):
    """An app with an upload and a route that takes JSON, under limits of a few bytes."""
    app = FastAPI()
    problems.add_handlers(app)

    @app.post("/json")
    def take(document: dict[str, str]) -> int:
        return sum(map(len, document.values()))

    @app.post("/sources")
    async def upload(request: Request) -> int:
        return len(await request.body())

    @app.get("/json")
    def ask() -> int:
        return 0

    settings = Settings(home=tmp_path, http_max_body_bytes=MOST, max_source_bytes=SOURCE)
    app.add_middleware(Limits, settings=settings, pace=Pace(read_seconds=0.2, bytes_a_second=1000))
    app.add_middleware(RequestIds)
    return app


@pytest.fixture
def small(app):
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def document(size):
    return b'{"a":"%s"}' % (b"x" * (size - 8))


def in_pieces(body):
    for start in range(0, len(body), 100):
        yield body[start : start + 100]


@pytest.mark.parametrize("make", [bytes, in_pieces], ids=["by its length", "in chunks"])
def test_a_body_may_have_so_many_bytes(small, make):
    kind = {"Content-Type": "application/json"}
    assert small.post("/json", content=make(document(MOST)), headers=kind).json() == MOST - 8
    refused = small.post("/json", content=make(document(MOST + 1)), headers=kind)
    assert problem_of(refused, 413)["detail"] == "the body has more than 1,000 bytes"


@pytest.mark.parametrize("make", [bytes, in_pieces], ids=["by its length", "in chunks"])
def test_an_upload_may_have_what_a_source_may(small, make):
    size = SOURCE + 1024 * 1024
    assert small.post("/sources", content=make(bytes(size))).json() == size
    assert problem_of(small.post("/sources", content=make(bytes(size + 1))), 413)


def test_a_length_that_no_number_holds_is_too_large(small):
    for said in ("1" * 5000, "9" * 19):
        assert small.post("/json", headers={"Content-Length": said}).status_code == 413


def test_headers_are_few_and_small(small):
    assert small.get("/json", headers={"X": "x" * 30_000}).status_code == 200
    for headers in ({"X": "x" * 33_000}, {f"X{n}": "" for n in range(101)}):
        assert "at most 100 headers of 32,768 bytes" in problem_of(small.get("/json", headers=headers), 431)["detail"]


def test_path_and_query_are_small(small):
    assert small.get("/json?q=" + "x" * 32_000).status_code == 200
    assert "32,768 bytes" in problem_of(small.get("/json?q=" + "x" * 33_000), 414)["detail"]
    assert small.get("/" + "x" * 33_000).status_code == 414


def scope_of(path="/json", **headers):
    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {
        **{"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http"},
        **{"path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": given},
        **{"client": ("192.0.2.1", 1), "server": ("testserver", 80)},
    }


async def call(app, pieces, pause, headers):
    """Send these pieces with pauses between; returns the status and how long it took."""
    sent = []
    left = list(pieces)

    async def receive():
        await asyncio.sleep(pause)
        if not left:
            await asyncio.Event().wait()
        body = left.pop(0)
        return {"type": "http.request", "body": body, "more_body": True}

    async def send(message):
        sent.append(message)

    began = time.monotonic()
    await app(scope_of(**headers), receive, send)
    return sent[0]["status"], time.monotonic() - began


JSON = {"content_type": "application/json"}


def test_a_body_of_which_no_more_comes_is_given_up(app):
    status, seconds = asyncio.run(call(app, [b'{"a":'], 0, {**JSON, "content_length": "900"}))
    assert status == 408 and 0.2 <= seconds < 5


def test_a_body_that_comes_drop_by_drop_is_given_up(app):
    pieces = [b"{", *[b" "] * 500]
    status, seconds = asyncio.run(call(app, pieces, 0.02, {**JSON, "content_length": "900"}))
    assert status == 408 and seconds < 5


def test_a_body_that_comes_fast_enough_is_not_given_up_however_long_it_takes(app):
    pieces = [b"%50d" % 0] * 30  # 1,500 bytes: too large before it is too slow
    status, _ = asyncio.run(call(app, pieces, 0.02, JSON))
    assert status == 413


def test_what_the_app_takes_is_not_the_fault_of_the_client(tmp_path):
    async def slow(scope, receive, send):
        for _ in range(3):
            await receive()
            await asyncio.sleep(0.3)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    limited = Limits(slow, Settings(home=tmp_path), Pace(read_seconds=0.2, bytes_a_second=1000))
    assert asyncio.run(call(limited, [b"x"] * 3, 0, {}))[0] == 204


def test_who_waits_for_an_answer_is_not_given_up(tmp_path):
    async def slow(scope, receive, send):
        await receive()
        waiting = asyncio.ensure_future(receive())  # as a stream waits for its reader to leave
        await asyncio.sleep(0.4)
        assert not waiting.done()
        waiting.cancel()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    async def ask():
        sent = []
        messages = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive():
            return messages.pop() if messages else await asyncio.Event().wait()

        async def send(message):
            sent.append(message)

        await Limits(slow, Settings(home=tmp_path), Pace(read_seconds=0.1))(scope_of(), receive, send)
        return sent[0]["status"]

    assert asyncio.run(ask()) == 204
