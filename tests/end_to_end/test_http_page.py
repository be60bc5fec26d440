"""The calls of docs/http.md run as they are written, against `hartonomous serve` on a small home; answers have the shape that stands there."""

import json
import re
import subprocess
import time
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from hartonomous_assets import embeddings
from hartonomous_resources.resources import open_resources
from hartonomous_service.background_jobs import create_job, update_job_status
from hartonomous_service.http.app import create_app
from tests.builders import request
from tests.cli import DEADLINE_SECONDS
from tests.http.home import fill
from tests.stages import ingest, run_stages_of
from tests.unit.test_docs import DOCS, blocks

PAGE = (DOCS / "http.md").read_text("utf-8")
SENTENCE = "The moon makes the sea rise."
_CALL = re.compile(r"^```sh\n(.*?)^```$(?:\n```(json|text)\n(.*?)^```$)?", re.DOTALL | re.MULTILINE)


@pytest.fixture
def server(settings, text_model, home, tmp_path):
    """The address of a server in a process of its own."""
    with closing(open_resources(settings)) as resources:
        fill(resources, SENTENCE)
        ingest(resources, request(uri="ftp://nowhere/another"))
        run_stages_of(resources, embeddings.STAGE)
        update_job_status(resources, create_job(resources, "SendReport", "{}", 0), "Failed")
    log = tmp_path / "serve.log"
    with log.open("wb") as stderr:
        process = home.start("serve", "--without-keys", "--port", "0", stderr=stderr)
    try:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not (found := re.search(r"serving (http://127\.0\.0\.1:\d+)", log.read_text())):
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        with httpx.Client(transport=httpx.HTTPTransport(retries=10)) as client:  # it is said before it is listened on
            client.get(f"{found[1]}/health/live", timeout=DEADLINE_SECONDS)
        yield found[1]
    finally:
        process.terminate()
        process.communicate(timeout=DEADLINE_SECONDS)


def test_every_call_of_the_page_runs_as_it_is_written(server, tmp_path):
    calls = _CALL.findall(PAGE)
    script = "\n".join(f"{{\n{call}\n}} > {n}.out" for n, (call, _, _) in enumerate(calls))
    script = f"set -eu\n{script}".replace("http://127.0.0.1:8350", server)
    subprocess.run(["bash", "-c", script], cwd=tmp_path, check=True, timeout=120)

    for n, (call, kind, answer) in enumerate(calls):
        found = (tmp_path / f"{n}.out").read_text()
        if kind == "json":
            assert differences(json.loads(answer), json.loads(found)) == [], f"{call}{found}"
        elif kind == "text":
            assert found.strip() == answer.strip(), call


def test_the_python_of_the_page_runs(server, capsys):
    [text] = blocks(PAGE, "python")
    exec(compile(text, "example", "exec"), {"SERVER": server})  # noqa: S102
    first, count, content, error = capsys.readouterr().out.splitlines()
    assert first == "['mail:0', 'mail:1', 'mail:2']" and int(count) == 3
    assert content == repr(SENTENCE.encode()) and error.startswith("404 atom 0000")


def test_the_python_of_the_page_of_uploads_runs(server, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("big.bin").write_bytes(bytes(1000))
    [text] = blocks((DOCS / "uploads.md").read_text("utf-8"), "python")
    exec(compile(text, "example", "exec"), {"SERVER": server})  # noqa: S102
    assert capsys.readouterr().out.splitlines()[-1] == "1,000 of 1,000"


def test_the_page_has_a_call_for_every_path(settings):
    asked = set(re.findall(r'"\$SERVER(/[^?" ]*)', PAGE.replace("$HASH", "{}").replace("$JOB", "{}")))
    asked = {re.sub(r"/(\d+|tides/2)(?=/|$)", "/{}", path) for path in asked}
    for path in create_app(settings, without_keys=True).openapi()["paths"]:
        if not path.startswith("/uploads"):  # a page of their own
            assert re.sub(r"\{.*?\}", "{}", path) in asked


def differences(written, found, at=""):
    """Where what is written has a key that was not found, or a value of another kind; null is written for what may be null."""
    if isinstance(written, dict) and isinstance(found, dict):
        lacking = [f"{at}.{key} is not there" for key in written.keys() - found.keys()]
        return lacking + [
            each
            for key in written.keys() & found.keys()
            for each in differences(written[key], found[key], f"{at}.{key}")
        ]
    if isinstance(written, list) and isinstance(found, list):
        if written and not found:
            return [f"{at} is empty"]
        return differences(written[0], found[0], f"{at}[0]") if written else []
    numbers = (int, float)
    same = (isinstance(written, numbers) and isinstance(found, numbers)) or type(written) is type(found)
    return [] if same or written is None else [f"{at} is {found!r}, not like {written!r}"]


def test_a_shape_that_differs_is_noticed():
    written = {"a": [{"b": 1}], "c": "x", "d": None}
    assert differences(written, {"a": [{"b": 2.5, "e": 1}], "c": "y", "d": 3}) == []
    assert sorted(differences(written, {"a": [], "c": 5})) == [
        ".a is empty",
        ".c is 5, not like 'x'",
        ".d is not there",
    ]
