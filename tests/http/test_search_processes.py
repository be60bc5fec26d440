"""Processes that search for the server: their answers are its own, and no search is lost with one of them."""

import os
import signal
import sys
import threading
import time

import httpx
import psutil
import pytest
from starlette.testclient import TestClient

from benchmarks.upload import serving
from hartonomous_assets import embeddings
from hartonomous_core.embedders.cores import usable_cores
from hartonomous_resources.settings import Settings
from hartonomous_service.http import search_processes, search_worker
from hartonomous_service.http.app import create_app
from hartonomous_service.http.search_processes import SearchProcesses
from tests.http.home import fill
from tests.http.test_health_and_metrics import samples_of
from tests.http.test_problems import problem_of
from tests.stages import run_stages_of

ASKED = [
    {"q": "tide"},
    {"q": "what pulls the water", "mode": "semantic", "k": 3, "highlight": True},
    {"q": '"the sea" \u00e9\u2028', "mode": "lexical", "group": "source", "context": 2, "metadata": "a=b"},
    {"q": "moon", "uri": "mail:1", "modality": "text", "since": "2020-01-01"},
]
WRONG = [{"q": "..."}, {"q": "sea", "contentType": "text"}, {"q": "sea", "since": "yesterday"}, {"q": "sea", "k": 0}]


def client_of(settings, processes=None):
    """A client of a server in this process."""
    app = create_app(settings, without_keys=True, search_processes=processes)
    return TestClient(app, base_url="http://localhost", raise_server_exceptions=False)


@pytest.fixture(scope="module")
def home_settings(tmp_path_factory, model_dir):
    """Settings of a home, which processes that are started find in the environment."""
    with pytest.MonkeyPatch.context() as variables:
        variables.setenv("HARTONOMOUS_HOME", str(tmp_path_factory.mktemp("searched") / "home"))
        variables.setenv("HARTONOMOUS_MODEL_DIR", str(model_dir))
        yield Settings(linger_seconds=0)


@pytest.fixture(scope="module")
def alone(home_settings):
    """A client of a server that searches itself."""
    with client_of(home_settings) as client:
        fill(client.app.state.resources)
        run_stages_of(client.app.state.resources, embeddings.STAGE)
        yield client


@pytest.fixture(scope="module")
def helped(home_settings, alone):
    """A client of a server with processes that search."""
    processes = SearchProcesses(2)
    with client_of(home_settings, processes) as client:
        yield client
    processes.close()


def children(process=None):
    """Processes that search, of this process or another one."""
    found = psutil.Process(process).children(recursive=True)
    return [each for each in found if "hartonomous_service.http.search_worker" in each.cmdline()]


@pytest.mark.parametrize("asked", ASKED)
def test_the_answer_is_the_same_byte_for_byte(alone, helped, asked):
    ours, theirs = alone.get("/search", params=asked), helped.get("/search", params=asked)
    assert ours.status_code == theirs.status_code == 200
    assert ours.content == theirs.content
    assert ours.headers["content-type"] == theirs.headers["content-type"] == "application/json"
    assert ours.json()["results"] or "metadata" in asked


@pytest.mark.parametrize("asked", WRONG)
def test_errors_are_the_same(alone, helped, asked):
    ours, theirs = (problem_of(client.get("/search", params=asked), 422) for client in (alone, helped))
    assert {**ours, "requestId": ""} == {**theirs, "requestId": ""}


def test_searches_are_counted_where_the_metrics_are(helped):
    before = samples_of(helped).get(("hartonomous_search_seconds_count", "lexical"), 0)
    for _ in range(5):
        helped.get("/search", params={"q": "tide", "mode": "lexical"})
    assert samples_of(helped)["hartonomous_search_seconds_count", "lexical"] == before + 5


@pytest.mark.parametrize("at_work", [False, True])
def test_where_a_process_ends_another_one_answers(alone, helped, at_work):
    expected = alone.get("/search", params={"q": "tide"}).json()
    victims = children()
    assert len(victims) == 2
    if at_work:
        for each in victims:
            each.suspend()
    else:
        for each in victims:
            each.kill()
    answers = []

    def ask():
        answers.append(helped.get("/search", params={"q": "tide"}))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    if at_work:
        time.sleep(0.5)  # two have been asked, and two searches wait
        assert answers == []
        for each in victims:
            each.kill()
    for thread in threads:
        thread.join()
    assert [(each.status_code, each.json()) for each in answers] == [(200, expected)] * 4
    assert {each.pid for each in children()}.isdisjoint(each.pid for each in victims)


def test_processes_that_cannot_start_are_an_outage(home_settings):
    processes = SearchProcesses(2, [sys.executable, "-c", "raise SystemExit(3)"])
    with client_of(home_settings, processes) as client:
        assert problem_of(client.get("/search", params={"q": "tide"}), 503)["detail"].startswith("a process that")
        assert client.get("/sources").status_code == 200
    processes.close()


@pytest.mark.parametrize(
    ("raised", "status"),
    [("Unavailable('no model', remedy='search_by_words')", 503), ("RuntimeError('pass' 'word')", 500)],
)
def test_errors_of_a_process_are_answered_as_those_of_the_server(home_settings, raised, status, caplog):
    code = (
        f"from {search_worker.__name__} import *; import {search_worker.__name__} as worker\n"
        "from hartonomous_service.errors import Unavailable\n"
        f"def search(*_, **__): raise {raised}\n"
        "worker.search = search; worker.main()"
    )
    processes = SearchProcesses(1, [sys.executable, "-c", code])
    with client_of(home_settings, processes) as client:
        found = problem_of(client.get("/search", params={"q": "tide"}), status)
    processes.close()
    assert "password" not in found["detail"]
    assert "mode=lexical works without" in found["detail"] or status == 500


def test_what_a_library_prints_is_no_answer(home_settings, alone):
    code = (
        f"import {search_worker.__name__} as worker\nsearch = worker.search\n"
        "def loud(*args, **kwargs):\n    print('loaded', flush=True)\n    return search(*args, **kwargs)\n"
        "worker.search = loud; worker.main()"
    )
    processes = SearchProcesses(1, [sys.executable, "-c", code])
    with client_of(home_settings, processes) as client:
        assert client.get("/search", params={"q": "tide"}).json() == alone.get("/search", params={"q": "tide"}).json()
    processes.close()


def test_each_process_embeds_with_its_share_of_the_cores(home_settings):
    cores = usable_cores()
    for count, share in ((0, 1), (cores, 1), (cores + 1, 1), (1, cores)):
        settings = home_settings.model_copy(update={"http_search_processes": count})
        assert search_worker.share_of_cores(settings) == share


@pytest.mark.parametrize("count", [1, 3])
def test_a_server_that_is_stopped_with_all_its_processes_answers_what_it_accepted(home_settings, alone, count):
    """As systemd stops a unit: each of its processes gets the signal."""
    with serving(home_settings.home, {"HARTONOMOUS_HTTP_SEARCH_PROCESSES": str(count)}) as server:
        searchers = children(server.process.pid)
        assert len(searchers) == (count if count > 1 else 0)
        answers, begun = [], threading.Barrier(9)

        def ask():
            with httpx.Client() as client:
                client.get(f"{server.url}/health/live")
                begun.wait()
                answers.append(client.get(f"{server.url}/search?q=tide", timeout=60).status_code)

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        begun.wait()
        time.sleep(0.3)  # accepted: the processes may still load what they need
        for each in [*searchers, psutil.Process(server.process.pid)]:
            each.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join()
        assert answers == [200] * 8
        assert server.process.wait(30) == 0
        assert not any(each.is_running() for each in searchers)


@pytest.mark.skipif(os.name == "nt", reason="kill -9")
def test_of_a_server_that_is_killed_no_process_is_left(home_settings, alone):
    with serving(home_settings.home, {"HARTONOMOUS_HTTP_SEARCH_PROCESSES": "2"}) as server:
        searchers = children(server.process.pid)
        assert len(searchers) == 2
        server.process.kill()
        _, alive = psutil.wait_procs(searchers, timeout=20)
        assert alive == []


def test_processes_that_do_not_end_by_themselves_are_waited_for_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_processes, "_STOP_SECONDS", 1.0)
    processes = SearchProcesses(5, (sys.executable, "-c", "import time; time.sleep(60)"))
    started = time.monotonic()

    processes.close()

    assert time.monotonic() - started < 4
