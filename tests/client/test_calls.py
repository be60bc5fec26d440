"""Every call of both clients, against a real server."""

import inspect
import json

import pytest

from hartonomous_client import AsyncClient, Client, HartonomousError
from hartonomous_client import answers as typed
from hartonomous_service.http import documents, lineage_documents, model_documents, source_documents
from tests.http.home import HASH, INFERENCE, SENTENCE
from tests.unit.drawn_scenes import packed, scene


def test_atoms_and_search(client):
    assert client.get_atom(HASH)["text"] == SENTENCE
    assert [place["sourceUri"] for place in client.list_places(HASH, page_size=2)] == ["mail:0", "mail:1", "mail:2"]
    found = client.search("tide", mode="lexical", k=3, uri="mail:", context=1, metadata={"a": "b"})
    assert found["results"] == []
    unmarked, marked = (
        client.search("tide", mode="lexical", **asked)["results"][0] for asked in ({}, {"highlight": True})
    )
    assert unmarked["atomHash"] == HASH and unmarked["highlight"] is None and marked["highlight"]["text"] == SENTENCE


def test_pictures(client):
    found = client.search_like(packed(scene(1, 40, 30), "PNG"), k=3, uri="mail:", metadata={"a": "b"})
    assert found["results"] == [] and not found["answered"]
    with pytest.raises(HartonomousError, match="404: source 1 has no thumbnail"):
        client.get_thumbnail(1)


def test_lineage(client):
    found = client.get_lineage(HASH, direction="upstream", limit=2)
    assert found["truncated"] and client.get_lineage(HASH, limit=2, after=found["next"])["nodes"]
    assert client.render_lineage(HASH, "mermaid").startswith("flowchart RL")
    assert json.loads(client.render_lineage("1", "prov-json"))["entity"]
    assert client.get_impact("1")["counts"]["Inference"] == 1


def test_inferences(client):
    recorded = client.record_inference({"model": "a", "inferenceId": "tides/2", "outputTexts": ["The moon, again."]})
    assert client.get_inference("tides/2")["outputAtoms"][0]["atomHash"] == recorded["outputAtoms"][0]
    assert client.record_inferences([{"model": "a", "inferenceId": "3"}, {}])["refused"][0]["index"] == 1
    assert {each["inferenceId"] for each in client.list_inferences(page_size=1)} >= {INFERENCE, "tides/2", "3"}
    assert [each["inferenceId"] for each in client.list_inferences(model="writer-7b")] == [INFERENCE]


def test_jobs(client):
    made = client.create_job("SendReport", {"To": "y"})
    assert json.loads(client.get_job(made["jobId"])["parameters"]) == {"To": "y"}
    assert made["jobId"] in [job["jobId"] for job in client.list_jobs(status="Pending", page_size=1)]
    with pytest.raises(HartonomousError) as caught:
        client.retry_job(made["jobId"])
    assert caught.value.status == 409


def test_a_source_that_waits_is_withdrawn(client):
    made = client.create_source(b"Not after all.", source_uri="mail:withdrawn")
    assert client.withdraw_source(made["sourceId"])["status"] == "DeadLettered"
    with pytest.raises(HartonomousError, match="409"):
        client.withdraw_source(made["sourceId"])
    [letter] = [each for each in client.list_dead_letters() if each["sourceId"] == made["sourceId"]]
    client.discard_dead_letter(letter["deadLetterId"])


def test_dead_letters(client):
    letters = list(client.list_dead_letters(page_size=1))
    if letters:  # the other client's test came first
        assert client.get_dead_letter(letters[0]["deadLetterId"]) == letters[0]
        assert client.discard_dead_letter(letters[0]["deadLetterId"])["discarded"]
    with pytest.raises(HartonomousError, match="404: dead letter 1 is not found"):
        client.replay_dead_letter(1)


def test_the_server_itself(client):
    assert client.get_stats()["sources"] >= 3
    assert client.list_models()["chosenBy"] == "settings"
    assert "database" in [check["name"] for check in client.get_health()["checks"]]


def test_an_error_is_the_problem_that_the_server_says(client):
    with pytest.raises(HartonomousError) as caught:
        client.get_atom("00" * 32)
    assert caught.value.status == 404 and caught.value.request_id == caught.value.problem["requestId"]
    assert str(caught.value).startswith("404: atom 0000")


def test_both_clients_have_the_same_calls():
    def signatures(client):
        public = {name: getattr(client, name) for name in dir(client) if not name.startswith("_")}
        return {
            name: [(each.name, each.default, each.kind) for each in inspect.signature(call).parameters.values()]
            for name, call in public.items()
        }

    assert signatures(Client) == signatures(AsyncClient)


MODULES = (documents, source_documents, lineage_documents, model_documents)


def test_every_answer_has_the_type_that_the_server_describes():
    for name, kind in vars(typed).items():
        model = next((vars(each)[name] for each in MODULES if name in vars(each)), None)
        if hasattr(kind, "__required_keys__"):
            assert model is not None, name
            described = {field.alias or key for key, field in model.model_fields.items()}
            assert kind.__required_keys__ | kind.__optional_keys__ == described, name


def test_sources_come_in_and_are_read(client, tmp_path):
    content = b"Bread is baked at four. " * 20_000
    (tmp_path / "bread").write_bytes(content)
    with (tmp_path / "bread").open("rb") as file:
        made = client.create_source(file, source_uri="desk:bread", content_type="text/plain", metadata={"from": "desk"})
    assert made["byteLength"] == len(content) and client.get_source(made["sourceId"])["metadata"] == {"from": "desk"}
    again = [client.create_source(b"x", source_id="x", idempotency_key="k") for _ in range(2)]
    assert again[0]["sourceId"] == again[1]["sourceId"]
    listed = [source["sourceId"] for source in client.list_sources(page_size=2)]
    assert listed == sorted(set(listed), reverse=True) and made["sourceId"] in listed
    assert {source["status"] for source in client.list_sources(status="Atomized")} == {"Atomized"}


def test_the_bytes_and_atoms_of_a_source_are_read(client):
    with client.stream_content(1) as blocks:
        assert b"".join(blocks) == SENTENCE.encode()
    with client.stream_content(1, 4, 8) as blocks:
        assert b"".join(blocks) == SENTENCE.encode()[4:8]
    assert [atom["text"] for atom in client.list_source_atoms(1)] == [SENTENCE]
    with pytest.raises(HartonomousError, match="404"), client.stream_content(999):
        pass
