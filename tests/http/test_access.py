"""Without a key only life and readiness are told; a key asks as often and as much as it may, and is said to nobody."""

import asyncio
import io
import json
import logging
import re
import time
from contextlib import contextmanager

import httpx
import pytest
from starlette.testclient import TestClient

from hartonomous_resources.database.database_errors import DatabaseUnavailable, ReadOnlyDatabase
from hartonomous_resources.logs import LOGGER, _JsonLines
from hartonomous_service import keys as service
from hartonomous_service.http import access
from hartonomous_service.http.app import create_app
from hartonomous_service.http.rates import TokenBuckets
from hartonomous_service.keys import create_key, list_keys, revoke_key
from tests.http.test_problems import problem_of


@contextmanager
def serving(settings, **changes):
    app = create_app(settings.model_copy(update=changes))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def server(settings):
    """A client of a server that asks for keys; it has none."""
    with serving(settings) as client:
        yield client


def key_for(client, **given):
    return create_key(client.app.state.resources, **given)


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


def test_without_a_key_only_life_and_readiness_are_told(server):
    documented = server.app.openapi()["paths"]
    assert server.get("/health/live").status_code == server.get("/health/ready").status_code == 200
    others = [(method, path) for path, methods in documented.items() for method in methods]
    assert len(others) > 4
    for method, path in [*others, ("get", "/openapi.json"), ("get", "/nowhere"), ("get", "/health/live/")]:
        if path not in access.OPEN_PATHS:
            answer = server.request(method, path)
            assert answer.status_code == 401, path
            assert method == "head" or problem_of(answer, 401)["detail"].startswith("give a key")
            assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ([], "give a key"),
        ([("Authorization", "Basic {key}")], "give a key"),
        ([("Authorization", "{key}")], "give a key"),
        ([("Authorization", "Bearer {key}"), ("Authorization", "Bearer {key}")], "give a key"),
        ([("Authorization", "Bearer")], "not known"),
        ([("Authorization", "Bearer {key}0")], "not known"),
        ([("Authorization", "Bearer \xff")], "not known"),
        ([("X-Api-Key", "{key}")], "give a key"),
    ],
)
def test_what_is_no_key_is_refused(server, headers, said):
    key = key_for(server)["key"]
    given = [(name, value.format(key=key).encode("latin-1")) for name, value in headers]
    assert said in problem_of(server.get("/sources", headers=given), 401)["detail"]
    assert server.get("/sources", headers=bearer(key)).status_code == 200
    assert server.get(f"/sources?key={key}&access_token={key}").status_code == 401


def test_a_key_asks_for_its_tenant_and_within_its_scopes(server):
    reader, writer, admin = (bearer(key_for(server, tenant=7, scopes=[scope])["key"]) for scope in service.SCOPES)
    asked = {"read": ("get", "/sources"), "write": ("post", "/sources?sourceUri=a:1"), "admin": ("get", "/metrics")}
    statuses = {
        (scope, kind): server.request(*call, headers=headers).status_code
        for scope, call in asked.items()
        for kind, headers in (("reader", reader), ("writer", writer), ("admin", admin))
    }
    refused = [("write", "reader"), ("admin", "reader"), ("admin", "writer")]
    assert [each for each, status in statuses.items() if status == 403] == refused, (
        "each scope includes those before it"
    )
    assert set(statuses.values()) <= {200, 201, 403}
    assert "'write'" in problem_of(server.post("/sources", headers=reader), 403)["detail"]
    assert server.get("/health", headers=admin).status_code in (200, 503)
    assert [row["tenantId"] for row in server.get("/sources", headers=reader).json()["sources"]] == [7]


def test_a_revoked_key_is_refused(server, monkeypatch):
    monkeypatch.setattr(service, "REMEMBERED_SECONDS", 0.0)
    made = key_for(server)
    assert server.get("/sources", headers=bearer(made["key"])).status_code == 200
    revoke_key(server.app.state.resources, made["keyId"])
    assert server.get("/sources", headers=bearer(made["key"])).status_code == 401


def test_a_key_that_asks_too_often_waits_and_the_others_do_not(settings):
    with serving(settings, http_rate=0.5, http_burst=3) as client:
        one, other = (key_for(client)["key"] for _ in range(2))
        answers = [client.get(path, headers=bearer(one)) for path in ("/sources", "/nowhere", "/search", "/sources")]
        assert [answer.status_code for answer in answers] == [200, 404, 422, 429]
        assert problem_of(answers[3], 429) and answers[3].headers["retry-after"] in ("1", "2")
        assert client.get("/sources", headers=bearer(other)).status_code == 200
        # whoever knows the id alone uses up nothing of its key
        assert client.get("/sources", headers=bearer(other[:-4] + "0000")).status_code == 401


def test_who_guesses_is_refused_before_the_database_is_asked(server, monkeypatch):
    known, unused = key_for(server)["key"], key_for(server)["key"]
    monkeypatch.setattr(service, "REMEMBERED_SECONDS", 0.0)
    assert server.get("/sources", headers=bearer(known)).status_code == 200
    statuses = [server.get("/sources", headers=bearer(f"hk_{n:016x}_{0:064x}")).status_code for n in range(14)]
    assert statuses == [401] * 10 + [429] * 4

    refused = server.get("/sources", headers=bearer(unused))
    assert "too many wrong keys" in problem_of(refused, 429)["detail"] and int(refused.headers["retry-after"]) >= 1
    assert server.get("/sources", headers=bearer(known)).status_code == 200, "others may come from that address"
    assert server.get("/sources").status_code == 401


def test_many_guesses_at_once_are_refused_before_the_database_is_asked(server, monkeypatch):
    looked_up = []

    def find(_, presented):
        looked_up.append(presented)
        time.sleep(0.002)  # as long as a database takes

    async def guess():
        transport = httpx.ASGITransport(server.app, client=("192.0.2.9", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
            keys = [f"hk_{n:016x}_{0:064x}" for n in range(60)]
            answers = await asyncio.gather(*(client.get("/sources", headers=bearer(key)) for key in keys))
        return [answer.status_code for answer in answers]

    monkeypatch.setattr(access, "find_caller", find)
    statuses = asyncio.run(guess())
    assert len(looked_up) <= 11, "two are asked for at a time: one more than may be wrong"
    assert statuses.count(401) == len(looked_up) and statuses.count(429) == 60 - len(looked_up)


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("testclient", "testclient", True),
    ],
)
def test_a_client_is_known_by_its_address_or_its_network(one, other, alike):
    first, second = (access._address({"client": (host, 1)}) for host in (one, other))
    assert (first == second) == alike
    assert access._address({"client": None}) == ""


def test_a_bucket_is_refilled_and_never_more_than_full():
    now = [0.0]
    buckets = TokenBuckets(rate=2, burst=3, clock=lambda: now[0])
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert buckets.take("b") == 0
    now[0] += 0.5
    assert buckets.wait("a") == 0 and buckets.take("a") == 0 and buckets.take("a") == 0.5
    now[0] += 1000
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.5]


def test_buckets_take_no_more_memory_however_many_ask():
    buckets = TokenBuckets(rate=1, burst=1, clock=lambda: 0.0)
    for n in range(30_000):
        buckets.take(str(n))
    assert len(buckets._buckets) == 10_000
    assert buckets.wait("29999") == 1 and buckets.wait("0") == 0


def test_the_last_use_is_noted_and_a_read_only_database_fails_nothing(server, monkeypatch):
    made = key_for(server)
    assert server.get("/nowhere", headers=bearer(made["key"])).status_code == 404
    assert list_keys(server.app.state.resources)["keys"][0]["lastUsedAt"] is not None

    def refuse(*_):
        raise ReadOnlyDatabase("it can only be read here")

    another = key_for(server)
    monkeypatch.setattr(service, "transact", refuse)
    assert server.get("/sources", headers=bearer(another["key"])).status_code == 200


def test_a_database_that_is_down_is_an_outage_and_the_rest_answers(server, monkeypatch):
    def down(*_, **__):
        raise DatabaseUnavailable("no file")

    monkeypatch.setattr(service, "query", down)
    answer = server.get("/sources", headers=bearer(f"hk_{0:016x}_{0:064x}"))
    assert problem_of(answer, 503)["detail"] == "no file" and "retry-after" in answer.headers
    assert server.get("/health/live").status_code == 200


def test_no_page_of_another_origin_is_let_in(server):
    key, origin = key_for(server)["key"], {"Origin": "https://evil.example"}
    asked = server.options("/sources", headers={**origin, "Access-Control-Request-Method": "GET"})
    answers = [asked, server.get("/sources", headers={**bearer(key), **origin})]
    assert not any(name.startswith("access-control-") for answer in answers for name in answer.headers)
    assert asked.status_code == 401


def test_each_request_is_a_line_of_the_log_that_tells_no_secret(server, monkeypatch):
    made, wrong = key_for(server), f"hk_{0:016x}_{7:064x}"
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(_JsonLines())
    monkeypatch.setattr(LOGGER, "handlers", [handler])
    monkeypatch.setattr(LOGGER, "level", logging.INFO)
    LOGGER._cache.clear()

    server.get("/inferences", params={"model": "what nobody may read"}, headers=bearer(made["key"]))
    server.get("/made-up/path", headers=bearer(wrong))
    server.get("/health/live", headers={"X-Request-Id": "run-7"})

    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    fields = [(line["Method"], line["Route"], line["Status"], line["KeyId"]) for line in lines]
    assert fields == [
        ("GET", "/inferences", 200, made["keyId"]),
        ("GET", None, 401, None),
        ("GET", "/health/live", 200, None),
    ]
    assert lines[2]["RequestId"] == "run-7" and all(line["Milliseconds"] >= 0 for line in lines)
    assert not re.search("nobody|made-up|_[0-9a-f]{64}", written.getvalue())
    LOGGER._cache.clear()
