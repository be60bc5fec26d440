"""OpenLineage events: as the spec says, without content, to a real endpoint or a file, and never in the way of the work."""

import copy
import json
import logging
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from pydantic import SecretStr, ValidationError

from hartonomous_assets import openlineage_events
from hartonomous_assets.chain import STAGES
from hartonomous_assets.grid_start import GridStart
from hartonomous_assets.openlineage_events import OpenLineageRun, report_run
from hartonomous_resources import openlineage as sending
from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.settings import Settings
from hartonomous_service.dagster_home import run_chain
from tests.builders import HOUR, open_home
from tests.cli import Home
from tests.end_to_end.test_dagster import hour, instance, put
from tests.openlineage_spec import find_violations

pytestmark = pytest.mark.slow

__all__ = ["hour", "instance", "put"]

RUN_ID = "5b0f1d3c-6d0e-4a8e-9a0f-6d3f8a1c2b4d"
INPUTS = ["ingestion_queue", "projection_model", "provenance_queue"]
OUTPUTS = ["sources", "atoms", "atom_embeddings", "atom_projections", "provenance_graph"]
MARKER = "quetzalcoatlus"

Run = Callable[..., OpenLineageRun]


class Endpoint(ThreadingHTTPServer):
    """A lineage server that keeps what it gets and answers with `status`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.status = 201
        self.received: list[tuple[str, str | None, dict[str, Any]]] = []

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for _, _, event in self.received]


class _Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.path, self.headers["Authorization"], json.loads(body)))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the test's stderr."""


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """A real HTTP server on this machine."""
    with Endpoint() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs `work` as a run of the chain would, under the given settings."""

    def with_settings(
        work: Callable[[OpenLineageRun], object] = lambda lineage: None, **settings: Any
    ) -> OpenLineageRun:
        home = open_home(tmp_path, SqliteDatabase(tmp_path / "x.db"), **settings)
        with report_run(home, RUN_ID, [HOUR], STAGES) as lineage:
            work(lineage)
        return lineage

    return with_settings


def worked(lineage: OpenLineageRun) -> None:
    for _ in range(2):
        lineage.add("sources", {"received": 3, "dead-lettered": 1}, None)
        lineage.add("atoms", {"atoms": 50, "new atoms": 40, "new bytes": 700}, None)
        lineage.add("provenance_graph", {"received": 2, "nodes": 5, "edges": 6}, None)


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def runs(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for event in events if "run" in event]


def statistics(event: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Row counts and sizes of a run's outputs."""
    found = {output["name"]: output["outputFacets"]["outputStatistics"] for output in event["outputs"]}
    return {name: {key: n for key, n in own.items() if not key.startswith("_")} for name, own in found.items()}


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "OpenLineage" in record.getMessage()]


# ---- what is told


def test_a_schema_that_is_not_here_is_named() -> None:
    with pytest.raises(pytest.fail.Exception, match=r"add it as tests/openlineage/spec/9-0-0/"):
        find_violations({"schemaURL": "https://openlineage.io/spec/9-0-0/OpenLineage.json#/$defs/RunEvent"})


def test_a_run_is_told_with_its_datasets_their_columns_and_what_was_written(run: Run, tmp_path: Path) -> None:
    run(worked, openlineage_file=tmp_path / "events.jsonl", openlineage_namespace="archive")

    events = lines(tmp_path / "events.jsonl")
    datasets = [event["dataset"] for event in events if "dataset" in event]
    start, complete = runs(events)
    assert [dataset["name"] for dataset in datasets] == INPUTS + OUTPUTS
    assert [event["eventType"] for event in (start, complete)] == ["START", "COMPLETE"]
    for event in (start, complete):
        assert (event["job"]["namespace"], event["job"]["name"]) == ("archive", "chain")
        assert event["run"]["runId"] == RUN_ID
        assert event["producer"].startswith("urn:hartonomous:")
        assert [dataset["name"] for dataset in event["inputs"]] == INPUTS
        assert [dataset["name"] for dataset in event["outputs"]] == OUTPUTS
    nominal = complete["run"]["facets"]["nominalTime"]
    assert (nominal["nominalStartTime"], nominal["nominalEndTime"]) == ("2026-11-23T09:00:00Z", "2026-11-23T10:00:00Z")
    columns = {
        output["name"]: [field["name"] for field in output["facets"]["schema"]["fields"]]
        for output in complete["outputs"]
    }
    assert {"SourceId", "ContentHash", "Status"} <= set(columns["sources"])
    assert {"AtomId", "ContentHash", "Modality"} <= set(columns["atoms"])
    assert {"EmbeddingVector", "HilbertValue"} <= set(columns["atom_projections"])
    places = {output["name"]: output["facets"]["dataSource"]["uri"] for output in complete["outputs"]}
    assert places["atoms"] == (tmp_path / "hartonomous.db").as_uri()
    assert places["provenance_graph"] == places["atoms"]
    assert statistics(complete) == {
        "sources": {"rowCount": 6},
        "atoms": {"rowCount": 80, "size": 1400},
        "atom_embeddings": {"rowCount": 0},
        "atom_projections": {"rowCount": 0},
        "provenance_graph": {"rowCount": 22},
    }
    read = {d["name"]: d["inputFacets"]["inputStatistics"]["rowCount"] for d in complete["inputs"] if d["inputFacets"]}
    assert read == {"ingestion_queue": 6, "provenance_queue": 4}


@pytest.mark.parametrize(
    ("stores", "asset", "column", "kind"),
    [
        ({"neo4j_uri": "bolt://127.0.0.1:1"}, "provenance_graph", "atomHash", "string"),
        ({"sqlserver_server": "127.0.0.1,1"}, "sources", "ContentHash", "binary(32)"),
    ],
    ids=["neo4j", "sqlserver"],
)
def test_the_columns_are_those_of_the_active_stores_and_described(
    tmp_path: Path, stores: dict[str, object], asset: str, column: str, kind: str
) -> None:
    file = tmp_path / "events.jsonl"
    home = Home(tmp_path / "home", tmp_path / "models").with_settings(openlineage_file=file, **stores)
    program = (
        "from hartonomous_assets.chain import STAGES; from hartonomous_assets.openlineage_events import report_run;"
        "from hartonomous_resources.resources import open_resources;"
        f"lineage = report_run(open_resources(), '{RUN_ID}', ['{HOUR}'], STAGES); lineage.__enter__();"
        "lineage.__exit__(None, None, None)"
    )

    result = home.run("-c", program, program=(sys.executable,))

    assert result.code == 0, result.stderr
    _, complete = runs(lines(file))
    [fields] = [d["facets"]["schema"]["fields"] for d in complete["outputs"] if d["name"] == asset]
    assert [field["type"] for field in fields if field["name"] == column] == [kind]
    assert all(field["description"] for field in fields)


def test_a_subset_reads_what_the_stages_left_out_would_have_written(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    home = open_home(tmp_path, SqliteDatabase(tmp_path / "x.db"), openlineage_file=file)

    with report_run(home, RUN_ID, [HOUR, "2026-11-23-07:00"], [stage for stage in STAGES if stage.name == "atoms"]):
        pass

    _, complete = runs(lines(file))
    assert [dataset["name"] for dataset in complete["inputs"]] == ["sources"]
    assert list(statistics(complete)) == ["atoms"]
    nominal = complete["run"]["facets"]["nominalTime"]
    assert (nominal["nominalStartTime"], nominal["nominalEndTime"]) == ("2026-11-23T07:00:00Z", "2026-11-23T10:00:00Z")


def test_a_day_is_told_from_its_first_hour_to_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "events.jsonl"
    home = open_home(tmp_path, SqliteDatabase(tmp_path / "x.db"), openlineage_file=file)
    monkeypatch.setattr(openlineage_events, "GRID_START", GridStart(datetime(2026, 11, 23, tzinfo=UTC), "day"))

    with report_run(home, RUN_ID, ["2026-11-23-00:00"], STAGES):
        pass

    nominal = runs(lines(file))[1]["run"]["facets"]["nominalTime"]
    assert (nominal["nominalStartTime"], nominal["nominalEndTime"]) == ("2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z")


def test_a_run_in_which_a_stage_failed_is_told_as_failed_with_the_reason(run: Run, tmp_path: Path) -> None:
    def fail(lineage: OpenLineageRun) -> None:
        worked(lineage)
        lineage.add("provenance_graph", {}, "the graph is down")

    run(fail, openlineage_file=tmp_path / "events.jsonl")

    _, end = runs(lines(tmp_path / "events.jsonl"))
    assert end["eventType"] == "FAIL"
    assert end["run"]["facets"]["errorMessage"]["message"] == "provenance_graph: the graph is down"
    assert statistics(end)["atoms"]["rowCount"] == 80


@pytest.mark.parametrize(
    ("error", "state"),
    [(KeyboardInterrupt(), "ABORT"), (dg.DagsterExecutionInterruptedError(), "ABORT"), (ValueError(MARKER), "FAIL")],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_run_that_is_stopped_or_breaks_is_told_and_goes_on_breaking(
    run: Run, tmp_path: Path, error: BaseException, state: str
) -> None:
    def stop(lineage: OpenLineageRun) -> None:
        raise error

    with pytest.raises(type(error)):
        run(stop, openlineage_file=tmp_path / "events.jsonl")

    _, end = runs(lines(tmp_path / "events.jsonl"))
    assert end["eventType"] == state
    assert MARKER not in json.dumps(end)


def test_every_event_is_as_the_spec_says(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"

    def fail(lineage: OpenLineageRun) -> None:
        worked(lineage)
        lineage.add("atoms", {}, "ValueError in atoms.py, line 7")

    run(worked, openlineage_file=file)
    run(fail, openlineage_file=file)

    events = lines(file)
    assert len(events) == 2 * (len(INPUTS) + len(OUTPUTS) + 2)
    assert [violation for event in events for violation in find_violations(event)] == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda event: event["run"].update(runId="no uuid"),
        lambda event: event.update(eventType="DONE"),
        lambda event: event.pop("producer"),
        lambda event: event["outputs"][0].pop("name"),
        lambda event: event["outputs"][0]["facets"]["schema"]["fields"][0].pop("name"),
        lambda event: event["outputs"][0]["outputFacets"]["outputStatistics"].update(rowCount="many"),
        lambda event: event["run"]["facets"]["nominalTime"].update(nominalStartTime="nine o'clock"),
    ],
)
def test_the_spec_would_notice_what_is_wrong(
    run: Run, tmp_path: Path, spoil: Callable[[dict[str, Any]], object]
) -> None:
    run(worked, openlineage_file=tmp_path / "events.jsonl")
    _, complete = runs(lines(tmp_path / "events.jsonl"))
    spoilt = copy.deepcopy(complete)

    spoil(spoilt)

    assert find_violations(complete) == []
    assert find_violations(spoilt) != []


def test_no_password_of_a_store_is_told(tmp_path: Path) -> None:
    file, secret = tmp_path / "events.jsonl", "s3cret"
    home = open_home(
        tmp_path,
        SqliteDatabase(tmp_path / "x.db"),
        openlineage_file=file,
        sqlserver_dsn=SecretStr(f"SERVER=db;UID=sa;PWD={secret}"),
        neo4j_uri=f"bolt://neo4j:{secret}@graph:7687",
    )

    with report_run(home, RUN_ID, [HOUR], STAGES):
        pass

    assert secret not in file.read_text()
    assert "bolt://graph:7687" in file.read_text()


# ---- where it goes


@pytest.mark.parametrize(
    ("path", "expected"),
    [("", "/api/v1/lineage"), ("/", "/api/v1/lineage"), ("/a/b", "/a/b"), ("/a?key=1", "/a?key=1")],
)
def test_an_endpoint_gets_the_events_in_order_at_its_path(
    run: Run, endpoint: Endpoint, path: str, expected: str
) -> None:
    run(worked, openlineage_url=endpoint.url + path, openlineage_api_key=SecretStr("the key"))

    assert {place for place, _, _ in endpoint.received} == {expected}
    assert {authorization for _, authorization, _ in endpoint.received} == {"Bearer the key"}
    assert [event["eventType"] for event in runs(endpoint.events)] == ["START", "COMPLETE"]
    assert endpoint.events[-1]["eventType"] == "COMPLETE"
    assert [violation for event in endpoint.events for violation in find_violations(event)] == []


def test_an_endpoint_and_a_file_get_the_same(run: Run, endpoint: Endpoint, tmp_path: Path) -> None:
    run(worked, openlineage_url=endpoint.url, openlineage_file=tmp_path / "events.jsonl")

    assert lines(tmp_path / "events.jsonl") == endpoint.events
    assert len(endpoint.events) == len(INPUTS) + len(OUTPUTS) + 2


def test_it_is_off_by_default_and_the_client_is_not_even_imported(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "openlineage.client", None)  # an import of it would raise
    monkeypatch.setitem(sys.modules, "openlineage.client.client", None)

    lineage = run(worked)

    assert lineage.counts["atoms"]["new atoms"] == 80
    assert told(caplog) == []


@pytest.mark.parametrize("url", ["localhost:5000", "ftp://host", "https://"])
def test_an_address_that_is_none_is_a_wrong_setting(url: str) -> None:
    with pytest.raises(ValidationError, match="openlineage_url"):
        Settings(openlineage_url=url)


# ---- what is in the way


def test_without_the_extra_the_run_goes_on_and_the_log_says_what_to_install(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "openlineage.client.client", None)

    run(worked, openlineage_file=tmp_path / "events.jsonl")

    assert told(caplog) == ["OpenLineage events need the extra `openlineage`: pip install 'hartonomous[openlineage]'"]
    assert not (tmp_path / "events.jsonl").exists()


def test_an_endpoint_that_refuses_is_asked_twice_a_run_and_never_fails_it(
    run: Run, endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint.status = 503

    run(worked, openlineage_url=endpoint.url)

    assert len(endpoint.events) == 2  # the first event, and the last
    assert endpoint.events[-1]["eventType"] == "COMPLETE"
    assert len(told(caplog)) == 2
    assert all(endpoint.url in line and "503" in line for line in told(caplog))
    assert {record.levelno for record in caplog.records} == {logging.WARNING}


def test_an_endpoint_that_comes_back_gets_the_end_of_the_run(
    run: Run, endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint.status = 500

    def mend(lineage: OpenLineageRun) -> None:
        while not told(caplog):
            time.sleep(0.01)
        endpoint.status = 200

    run(mend, openlineage_url=endpoint.url)

    assert [event["eventType"] for event in runs(endpoint.events)] == ["COMPLETE"]


def test_nobody_listening_costs_no_time_and_no_run(run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    started = time.monotonic()

    run(worked, openlineage_url=f"http://user:pass-word@127.0.0.1:{port}", openlineage_file=tmp_path / "events.jsonl")

    assert time.monotonic() - started < 2
    assert f"http://127.0.0.1:{port} did not take an event" in told(caplog)[0]
    assert "pass-word" not in "".join(told(caplog))
    assert len(runs(lines(tmp_path / "events.jsonl"))) == 2  # one target keeps nothing from the other


def test_an_endpoint_that_never_answers_holds_up_only_the_end_and_not_for_long(
    run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sending, "TIMEOUT_SECONDS", 0.5)
    delays = []
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        run(
            lambda lineage: delays.append(time.monotonic() - started),
            openlineage_url=f"http://127.0.0.1:{silent.getsockname()[1]}",
        )

    assert delays[0] < 1.5  # the client is imported; nobody waits for the endpoint
    assert time.monotonic() - started < delays[0] + 2 * 0.5 + 0.5
    assert len(told(caplog)) == 2


def test_an_endpoint_slower_than_every_limit_is_given_up(
    run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sending, "TIMEOUT_SECONDS", 30.0)
    monkeypatch.setattr(sending, "CLOSE_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        started = time.monotonic()
        run(openlineage_url=url)
        assert time.monotonic() - started < 3
        assert told(caplog) == [f"OpenLineage events are given up: {url} took too long"]


def test_a_file_that_cannot_be_written_is_a_warning(run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run(worked, openlineage_file=tmp_path / "no folder" / "events.jsonl")

    # Another test's sender may still be giving up in the background.
    assert any("no folder" in line for line in told(caplog))


# ---- the chain


def test_a_run_of_the_chain_is_told_without_content_and_without_names_of_files(
    instance: dg.DagsterInstance,
    settings: Settings,
    hour: str,
    put: Callable[..., Path],
    endpoint: Endpoint,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HARTONOMOUS_OPENLINEAGE_URL", endpoint.url)
    paragraphs = (f"The {MARKER} had a wing span. " * 16, f"The {MARKER} ate small animals. " * 16)
    put(f"{MARKER}.txt", "\n\n".join(paragraphs))

    monkeypatch.setenv("HARTONOMOUS_NEO4J_URI", "bolt://127.0.0.1:1")
    monkeypatch.setenv("HARTONOMOUS_NEO4J_CONNECTION_SECONDS", "0.1")
    failed = run_chain(settings, instance, hour)
    monkeypatch.delenv("HARTONOMOUS_NEO4J_URI")
    done = run_chain(settings, instance, hour)

    first, second = (event for event in runs(endpoint.events) if event["eventType"] != "START")
    assert (first["eventType"], first["run"]["runId"]) == ("FAIL", failed.run_id)
    assert (second["eventType"], second["run"]["runId"]) == ("COMPLETE", done.run_id)
    assert "127.0.0.1:1" in first["run"]["facets"]["errorMessage"]["message"]
    assert [statistics(first)[name]["rowCount"] for name in OUTPUTS] == [1, 2, 2, 2, 0]
    assert [statistics(second)[name]["rowCount"] for name in OUTPUTS[:4]] == [0, 0, 0, 0]
    assert statistics(second)["provenance_graph"]["rowCount"] == 0, "views"
    [queue] = [dataset for dataset in second["inputs"] if dataset["name"] == "provenance_queue"]
    assert queue["inputFacets"]["inputStatistics"]["rowCount"] > 0
    assert MARKER not in json.dumps(endpoint.events)
    assert [violation for event in endpoint.events for violation in find_violations(event)] == []
