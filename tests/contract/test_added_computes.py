"""Real models side by side, wherever each is computed: in this process, in the worker, by an API."""

import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hartonomous_assets import embeddings
from hartonomous_assets.chain import run_stages
from hartonomous_assets.stage import Work
from hartonomous_core.clock import current_hour
from hartonomous_resources.compute.model_source import local_source
from hartonomous_resources.database.transactions import ask
from hartonomous_resources.resources import Resources, open_compute
from hartonomous_resources.settings import Settings
from hartonomous_resources.work.added_models import added_models, load_added_model, source_of
from hartonomous_service.embedding_models import activate_model, add_model, drop_model, list_models
from hartonomous_service.health import check_health
from hartonomous_service.models_in_use import what_computes
from hartonomous_service.search import search
from tests.builders import request
from tests.embedding_server import EmbeddingServer
from tests.running_worker import working
from tests.stages import ingest

QUESTION = "What makes the sea rise and fall?"
MINILM = "all-MiniLM-L6-v2"


@pytest.fixture
def small_home(make_home: Callable[..., Resources], model_dir: Path) -> Resources:
    """Two sentences, embedded by the model of the settings, int8."""
    home = make_home(model_dir=model_dir, text_unit="sentence")
    text = b"The moon moves the tides.\nBread needs flour, water and time."
    ingest(home, request(rawData=text, contentType="text/plain"))
    run(home)
    return home


def run(home: Resources) -> None:
    reports = run_stages(Work(current_hour(), "run", home), [embeddings.STAGE], 0, lambda _stage, _report: None)
    assert [report.error for report in reports.values()] == [None]


def best_cosine(home: Resources) -> float:
    [best, *_] = search(home, QUESTION, mode="semantic")["results"]
    return float(best["score"])


def cosine_by(home: Resources, precision: str) -> float:
    """The cosine of the question and the sentence that answers it, by one model alone."""
    with closing(open_compute(home.settings.model_copy(update={"text_precision": precision}))) as alone:
        [model] = alone.models()
        question, answer = alone.embed(model, [QUESTION, "The moon moves the tides."]).vectors
    return float(question @ answer)


def test_another_precision_answers_in_its_own_space_and_no_process_is_started_anew(small_home: Resources) -> None:
    added = add_model(small_home, MINILM, precision="fp32")
    assert (added["model"]["engine"], added["estimate"]["atoms"]) == ("onnxruntime", 2)
    assert added["estimate"]["textsPerSecond"] > 0
    run(small_home)

    assert best_cosine(small_home) == pytest.approx(cosine_by(small_home, "int8"), abs=1e-5)
    activate_model(small_home, "2")
    assert best_cosine(small_home) == pytest.approx(cosine_by(small_home, "fp32"), abs=1e-5)
    assert what_computes(small_home) == {
        "compute": "in_process",
        "engine": "onnxruntime",
        "model": MINILM,
        "precision": "fp32",
    }
    activate_model(small_home, "1")
    assert best_cosine(small_home) == pytest.approx(cosine_by(small_home, "int8"), abs=1e-5)


def test_a_model_of_an_api_stands_beside_one_of_this_machine(small_home: Resources) -> None:
    with EmbeddingServer() as server:
        added = add_model(small_home, "small", api_url=server.url, api_price=2.0)
        tokens = added["estimate"]["tokens"]
        assert added["estimate"]["cost"] == pytest.approx(tokens * 2.0 / 1e6)
        assert (added["model"]["engine"], added["model"]["dimension"]) == ("api", 8)
        run(small_home)
        assert best_cosine(small_home) == pytest.approx(cosine_by(small_home, "int8"), abs=1e-5)

        activate_model(small_home, "small")
        assert best_cosine(small_home) <= 1.0
        assert server.requests[-1].asked["input"] == [QUESTION]
        assert what_computes(small_home)["compute"] == what_computes(small_home)["engine"] == "api"
        drop_model(small_home, MINILM)
        ingest(small_home, request(rawData=b"Iron rusts.", contentType="text/plain", sourceUri="mail:2"))
        run(small_home)
    assert {row["name"]: (row["state"], row["vectors"]) for row in list_models(small_home)["models"]} == {
        "small": ("answers", 3)
    }
    assert small_home.compute.device().startswith(
        "cpu; small at http://"
    )  # what has embedded for this process, and for how much
    assert "tokens in" in small_home.compute.device()


@pytest.mark.skipif(sys.platform == "win32", reason="another way to listen")
def test_in_worker(small_home: Resources, tmp_path: Path, socket_folder: Path) -> None:
    """It embeds by a model that was added while it runs."""
    settings: Settings = small_home.settings
    added: list[Any] = []
    with (
        working(settings, socket_folder, added=lambda: added),
        closing(open_compute(settings.model_copy(update={"compute": "worker"}))) as asking,
    ):
        named = asking.models()[0]
        asking.embed(named, [QUESTION])
        source = local_source(MINILM, "fp32", "onnxruntime")
        added += [
            source,
            local_source(str(tmp_path / "none.onnx"), "fp32", "onnxruntime"),
        ]  # one that is not there harms nobody
        model = asking.find(source)
        there = asking.embed(model, [QUESTION]).vectors
        assert asking.device() == "cpu of the worker"
    with closing(open_compute(settings)) as here:
        assert here.embed(here.find(source), [QUESTION]).vectors.tobytes() == there.tobytes()


def test_health_looks_at_the_models_that_the_database_names(small_home: Resources) -> None:
    add_model(small_home, MINILM, precision="fp32")
    run(small_home)
    activate_model(small_home, "2")
    drop_model(small_home, "1")

    def checked(settings: Settings) -> tuple[str, str]:
        [found] = [each for each in check_health(settings)["checks"] if each["name"] == "text_model"]
        return found["status"], found["detail"]

    assert checked(small_home.settings)[0] == "healthy"
    rows = ask(small_home.database, added_models)
    assert [source_of(row) for row in rows] == [local_source(MINILM, "fp32", "native")]
    assert load_added_model(small_home.compute, rows[0]).precision == "fp32"
    away = small_home.settings.model_copy(update={"model_dir": small_home.settings.home / "none"})
    status, detail = checked(away)
    assert status == "degraded" and "is not ready" in detail
