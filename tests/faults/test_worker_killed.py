"""The worker is killed while it works: who asked it gets the answer of the one that comes after it, or what embeds in its place."""

import dataclasses
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hartonomous_core.embedders.text_windows import TextWindows
from hartonomous_core.spatial.landmarks import landmark_axes, project, scale_for
from hartonomous_resources.compute.in_process import InProcessCompute
from hartonomous_resources.compute.protocol import ComputeUnavailable
from hartonomous_resources.compute.text_model import TextModelFiles
from hartonomous_resources.compute.worker import worker_compute
from hartonomous_resources.compute.worker.handshake import make_key
from hartonomous_resources.compute.worker.listening import key_path_of
from hartonomous_resources.compute.worker.worker_client import WorkerClient
from hartonomous_resources.compute.worker.worker_compute import WorkerCompute
from hartonomous_resources.compute.worker.worker_messages import (
    DotProduct,
    Embed,
    Health,
    HealthAnswer,
    Message,
    Models,
    ModelsAnswer,
    Project,
    TopK,
    WorkerModel,
)
from hartonomous_resources.resources import Resources
from hartonomous_resources.settings import Settings
from hartonomous_service.health import check_health
from hartonomous_service.ingest import ingest
from tests.running_worker import WorkerProcess

pytestmark = [pytest.mark.skipif(sys.platform == "win32", reason="NOT TESTED: Unix sockets"), pytest.mark.slow]

TEXTS = [f"Lighthouse {number} was lit at dusk{', and again' * (number % 50)}." for number in range(400)]
RESTART_SECONDS = 300.0
"""A worker that starts on a busy machine may take so long, and to be read what it is sent."""
KILLS = int(os.environ.get("HARTONOMOUS_TEST_WORKER_KILLS", "10"))
"""In the test that kills at random."""


@pytest.fixture
def chosen(tmp_path: Path, model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a home whose texts are embedded by the worker."""
    monkeypatch.setattr(worker_compute, "WAIT_SECONDS", RESTART_SECONDS)
    return Settings(home=tmp_path / "home", model_dir=model_dir, compute="worker")


@pytest.fixture
def worker(chosen: Settings, socket_folder: Path) -> Iterator[WorkerProcess]:
    with WorkerProcess(chosen, socket_folder) as running:
        yield running


@pytest.fixture
def here(chosen: Settings) -> Iterator[InProcessCompute]:
    compute = InProcessCompute(chosen)
    yield compute
    compute.close()


def requests(
    settings: Settings, text_model: TextModelFiles, here: InProcessCompute
) -> dict[str, tuple[Message, list[Any], Callable[[Message, list[Any]], bool]]]:
    """A request of each kind, and whether an answer is the right one."""
    rows = np.random.default_rng(3).normal(size=(2000, 384)).astype(np.float32)
    (settings.home / "matrix").write_bytes(rows.tobytes())
    [model] = here.models()
    windows = list(TextWindows(text_model.tokenizer_path, text_model.window_tokens).of(TEXTS[:50]))
    ids = np.concatenate([window.tokens for window in windows]).astype(np.int32)
    lengths = np.array([len(window.tokens) for window in windows], np.int32)
    vectors = here.embed_windows(model, ids, lengths).vectors
    axes, mean, scale = landmark_axes(384), np.zeros(3), scale_for(384)
    top = TopK(path="matrix", offset=0, rows=2000, dtype="float32", k=1)
    return {
        "DotProduct": (DotProduct(), [rows, rows], lambda _, a: np.allclose(a[0], (rows * rows).sum(axis=1), rtol=1e-5)),
        "Embed": (Embed(model=WorkerModel.of(model).id), [ids, lengths], lambda _, a: np.array_equal(a[0], vectors)),
        "Project": (
            Project(scale=scale),
            [rows, axes, mean],
            lambda _, a: np.array_equal(a[0], project(rows, axes, mean, scale)),
        ),
        "TopK": (top, [rows[:100]], lambda _, a: a[0][:, 0].tolist() == list(range(100))),
        "Health": (Health(), [], lambda header, _: isinstance(header, HealthAnswer)),
        "Models": (Models(), [], lambda header, _: isinstance(header, ModelsAnswer) and header.models[0].id != ""),
    }  # fmt: skip


def stop(worker: WorkerProcess) -> None:
    """Have a worker stand still. On a busy machine its threads go on for a while after the signal was sent."""
    os.kill(worker.process.pid, signal.SIGSTOP)
    _, status = os.waitpid(worker.process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)


def test_a_worker_killed_during_each_operation(
    worker: WorkerProcess, chosen: Settings, text_model: TextModelFiles, here: InProcessCompute
) -> None:
    client = WorkerClient(chosen.home, RESTART_SECONDS)
    asked = requests(chosen, text_model, here)
    with ThreadPoolExecutor(len(asked)) as pool:
        for header, arrays, _ in asked.values():
            client.ask(header, arrays)
        stop(worker)  # so that none is answered before it is killed
        answers = {kind: pool.submit(client.ask, header, arrays) for kind, (header, arrays, _) in asked.items()}
        time.sleep(0.3)
        assert not any(answer.done() for answer in answers.values())
        worker.kill()
        worker.start()
        right = {kind: asked[kind][2](*answer.result(RESTART_SECONDS)) for kind, answer in answers.items()}  # type: ignore[arg-type]
    client.close()

    assert right == dict.fromkeys(asked, True)


def test_kills_at_random_lose_no_answer_of_four_clients_and_falsify_none(
    worker: WorkerProcess, chosen: Settings, here: InProcessCompute
) -> None:
    [model] = here.models()
    expected = here.embed(model, TEXTS).vectors
    ended = threading.Event()
    random = np.random.default_rng(7)

    def embed(number: int) -> int:
        compute, drawn, answers = WorkerCompute(chosen), np.random.default_rng(number), 0
        while not ended.is_set():
            some = drawn.integers(0, len(TEXTS), int(drawn.integers(1, 100)))
            try:
                found = compute.embed(model, [TEXTS[at] for at in some]).vectors
            except ComputeUnavailable as error:  # on a busy machine none of ten lives until it has loaded the model
                assert "ended 10 times" in str(error)
                continue  # as a job that waits
            assert np.array_equal(found, expected[some])
            answers += 1
        compute.close()
        return answers

    with ThreadPoolExecutor(4) as pool:
        clients = [pool.submit(embed, number) for number in range(4)]
        for _ in range(KILLS):
            time.sleep(random.uniform(0.1, 2.5))  # the model is loaded after a second or so
            worker.kill()
            worker.start()
        time.sleep(1)
        ended.set()
        answers = [client.result(2 * RESTART_SECONDS) for client in clients]

    assert min(answers) > 0


@pytest.mark.parametrize("more", [{"compute": "worker", "compute_fallback": "in_process"}, {"compute": "auto"}])
def test_where_told_to_this_process_embeds_while_no_worker_does(
    worker: WorkerProcess, chosen: Settings, here: InProcessCompute, more: dict[str, str]
) -> None:
    [model] = here.models()
    expected = here.embed(model, TEXTS).vectors
    compute = WorkerCompute(chosen.model_copy(update=more))
    found = [compute.embed(model, TEXTS).vectors]
    devices = [compute.device()]
    worker.kill()
    found.append(compute.embed(model, TEXTS).vectors)
    devices.append(compute.device())
    compute.close()

    assert all(np.array_equal(each, expected) for each in found)
    assert devices == ["cpu of the worker", "worker, which does not answer, then cpu"]


def test_without_a_worker_it_is_unavailable_and_says_what_to_start(
    chosen: Settings, here: InProcessCompute, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_compute, "WAIT_SECONDS", 0.2)
    [model] = here.models()
    compute = WorkerCompute(chosen)
    for _ in range(2):
        with pytest.raises(ComputeUnavailable, match=r"no worker answers .*: start `hartonomous gpu-worker`"):
            compute.embed(model, TEXTS[:1])
        make_key(key_path_of(chosen.home))  # then one has been there
    compute.close()


def test_a_worker_of_other_models_is_none(worker: WorkerProcess, chosen: Settings) -> None:
    compute = WorkerCompute(chosen.model_copy(update={"text_precision": "fp32"}))
    [model] = compute.models()

    with pytest.raises(ComputeUnavailable, match="it has no model"):
        compute.embed(model, TEXTS[:1])


def test_a_worker_that_stands_still_is_given_up_on(worker: WorkerProcess, chosen: Settings) -> None:
    connected, fresh = WorkerClient(chosen.home, 0), WorkerClient(chosen.home, 0)
    connected.health()
    stop(worker)
    for client in (connected, fresh):
        with pytest.raises(ComputeUnavailable, match="nothing within"):
            client.health()
    os.kill(worker.process.pid, signal.SIGCONT)

    for client in (connected, fresh):
        assert client.health().pid == worker.process.pid
        client.close()


@pytest.mark.parametrize(
    ("more", "status", "detail"),
    [
        ({}, "degraded", "no worker answers: start `hartonomous gpu-worker`; meanwhile nothing is embedded"),
        ({"compute_fallback": "in_process"}, "degraded", "meanwhile each process embeds itself"),
        ({"compute": "auto"}, "healthy", "no worker answers: each process embeds itself"),
        ({"compute": "in_process"}, "healthy", "each process embeds itself"),
    ],
)
def test_health_says_what_embeds_without_a_worker(
    chosen: Settings, more: dict[str, str], status: str, detail: str
) -> None:
    found = compute_check(chosen.model_copy(update=more))

    assert found["status"] == status
    assert detail in found["detail"]


@pytest.mark.usefixtures("worker")
def test_health_says_that_the_worker_embeds_and_on_what(chosen: Settings) -> None:
    for compute in ("worker", "auto"):
        found = compute_check(chosen.model_copy(update={"compute": compute}))

        assert found["status"] == "healthy"
        assert found["detail"].startswith("a worker embeds (cpu), for ")


def compute_check(settings: Settings) -> dict[str, Any]:
    [found] = [check for check in check_health(settings)["checks"] if check["name"] == "compute"]
    return found


def test_jobs_wait_for_a_worker_and_none_is_lost(
    resources: Resources, tmp_path: Path, socket_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_compute, "WAIT_SECONDS", 0.2)
    monkeypatch.setenv("HARTONOMOUS_COMPUTE", "worker")
    settings = resources.settings.model_copy(update={"compute": "worker", "retry_delay_seconds": 0.1})
    waiting = dataclasses.replace(resources, settings=settings, compute=WorkerCompute(settings))
    file = tmp_path / "file.txt"
    file.write_text("Somebody waits for this sentence.")

    def count_embeddings() -> int:
        return int(waiting.database.connection().execute("SELECT COUNT(*) FROM AtomEmbedding").fetchone()[0])

    without, before = ingest(waiting, [file]), count_embeddings()
    with WorkerProcess(settings, socket_folder):
        with_one, after = ingest(waiting, [file]), count_embeddings()
    waiting.compute.close()

    assert "start `hartonomous gpu-worker`" in str(without["stages"])
    assert (with_one["stages"], before, after) == ({}, 0, 1)
