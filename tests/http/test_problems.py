"""Every error is problem+json with the id of the request."""

import io
import logging
import re

import pytest

from hartonomous_resources.database.database_errors import DatabaseUnavailable
from hartonomous_resources.logs import LOGGER
from hartonomous_service.errors import Conflict, Unavailable
from hartonomous_service.http import inference_routes, source_routes


def problem_of(answer, status):
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert document["status"] == status and document["requestId"] == answer.headers["x-request-id"]
    return document


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("/nowhere", 404, "Not Found"),
        ("/sources/5", 404, "source 5 is not found; GET /sources shows what is there"),
        ("/sources/five", 422, "path.source_id: "),
        ("/search", 422, "q: give some words to search for"),
        ("/search?mode=spatial", 422, "q: give some words to search for, a point or a box"),
        ("/search?mode=spatial&box=1,2", 422, "box: a box has six coordinates, "),
        ("/search?mode=spatial&at=x", 422, "at: 'x' is no list of numbers with commas between them"),
        ("/search?mode=spatial&at=0,0,0&radius=nan", 422, "radius: "),
        ("/search?q=x&radius=1", 422, "radius: it is for mode spatial alone"),
        ("/search?q=x&k=0", 422, "query.k: it should be at least 1"),
        ("/search?q=x&since=yesterday", 422, "since: 'yesterday' is no date or time"),
        ("/search?q=x&until=2026-13-01", 422, "until: '2026-13-01' is no date or time"),
        ("/search?q=x&sourceId=99999999999999999999", 422, "sourceId: it should be at most"),
        ("/search?q=x&uri=", 422, "uri: it is empty"),
        ("/search?q=x&contentType=text", 422, "contentType: 'text' is no media type"),
        ("/search?q=%20", 422, "q: the search text has no word"),
        ("/search?q=x&metadata=a", 422, "metadata: give KEY=VALUE"),
    ],
)
def test_what_is_wrong_is_said(client, path, status, detail):
    assert problem_of(client.get(path), status)["detail"].startswith(detail)


def test_another_method_is_refused(client):
    assert problem_of(client.delete("/search"), 405)["title"] == "Method Not Allowed"
    assert client.put("/jobs").headers["allow"] == "GET, POST"


@pytest.mark.parametrize(
    ("error", "status", "detail"),
    [
        (Conflict("it is in the way"), 409, "it is in the way"),
        (Unavailable("postgresql://me:secret@host is down"), 503, "postgresql://host is down"),
        (DatabaseUnavailable("no file"), 503, "no file"),
        (RuntimeError("the inside"), 500, "the server met an error that it does not know; its log has it as request "),
    ],
)
def test_each_kind_of_error_has_its_status(client, monkeypatch, error, status, detail):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(source_routes.calls, "show_source", fail)
    answer = client.get("/sources/1")
    found = problem_of(answer, status)["detail"]
    assert found.startswith(detail) and "inside" not in found and "secret" not in found
    assert ("retry-after" in answer.headers) == (status == 503)


def test_the_log_names_the_route_of_what_nobody_expected_and_not_its_path(client, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("the inside")

    written = io.StringIO()
    monkeypatch.setattr(LOGGER, "handlers", [logging.StreamHandler(written)])
    monkeypatch.setattr(inference_routes.recorded_inferences, "show_inference", fail)
    identity = client.get("/inferences/what-nobody-may-read").headers["x-request-id"]
    first, *rest = written.getvalue().splitlines()
    assert first == f"request {identity}: GET /inferences/{{inference_id:path}} failed"
    assert "RuntimeError: the inside" in rest and "nobody" not in first


def test_a_plain_id_of_the_client_is_kept_and_another_is_not(client):
    assert client.get("/health/live", headers={"X-Request-Id": "run-7.a_b"}).headers["x-request-id"] == "run-7.a_b"
    for bad in ("with space", "x" * 65, "<script>", ""):
        made = client.get("/health/live", headers={"X-Request-Id": bad}).headers["x-request-id"]
        assert re.fullmatch(r"[0-9a-f-]{36}", made)


def test_without_keys_only_names_of_this_machine_are_answered(client):
    for other in ("evil.example", "testserver", "localhost.evil.example", ""):
        assert "localhost" in problem_of(client.get("/health/live", headers={"Host": other}), 400)["detail"]
    for ours in ("localhost:8350", "127.0.0.1", "[::1]:8350"):
        assert client.get("/health/live", headers={"Host": ours}).status_code == 200


def test_without_keys_no_page_of_another_origin_is_answered(client):
    """A browser sends such a request without asking first, and only keeps the answer from the page."""
    for foreign in (
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:9"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        answer = client.post(
            "/sources?sourceUri=mine:1", content=b"text", headers={"Content-Type": "text/plain"} | foreign
        )
        assert answer.status_code == 403 and "another origin" in answer.json()["detail"]
    assert client.get("/sources").json()["sources"] == []
    own = {"Host": "localhost:8350", "Origin": "http://localhost:8350", "Sec-Fetch-Site": "same-origin"}
    assert client.get("/sources", headers=own).status_code == 200


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/search?q=x&sourceid=5", "sourceid: no such parameter; there are q, k, mode,"),
        ("/sources?limit=5&offset=3&page=2", "offset, page: no such parameter; there are status, limit, cursor"),
        ("/sources/1?full=1", "full: no such parameter; this call has none"),
        ("/health/live?x", "x: no such parameter"),
    ],
)
def test_a_parameter_that_a_call_does_not_have_is_named(client, path, said):
    assert problem_of(client.get(path), 422)["detail"].startswith(said)
