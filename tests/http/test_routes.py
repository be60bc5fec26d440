"""What each route answers, and that OpenAPI says so: real answers against the models."""

import io
import json
import re
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Semaphore

import pytest
from anyio.to_thread import current_default_thread_limiter
from PIL import Image

from hartonomous_assets import atoms, embeddings
from hartonomous_assets import sources as landing
from hartonomous_core.messages import INGESTION_QUEUE
from hartonomous_resources.parsing.pictures import read_pixels
from hartonomous_service.background_jobs import update_job_status
from hartonomous_service.http import documents, lineage_documents, model_documents, source_documents
from hartonomous_service.http.list_pages import write_cursor
from hartonomous_service.http.media_types import choose_media_type
from hartonomous_service.search.look_alikes import MOST_BYTES
from tests.builders import enqueue, request
from tests.http.home import HASH, INFERENCE, SENTENCE
from tests.http.test_problems import problem_of
from tests.stages import run_stages_of
from tests.unit.drawn_scenes import packed, scene

ASKED = [
    ("/sources", source_documents.SourcePage),
    ("/sources/1", source_documents.Source),
    ("/sources/1/atoms", source_documents.AtomPage),
    (f"/atoms/{HASH}", documents.Atom),
    (f"/atoms/{HASH}/places", documents.PlacePage),
    (f"/atoms/{HASH}/lineage", lineage_documents.Lineage),
    ("/search?q=tide&mode=lexical&context=1", documents.Found),
    ("/search?mode=spatial&at=0,0,-0.5&box=-1,-1,-1,1,1,1&radius=2", documents.Found),
    ("/lineage?name=1", lineage_documents.Lineage),
    ("/impact?name=1", lineage_documents.Impact),
    ("/inferences", documents.InferencePage),
    (f"/inferences/{INFERENCE}", documents.Inference),
    ("/jobs", documents.JobPage),
    ("/jobs?status=Pending", documents.JobPage),
    ("/dead-letters", documents.DeadLetterPage),
    ("/dead-letters/1", documents.DeadLetter),
    ("/stats", documents.Stats),
    ("/models", model_documents.EmbeddingModels),
    ("/health", documents.Health),
]


def test_each_answer_is_what_openapi_says(filled):
    for path, model in ASKED:
        answer = filled.get(path)
        assert answer.status_code == 200 or path == "/health", (path, answer.text)
        model.model_validate_json(answer.content, strict=True)


def test_a_search_where_nothing_is_embedded_says_so(client):
    found = documents.Found.model_validate_json(client.get("/search?q=tide").content, strict=True)
    assert found.note is not None and found.note.startswith("nothing is embedded yet")


def test_a_picture_is_found_by_its_like_and_shown_small(client):
    picture = packed(scene(1, 320, 240), "PNG")
    nothing = documents.Found.model_validate_json(client.post("/search/like", content=picture).content, strict=True)
    assert nothing.note is not None and "no picture is embedded" in nothing.note
    home = client.app.state.resources
    enqueue(home.database, INGESTION_QUEUE, [request(rawData=picture, sourceUri="desk:photo.png")])
    run_stages_of(home, landing.STAGE, atoms.STAGE, embeddings.STAGE)
    answer = client.post("/search/like?k=3&group=source&contentType=image/png", content=packed(scene(1, 320, 240)))
    [hit] = documents.Found.model_validate_json(answer.content, strict=True).results
    assert (hit.modality, hit.sources[0].sourceUri) == ("image", "desk:photo.png")
    shown = client.get(f"/sources/{hit.sources[0].sourceId}/thumbnail")
    assert shown.headers["content-type"] == "image/jpeg" and shown.headers["x-content-type-options"] == "nosniff"
    assert Image.open(io.BytesIO(shown.content)).size == (256, 192)


@pytest.mark.parametrize(
    ("path", "body", "status", "says"),
    [
        ("/search/like", b"", 422, "body"),
        ("/search/like", b"plain text", 422, "no picture can be read"),
        ("/search/like", bytes(MOST_BYTES + 1), 413, "33,554,432"),
        ("/search/like?contentType=nonsense", b"x", 422, "contentType"),
        ("/search/like?k=0", b"x", 422, "k"),
    ],
)
def test_what_cannot_be_compared_is_refused(client, path, body, status, says):
    answer = client.post(path, content=body)
    assert answer.status_code == status and says in answer.text, answer.text


def test_pictures_that_wait_to_be_compared_hold_up_nobody_else(client, monkeypatch):
    begun, go_on = Semaphore(0), Event()

    def slow(parsers, picture):
        begun.release()
        assert go_on.wait(30)
        return read_pixels(parsers, picture)

    monkeypatch.setattr("hartonomous_service.search.look_alikes.read_pixels", slow)
    picture = packed(scene(1, 40, 30))
    many = 2 + client.portal.call(current_default_thread_limiter).total_tokens
    with ThreadPoolExecutor(many + 1) as pool:
        answers = [pool.submit(client.post, "/search/like", content=picture) for _ in range(many)]
        try:
            assert begun.acquire(timeout=30) and begun.acquire(timeout=30)
            assert pool.submit(client.get, "/sources").result(30).status_code == 200
            assert not begun.acquire(timeout=0.2), "a third picture is compared"
        finally:
            go_on.set()
        assert {answer.result(30).status_code for answer in answers} == {200}


def test_every_call_is_described(client):
    described = client.get("/openapi.json").json()
    for path, calls in described["paths"].items():
        for method, call in calls.items():
            answers = [each for status, each in call["responses"].items() if status.startswith("2")]
            assert answers, f"{method} {path} never succeeds"
            for kind in (kind for answer in answers for kind in answer.get("content", {}).values()):
                assert kind["schema"] or method == "head", f"{method} {path} answers what nobody describes"


def test_an_atom_and_its_places(filled):
    found = filled.get(f"/atoms/{HASH.upper()}").json()
    assert (found["text"], found["placeCount"], found["sourceCount"]) == (SENTENCE, 3, 3)
    first = filled.get(f"/atoms/{HASH}/places?limit=2").json()
    second = filled.get(f"/atoms/{HASH}/places", params={"limit": 2, "cursor": first["next"]}).json()
    assert [place["sourceUri"] for page in (first, second) for place in page["places"]] == [
        "mail:0",
        "mail:1",
        "mail:2",
    ]
    assert second["next"] is None
    problem_of(filled.get(f"/atoms/{'0' * 64}"), 404)
    problem_of(filled.get("/atoms/5"), 422)


@pytest.mark.parametrize(
    ("how", "kind", "begins"),
    [
        ("json", "application/json", '{"tenant":0'),
        ("mermaid", "text/vnd.mermaid", "flowchart RL"),
        ("dot", "text/vnd.graphviz", "digraph lineage {"),
        ("prov-json", "application/provenance+json", "{"),
        ("svg", "image/svg+xml", "<svg"),
    ],
)
def test_lineage_comes_in_the_format_that_is_asked_for(filled, how, kind, begins):
    by_name = filled.get("/lineage", params={"name": HASH, "format": how})
    by_accept = filled.get(f"/atoms/{HASH}/lineage", headers={"Accept": kind})
    assert by_name.content == by_accept.content
    assert by_name.headers["content-type"].partition(";")[0] == kind and by_name.text.startswith(begins)
    assert by_name.headers["vary"] == "Accept" and "default-src 'none'" in by_name.headers["content-security-policy"]


def test_lineage_is_narrowed_and_goes_by_pages(filled):
    ids = {node["id"] for node in filled.get(f"/lineage?name={HASH}&direction=downstream").json()["nodes"]}
    assert f"Inference:{INFERENCE}" in ids and "Source:1" not in ids
    assert filled.get(f"/lineage?name={HASH}&asOf=2000-01-01").status_code == 404
    met, after = [], None
    for _ in range(20):
        page = filled.get("/lineage", params={"name": HASH, "limit": 2, **({"after": after} if after else {})}).json()
        met += [node["id"] for node in page["nodes"]]
        if (after := page["next"]) is None:
            break
    assert len(met) == len(set(met)) > 4
    for wrong in ("depth=21", "limit=0", "format=pdf", "after=x", "asOf=x", "direction=up"):
        problem_of(filled.get(f"/lineage?name={HASH}&{wrong}"), 422)
    problem_of(filled.get(f"/lineage?name={HASH}&format=svg&limit=1001"), 422)
    problem_of(filled.get("/lineage?name=1", headers={"Accept": "application/pdf"}), 406)


def test_impact_counts_what_depends_on_a_source(filled):
    assert filled.get("/impact?name=1").json()["counts"]["Inference"] == 1


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("image/*", "image/svg+xml"),
        ("text/html, */*;q=0.1", "application/json"),
        ("application/json;q=0.5, image/svg+xml", "image/svg+xml"),
        ("*/*, application/json;q=0", "image/svg+xml"),
        ("text/html", None),
        ("application/json;q=x", None),
        ("", "application/json"),
    ],
)
def test_accept_chooses(accept, chosen):
    assert choose_media_type(accept, ["application/json", "image/svg+xml"]) == chosen


def test_an_inference_is_recorded_once_and_added_to(client):
    first = client.post("/inferences", json={"model": "writer-7b", "inferenceId": "it", "inputAtoms": [HASH]})
    documents.Recorded.model_validate_json(first.content, strict=True)
    assert first.status_code == 200 and first.json()["unknownAtoms"] == [HASH]
    answer = {"model": "writer-7b", "inferenceId": "it", "outputTexts": ["The moon."]}
    for _ in range(2):
        assert len(client.post("/inferences", json=answer).json()["outputAtoms"]) == 1
    shown = client.get("/inferences/it").json()
    assert [atom["text"] for atom in shown["outputAtoms"]] == ["The moon."]
    problem_of(client.post("/inferences", json={"model": "another", "inferenceId": "it"}), 409)


def test_a_list_records_what_it_can(client):
    records = [{"model": "a", "inferenceId": "1"}, {"model": 5}, "x", {"model": "b", "inferenceId": "1"}]
    answer = client.post("/inferences", json=records)
    documents.RecordedList.model_validate_json(answer.content, strict=True)
    assert [each["inferenceId"] for each in answer.json()["recorded"]] == ["1"]
    assert [each["index"] for each in answer.json()["refused"]] == [1, 2, 3]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"5",
        b"{",
        b'{"model": "a", "model": "b"}',
        b'{"model": "a", "inputs": []}',
        b'{"model": "a", "tenantId": 1}',
        b'{"model": "a", "metadata": {"x": NaN}}',
        b"\xff",
        b"[" * 100_000,
        json.dumps([{"model": "a"}] * 1001).encode(),
    ],
)
def test_what_is_no_inference_is_refused(client, body):
    problem_of(client.post("/inferences", content=body), 422)
    assert client.get("/inferences").json() == {"inferences": [], "next": None}


def test_jobs_are_made_listed_and_retried(client):
    made = client.post("/jobs", json={"jobType": "SendReport", "parameters": {"To": "x"}})
    assert made.status_code == 201 and made.headers["location"] == f"/jobs/{made.json()['jobId']}"
    documents.JobState.model_validate_json(made.content, strict=True)
    job_id = made.json()["jobId"]
    assert client.get(made.headers["location"]).json()["parameters"] == '{"To": "x"}'
    problem_of(client.post(f"/jobs/{job_id}/retry"), 409)
    update_job_status(client.app.state.resources, job_id, "Failed")
    assert client.get("/jobs?status=Failed").json()["jobs"][0]["jobId"] == job_id
    assert client.post(f"/jobs/{job_id.upper()}/retry").json() == {"jobId": job_id, "status": "Pending"}
    problem_of(client.post("/jobs", json={"jobType": ""}), 422)
    problem_of(client.get("/jobs/no-such-job"), 404)


def test_a_dead_letter_is_replayed_or_discarded(filled):
    [letter] = filled.get("/dead-letters").json()["deadLetters"]
    replayed = filled.post(f"/dead-letters/{letter['deadLetterId']}/replay")
    documents.Replayed.model_validate_json(replayed.content, strict=True)
    problem_of(filled.post(f"/dead-letters/{letter['deadLetterId']}/replay"), 404)
    problem_of(filled.delete("/dead-letters/1"), 404)


def test_a_discarded_dead_letter_is_gone(filled):
    answer = filled.delete("/dead-letters/1")
    documents.Discarded.model_validate_json(answer.content, strict=True)
    assert filled.get("/dead-letters").json()["deadLetters"] == []


@pytest.mark.parametrize("path", ["/jobs", "/inferences", "/dead-letters", f"/atoms/{HASH}/places"])
def test_a_cursor_is_read_by_the_list_that_gave_it(filled, path):
    foreign = "c291cmNlczox"  # sources:1
    for cursor in ("x", "%", "\u0661", foreign, ""):
        problem_of(filled.get(path, params={"cursor": cursor}), 422)


@pytest.mark.parametrize(
    ("path", "of"),
    [
        ("/dead-letters", "dead-letters"),
        (f"/atoms/{HASH}/places", f"places/{HASH[:8]}"),
        ("/sources/1/atoms", "atoms/1"),
        ("/sources", "sources"),
        ("/jobs", "jobs"),
        ("/inferences", "inferences"),
    ],
)
@pytest.mark.parametrize("place", ["", "-1", "x", "\u00b2", "\u0661", " 1", str(2**63)])
def test_a_cursor_of_no_place_is_refused(filled, path, of, place):
    said = problem_of(filled.get(path, params={"cursor": write_cursor(of, place)}), 422)["detail"]
    assert said.startswith("cursor: it is none of this list")


def test_lists_go_by_cursor(client):
    for n in range(5):
        client.post("/inferences", json={"model": "a", "inferenceId": f"it/{n}"})
    met, params = [], {"limit": 2}
    while True:
        page = client.get("/inferences", params=params).json()
        met += [each["inferenceId"] for each in page["inferences"]]
        client.post("/inferences", json={"model": "a"})
        if page["next"] is None:
            break
        params["cursor"] = page["next"]
        assert re.fullmatch(r"[A-Za-z0-9_-]+", page["next"])
    assert met == [f"it/{n}" for n in (4, 3, 2, 1, 0)]


def test_a_cursor_of_what_one_source_or_atom_holds_is_none_of_another_ones(filled):
    [answer] = filled.post("/inferences", json={"model": "a", "outputTexts": ["The sun."]}).json()["outputAtoms"]
    of_atom = write_cursor(f"places/{HASH[:8]}", "1/content/0")
    for path, cursor, status in (
        ("/sources/1/atoms", write_cursor("atoms/1", 0), 200),
        ("/sources/2/atoms", write_cursor("atoms/1", 0), 422),
        (f"/atoms/{HASH}/places", of_atom, 200),
        (f"/atoms/{HASH[:9].upper()}/places", of_atom, 200),
        (f"/atoms/{answer}/places", of_atom, 422),
    ):
        assert filled.get(path, params={"cursor": cursor}).status_code == status, path
