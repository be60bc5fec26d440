"""Bodies are read as they come: in blocks, one at a time, and not for ever."""

import asyncio

import pytest
from fastapi import Request
from starlette.exceptions import HTTPException

from hartonomous_service.http import bodies, search_routes
from hartonomous_service.http.bodies import pour, read_small
from hartonomous_service.http.request_limits import Pace, _Body


class Sender:
    """A client that sends these pieces; then it is silent, or vanishes. `asked` counts how many were asked for."""

    def __init__(self, *pieces, is_silent=False, vanishes=False):
        self.messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
        if vanishes:
            self.messages.append({"type": "http.disconnect"})
        elif self.messages and not is_silent:
            self.messages[-1]["more_body"] = False
        self.asked = 0

    async def __call__(self):
        self.asked += 1
        if self.messages:
            return self.messages.pop(0)
        await asyncio.sleep(3600)

    @property
    def request(self):
        return Request({"type": "http", "headers": []}, self)


def run(receive, write):
    return asyncio.run(pour(Request({"type": "http", "headers": []}, receive), write))


def test_small_pieces_are_written_in_blocks():
    got = []
    run(Sender(*[b"x" * 1000] * 1000), got.append)
    assert b"".join(got) == b"x" * 1_000_000 and len(got) == 4


def test_no_more_is_read_while_a_block_is_written():
    sender, asked = Sender(*[bytes(300_000)] * 5), []
    run(sender, lambda _: asked.append(sender.asked))
    assert asked == [1, 2, 3, 4, 5]


def test_what_came_of_a_silent_client_stays():
    got = []
    limited = _Body(Sender(b"abc", is_silent=True), 100, Pace(read_seconds=0.05))
    with pytest.raises(HTTPException) as refused:
        run(limited.receive, got.append)
    assert (refused.value.status_code, got) == (408, [b"abc"])


def test_a_picture_that_comes_slowly_loses_its_turn(monkeypatch):
    monkeypatch.setattr(search_routes, "_PICTURE_SECONDS", 0.05)
    with pytest.raises(HTTPException) as refused:
        asyncio.run(search_routes._read_picture(Sender(b"abc", is_silent=True).request))
    assert refused.value.status_code == 408


def test_a_client_that_vanished_is_no_end():
    got = []
    with pytest.raises(HTTPException) as refused:
        run(Sender(b"abc", vanishes=True), got.append)
    assert (refused.value.status_code, got) == (400, [b"abc"])


def test_little_of_a_slow_client_is_handed_on_after_a_while(monkeypatch):
    monkeypatch.setattr(bodies, "_SLOW_SECONDS", -1)
    got = []
    run(Sender(b"a", b"b", b"c"), got.append)
    assert got == [b"a", b"b", b"c"]


def test_what_is_small_is_read_up_to_its_limit():
    assert asyncio.run(read_small(Sender(b"ab", b"cd").request, 4)) == b"abcd"
    with pytest.raises(HTTPException) as refused:
        asyncio.run(read_small(Sender(b"ab", b"cde").request, 4))
    assert refused.value.status_code == 413
