"""What is sent to OpenTelemetry, by a server and by runs, as a receiver of OTLP has it; and that nothing is without its variables."""

import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks.upload import serving
from tests.cli import Home

SECRET = "Quokkaquillwort"  # noqa: S105
KINDS = {"/v1/traces": ExportTraceServiceRequest, "/v1/metrics": ExportMetricsServiceRequest}


class Receiver(ThreadingHTTPServer):
    """A collector: keeps what it is sent, decoded, by path."""

    def __init__(self):
        self.got = {path: [] for path in KINDS}
        self.headers = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got[self.path].append(KINDS[self.path].FromString(body))
                receiver.headers.append(dict(self.headers))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def variables(self):
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.server_port}",
            "OTEL_EXPORTER_OTLP_HEADERS": "x-team=sea",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
        }

    def spans(self):
        """Each span with its attributes and those of its resource."""
        return [
            (span, as_dict(span.attributes), as_dict(of_resource.resource.attributes))
            for request in self.got["/v1/traces"]
            for of_resource in request.resource_spans
            for of_scope in of_resource.scope_spans
            for span in of_scope.spans
        ]


def as_dict(attributes):
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture(autouse=True)
def unset(monkeypatch):
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"):
        monkeypatch.delenv(name, raising=False)


def test_a_server_sends_a_span_and_a_measurement_of_each_request(tmp_path, model_dir, receiver):
    variables = {"HARTONOMOUS_MODEL_DIR": str(model_dir), "OTEL_SERVICE_NAME": "the-sea", **receiver.variables}
    trace = "0af7651916cd43dd8448eb211c80319c"
    with serving(tmp_path / "home", variables) as server:
        url = server.url
        sent = httpx.post(f"{url}/sources", params={"sourceUri": f"file:///{SECRET}"}, content=f"{SECRET} sleeps.")
        assert sent.status_code == 201
        httpx.get(
            f"{url}/search", params={"q": SECRET, "mode": "lexical"}, headers={"Authorization": f"Bearer {SECRET}"}
        )
        asked = httpx.get(f"{url}/sources/999", headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"})
        httpx.get(f"{url}/{SECRET}")
        httpx.request("PROPFIND", f"{url}/health/live")

    spans = {span.name: (span, said, of) for span, said, of in receiver.spans()}
    assert spans.keys() == {
        "POST /sources",
        "GET /search",
        "search",
        "GET /sources/{source_id}",
        "GET",
        "GET /health/live",
        "_OTHER /health/live",
    }
    of_request, (search, _, of_search) = spans["GET /search"][0], spans["search"]
    assert (search.trace_id, search.parent_span_id) == (of_request.trace_id, of_request.span_id)
    assert of_request.start_time_unix_nano <= search.start_time_unix_nano < search.end_time_unix_nano
    assert of_search["service.name"] == "the-sea", "by whichever process it was done"
    span, said, of = spans["GET /sources/{source_id}"]
    assert said == {
        "http.request.method": "GET",
        "http.route": "/sources/{source_id}",
        "http.response.status_code": 404,
        "hartonomous.request_id": asked.headers["X-Request-Id"],
    }
    assert (span.trace_id.hex(), span.parent_span_id.hex(), span.kind) == (trace, "b7ad6b7169203331", 2)
    assert 0 < span.end_time_unix_nano - span.start_time_unix_nano < 60e9
    assert of["service.name"] == "the-sea"
    assert receiver.headers[0]["x-team"] == "sea"
    measured = Counter()
    for metric in receiver.got["/v1/metrics"][-1].resource_metrics[0].scope_metrics[0].metrics:
        assert metric.name == "http.server.request.duration"
        for point in metric.histogram.data_points:
            measured[as_dict(point.attributes).get("http.route")] += point.count
    assert measured == {"/sources": 1, "/search": 1, "/sources/{source_id}": 1, None: 1, "/health/live": 2}
    assert SECRET.lower() not in str(receiver.got).lower()


def test_a_run_is_a_trace_of_what_its_stages_did(home, tmp_path, receiver):
    (tmp_path / f"{SECRET}.txt").write_text(f"The {SECRET} sleeps upright.")
    traced = Home(home.path, home.model_dir, home.settings, receiver.variables)

    traced.json("ingest", tmp_path / f"{SECRET}.txt")

    spans = [(span, said) for span, said, of in receiver.spans() if of["service.name"] == "hartonomous"]
    [(run, of_run)] = [(span, said) for span, said in spans if span.name == "run"]
    steps = [(span.name, said) for span, said in spans if span.parent_span_id == run.span_id]
    assert {name for name, _ in steps} >= {
        "stage sources",
        "stage atoms",
        "stage atom_embeddings",
        "stage atom_projections",
    }
    assert {said["hartonomous.stage"] for _, said in steps} == {name.removeprefix("stage ") for name, _ in steps}
    for _, said in steps:
        assert any(name.startswith("hartonomous.count.") and count > 0 for name, count in said.items()), said
    assert of_run.keys() == {"hartonomous.hour", "hartonomous.run_id"}
    assert SECRET.lower() not in str(receiver.got).lower()


@pytest.mark.parametrize(
    "variables",
    [{}, {"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"}],
    ids=["unset", "disabled", "none"],
)
def test_without_its_variables_nothing_is_imported_or_sent(tmp_path, receiver, variables):
    code = (
        "from hartonomous_service.http.app import create_app; from hartonomous_resources.settings import Settings; import sys\n"
        "create_app(Settings(), without_keys=True)\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry.sdk') or name.startswith('opentelemetry.exporter')])"
    )
    settings = {**receiver.variables, **variables} if variables else {}

    done = Home(tmp_path / "home", tmp_path, variables=settings).run(program=(sys.executable, "-c", code))

    assert done.stdout.split() == [b"[]"] and done.stderr == ""
    assert receiver.headers == []


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({}, "asks for it, and it is not installed: pip install 'hartonomous[otel]', or unset the variable"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "OTEL_EXPORTER_OTLP_PROTOCOL may be http/protobuf"),
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "may be otlp or none, not zipkin"),
    ],
    ids=["missing", "grpc", "zipkin"],
)
def test_what_cannot_be_had_is_said_in_one_sentence_and_the_rest_works(tmp_path, receiver, variables, words):
    code = (
        "import sys; sys.modules['opentelemetry.sdk'] = None\n"  # as where the extra is not installed
        "from hartonomous_service.http.app import create_app; from hartonomous_resources.settings import Settings\n"
        "create_app(Settings(), without_keys=True); create_app(Settings(), without_keys=True); print('works')"
    )
    settings = {**receiver.variables, **variables}

    done = Home(tmp_path / "home", tmp_path, variables=settings).run(program=(sys.executable, "-c", code))

    assert done.stdout.split() == [b"works"]
    [line] = done.stderr.splitlines()
    assert line.count("nothing is sent to OpenTelemetry: ") == 1 and words in line


def test_a_receiver_that_is_down_holds_nothing_up(tmp_path, model_dir):
    variables = {"HARTONOMOUS_MODEL_DIR": str(model_dir), "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    with serving(tmp_path / "home", variables) as server:
        assert httpx.get(f"{server.url}/health/ready", timeout=5).status_code == 200
        server.process.terminate()
        asked_at = time.monotonic()
        assert server.process.wait(30) is not None
        assert (
            time.monotonic() - asked_at < 20
        )  # its processes that search 5 s, then the server 5 s; the SDK alone would take 20 s and more
