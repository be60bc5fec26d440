"""A server of embeddings that fails, refuses a text or has cost enough, in the middle of an ingest: jobs wait, and none is lost."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hartonomous_assets import chain
from hartonomous_assets.stage import Work
from hartonomous_core.clock import current_hour
from hartonomous_resources.compute.api import embedding_requests
from hartonomous_resources.compute.api.api_compute import ApiCompute
from hartonomous_resources.compute.api.patience import Patience
from hartonomous_resources.resources import Resources
from hartonomous_service.doctor.what_to_do import remedy_of
from hartonomous_service.health import check_health
from hartonomous_service.ingest import ingest
from hartonomous_service.search import search
from tests.embedding_server import Conversation, EmbeddingServer, behave

SENTENCES = [f"Lighthouse {number} was lit at dusk." for number in range(20)]


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    with EmbeddingServer() as running:
        yield running


@pytest.fixture
def asking(resources: Resources, server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Resources]:
    """A home that embeds by the API, and so do the runs that it starts."""
    more: dict[str, Any] = {
        "compute": "api",
        "api_url": server.url,
        "api_model": "small",
        "api_price": 1_000_000.0,
        "retry_delay_seconds": 0.1,
        "text_unit": "sentence",
    }
    for name, value in more.items():
        monkeypatch.setenv(f"HARTONOMOUS_{name.upper()}", str(value))
    settings = resources.settings.model_copy(update=more)
    compute = ApiCompute(settings)
    yield dataclasses.replace(resources, settings=settings, compute=compute)
    compute.close()


def within(resources: Resources, budget: float) -> Resources:
    """The same with another budget."""
    settings = resources.settings.model_copy(update={"api_budget": budget})
    return dataclasses.replace(resources, settings=settings, compute=ApiCompute(settings))


def count_embeddings(resources: Resources) -> int:
    return int(resources.database.connection().execute("SELECT COUNT(*) FROM AtomEmbedding").fetchone()[0])


def check(resources: Resources, name: str) -> tuple[str, str]:
    [found] = [each for each in check_health(resources.settings)["checks"] if each["name"] == name]
    return found["status"], found["detail"]


def write_to(folder: Path) -> Path:
    file = folder / "file.txt"
    file.write_text("\n\n".join(SENTENCES))
    return file


def test_it_embeds_and_finds_and_says_what_that_cost(asking: Resources, tmp_path: Path) -> None:
    assert ingest(asking, [write_to(tmp_path)])["stages"] == {}
    found = search(asking, SENTENCES[7], mode="semantic", k=1, highlight=True)

    assert found["results"][0]["text"] == SENTENCES[7]
    assert count_embeddings(asking) == 20
    status, detail = check(asking, "compute")
    assert status == "healthy"
    assert detail.startswith("embeds small at http://127.0.0.1:")
    assert " tokens in " in detail
    assert " spent" in detail
    of_a_tenant = check_health(asking.settings, tenant=0)["checks"]
    assert [each["detail"] for each in of_a_tenant if each["name"] == "compute"] == ["an API embeds"]
    assert check(asking, "text_model") == ("healthy", "small answers, with 8 numbers a text")


def test_a_budget_that_is_spent_lets_jobs_wait(asking: Resources, tmp_path: Path, server: EmbeddingServer) -> None:
    little = within(asking, 5.0)
    without = ingest(little, [write_to(tmp_path)])
    assert "HARTONOMOUS_API_BUDGET=5 leaves too little" in str(without["stages"])
    assert count_embeddings(asking) == 0
    status, detail = check(within(asking, 1.0), "compute")
    assert status == "degraded"
    assert "meanwhile nothing is embedded" in detail
    assert "HARTONOMOUS_API_BUDGET" in remedy_of("compute", little.settings)

    enough = ingest(within(asking, 5000.0), [tmp_path / "file.txt"])

    assert (enough["stages"], count_embeddings(asking)) == ({}, 20)


def test_a_server_that_fails_lets_jobs_wait(asking: Resources, tmp_path: Path, server: EmbeddingServer) -> None:
    server.always = lambda it: it.answer({"error": {"code": "invalid_api_key"}}, 401)
    without = ingest(asking, [write_to(tmp_path)])
    assert "set HARTONOMOUS_API_KEY" in str(without["stages"])
    assert check(asking, "text_model")[0] == "degraded"
    server.always = behave

    assert ingest(asking, [tmp_path / "file.txt"])["stages"] == {}
    assert count_embeddings(asking) == 20
    assert check(asking, "text_model")[0] == "healthy"


@pytest.mark.parametrize("says_how_long", [True, False])
def test_a_run_waits_for_a_server_that_is_busy_for_a_minute(
    asking: Resources, tmp_path: Path, server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch, says_how_long: bool
) -> None:
    now = 1000.0
    busy_until = now + 60
    clock = SimpleNamespace(monotonic=lambda: now)

    def pass_time(_database: object, _since: int, timeout: float) -> bool:
        nonlocal now
        now += timeout
        return False

    def busy_for_a_minute(it: Conversation) -> None:
        left = {"Retry_After": f"{busy_until - now:.0f}"} if says_how_long else {}
        it.answer({}, 429, **left) if now < busy_until else behave(it)

    for module in (chain, embedding_requests):
        monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(type(asking.database), "wait_for_change", pass_time)
    settings = asking.settings.model_copy(update={"retry_delay_seconds": 5.0})
    compute = ApiCompute(settings, Patience(tries=3, pause_seconds=0.001))
    home = dataclasses.replace(asking, settings=settings, compute=compute)
    compute.models()  # so that it is busy once jobs are claimed
    server.always = busy_for_a_minute
    ingest(home, [write_to(tmp_path)], wait=False)

    reports = chain.run_stages(Work(current_hour(), "run", home), chain.STAGES, 90.0, lambda _stage, _report: None)

    counts = reports["atom_embeddings"].counts
    asked = len(server.batches)
    compute.close()
    assert {name: report.error for name, report in reports.items()} == dict.fromkeys(reports)
    assert (counts["embedded"], counts.get("failed attempts", 0), count_embeddings(home)) == (20, 0, 20)
    # Busy as it is, it is asked once where it says for how long, else three times every five seconds; then it gives the vectors.
    assert asked == (2 if says_how_long else 3 * 12 + 1)
    # What it was busy for counts as no attempt of a job.
    rows = home.database.connection().execute("SELECT DISTINCT Status, AttemptCount FROM BackgroundJob").fetchall()
    assert [tuple(row) for row in rows] == [("Completed", 1)]
    assert home.database.connection().execute("SELECT COUNT(*) FROM DeadLetter").fetchone()[0] == 0


def test_a_text_that_is_refused_fails_alone(asking: Resources, tmp_path: Path, server: EmbeddingServer) -> None:
    def refuse(it: Conversation) -> None:
        it.answer({}, 400) if SENTENCES[3] in it.texts else behave(it)

    server.always = refuse
    ingest(asking, [write_to(tmp_path)])

    assert count_embeddings(asking) == 19
    [dead] = asking.database.connection().execute("SELECT * FROM DeadLetter").fetchall()
    assert "cannot be embedded: the API answers HTTP 400" in str(tuple(dead))
    assert SENTENCES[3] not in str(tuple(dead))
