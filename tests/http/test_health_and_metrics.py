"""Health in three depths, and what Prometheus scrapes."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client.parser import text_string_to_metric_families

from hartonomous_resources.database.database_errors import DatabaseUnavailable
from hartonomous_service import figures, health
from hartonomous_service.daemon import sole_daemon
from hartonomous_service.health import check_health
from hartonomous_service.http import health_routes, search_routes
from hartonomous_service.ingest import ingest, submit


def samples_of(client):
    answer = client.get("/metrics")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def down(*_, **__):
    raise DatabaseUnavailable("no such file")


def test_a_server_that_works_lives_is_ready_and_healthy(client):
    assert client.get("/health/live").json() == {"status": "alive"}
    assert client.get("/health/ready").json() == {"status": "ready"}
    found = client.get("/health").json()
    assert found["status"] in ("healthy", "degraded")  # the disk of the test may be nearly full
    names = {check["name"] for check in found["checks"]}
    assert {"database", "graph", "text_model", "queues", "oldest_work", "daemon"} <= names
    assert all(check["durationMs"] >= 0 for check in found["checks"])


def test_a_database_that_is_down_leaves_it_alive_and_not_ready(client, monkeypatch):
    monkeypatch.setattr(health, "query", down)
    monkeypatch.setattr(health, "transact", down)
    assert client.get("/health/live").status_code == 200
    assert client.get("/health/ready").status_code == 503
    found = client.get("/health")
    assert found.status_code == 503 and found.json()["status"] == "unhealthy"


def test_however_often_readiness_is_asked_the_database_is_asked_once_a_second(client, monkeypatch):
    asked = []
    monkeypatch.setattr(health_routes, "require_readable", asked.append)
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: client.get("/health/ready").status_code, range(60)))
    assert answers == [200] * 60 and len(asked) <= 3

    monkeypatch.setattr(health_routes, "_READY_SECONDS", 0.0)
    client.app.state.readiness = health_routes.Readiness()
    for _ in range(2):
        assert client.get("/health/ready").status_code == 200
    assert len(asked) >= 3


def test_a_server_whose_home_has_no_daemon_says_that_what_is_sent_in_waits(client):
    def daemon():
        return {check["name"]: check for check in client.get("/health").json()["checks"]}["daemon"]

    assert daemon()["status"] == "degraded" and "what is sent in waits" in daemon()["detail"]
    with sole_daemon(client.app.state.settings) as tell:
        tell()
        assert (daemon()["status"], daemon()["detail"]) == ("healthy", "running")
    assert daemon()["status"] == "degraded"
    assert check_health(client.app.state.settings)["checks"][-1]["status"] == "healthy", (
        "a command does the work itself"
    )


def test_metrics_show_what_was_done_and_what_waits(client, tmp_path):
    resources = client.app.state.resources
    (tmp_path / "whale.txt").write_text("A whale sleeps upright. It breathes air.")
    ingest(resources, [tmp_path / "whale.txt"])
    submit(resources, b"Another text waits.", source_uri="test:waits")
    for mode in ("hybrid", "lexical", "lexical"):
        client.get("/search", params={"q": "whale", "mode": mode})
    client.get("/sources/999")
    client.get("/made/up/one")
    client.get("/made/up/two")
    found = samples_of(client)
    assert found["hartonomous_up",] == 1
    assert found["hartonomous_atoms_ingested_total",] == 1
    assert found["hartonomous_stage_done_total", "atom_embeddings"] == 1
    assert found["hartonomous_stage_seconds_total", "atoms"] > 0
    assert found["hartonomous_queue_depth", "sources"] == 1
    assert 0 <= found["hartonomous_queue_age_seconds", "sources"] < 60
    assert found["hartonomous_jobs", "Completed"] == 1
    assert found["hartonomous_dead_letters",] == 0
    assert found["hartonomous_search_seconds_count", "lexical"] == 2
    assert found["hartonomous_http_requests_total", "GET", "/sources/{source_id}", "404"] == 1
    assert found["hartonomous_http_requests_total", "(none)", "(none)", "404"] == 2
    assert [name for name in found if "made" in str(name)] == []


def test_metrics_of_a_home_that_is_down_say_so(client, monkeypatch):
    monkeypatch.setattr(figures, "ask", down)
    found = samples_of(client)
    assert found["hartonomous_up",] == 0
    assert ("hartonomous_dead_letters",) not in found


@pytest.mark.parametrize("error", [DatabaseUnavailable("gone"), RuntimeError("inside")])
def test_a_request_that_fails_is_counted_with_its_status(client, monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(search_routes.calls, "search", fail)
    status = client.get("/search", params={"q": "x"}).status_code
    assert samples_of(client)["hartonomous_http_requests_total", "GET", "/search", str(status)] == 1
