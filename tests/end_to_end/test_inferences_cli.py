"""Inferences as users record them, and lineage from an answer to its sources and back, after the chain has run."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hartonomous_core.messages import PROVENANCE_QUEUE
from hartonomous_resources.compute.text_model import TextModelFiles
from hartonomous_resources.resources import Resources
from hartonomous_resources.settings import Settings
from hartonomous_service.inferences import InferenceRecord, record_inference
from hartonomous_service.ingest import ingest
from hartonomous_service.lineage.queries import LineageQuery, find_impact, find_lineage
from hartonomous_service.search import search
from tests.builders import enqueue
from tests.cli import Home, Result, finish

FOG = "The harbour lay quiet under the fog."
DOUGH = "Knead the dough for ten minutes."
ANSWER = "There was fog over the harbour that night."


def hash_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def record(home: Home, text: str, *arguments: str) -> Result:
    """`inferences record` with this text on stdin."""
    process = home.start("inferences", "record", *arguments)
    assert process.stdin
    process.stdin.write(text.encode())
    return finish(process)


def ids(document: Any) -> set[str]:
    return {node["id"] for node in document["nodes"]}


# ---- the commands


@dataclass(frozen=True, slots=True)
class Answered:
    """A home with two files; a search was recorded, and its answer after it; then the chain ran."""

    home: Home
    sources: dict[str, int]
    found: Any
    recorded: Any


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory, model_dir: Path, text_model: TextModelFiles) -> Answered:
    folder = tmp_path_factory.mktemp("folder").resolve()
    (folder / "harbour.txt").write_text(f"{FOG} A lantern swung above the customs house.")
    (folder / "bread.txt").write_text(f"{DOUGH} Let it rest overnight in a cool place.")
    home = Home(tmp_path_factory.mktemp("homes") / "home", model_dir, {"text_unit": "sentence"})
    ingested = home.json("ingest", folder)["sources"]
    found = home.json("search", "fog in the harbour", "-k", "1", "--record", "writer-7b", "--task", "answer")
    completed = {"inferenceId": found["inferenceId"], "model": "writer-7b", "outputTexts": [ANSWER], "durationMs": 412}
    recorded = record(home, json.dumps(completed, indent=2), "--json")
    assert recorded.code == 0, recorded.stderr
    home.json("ingest", folder)  # nothing new in it: the run is for what waits
    sources = {Path(source["sourceUri"]).name: source["sourceId"] for source in ingested}
    return Answered(home, sources, found, recorded.document)


def test_a_search_that_records_says_what_was_given_to_which_model(answered: Answered) -> None:
    given = [hit["atomHash"] for hit in answered.found["results"]]

    assert given == [hash_of(FOG)]
    assert answered.recorded == {
        "recorded": [
            {
                "inferenceId": answered.found["inferenceId"],
                "model": "writer-7b",
                "task": "answer",
                "inputAtoms": given,
                "outputAtoms": [hash_of(ANSWER)],
                "unknownAtoms": [],
            }
        ],
        "refused": [],
    }


def test_the_lineage_of_an_answer_leads_to_the_sources_it_was_made_from_and_to_no_other(answered: Answered) -> None:
    upstream = answered.home.json("lineage", hash_of(ANSWER), "--upstream")

    inference = f"Inference:{answered.found['inferenceId']}"
    assert ids(upstream) >= {
        inference,
        "Model:writer-7b",
        f"Atom:{hash_of(FOG)}",
        f"Source:{answered.sources['harbour.txt']}",
    }
    assert f"Source:{answered.sources['bread.txt']}" not in ids(upstream)


def test_the_lineage_of_a_source_leads_to_the_answers_that_used_it(answered: Answered) -> None:
    used, unused = (
        answered.home.json("lineage", str(answered.sources[name]), "--downstream")
        for name in ("harbour.txt", "bread.txt")
    )

    answer = {f"Inference:{answered.found['inferenceId']}", f"Atom:{hash_of(ANSWER)}"}
    assert answer <= ids(used)
    assert answer.isdisjoint(ids(unused))


def test_what_a_model_answered_would_be_affected_if_it_were_replaced(answered: Answered) -> None:
    affected = answered.home.json("lineage", "Model:writer-7b", "--impact")

    assert affected["counts"] == {"Atom": 1, "Inference": 1}


def test_an_answer_is_embedded_and_found_by_its_meaning(answered: Answered) -> None:
    found = answered.home.json("search", "misty night at the port", "--mode", "semantic", "-k", "2")["results"]

    assert ANSWER in [hit["text"] for hit in found]
    assert answered.home.json("verify", "--graph")["failed"] == []


def test_inferences_are_listed_and_shown(answered: Answered) -> None:
    listed, shown = answered.home.run_all(
        ["inferences", "list", "--json"], ["inferences", "show", answered.found["inferenceId"], "--json"]
    )

    [row] = listed.document["inferences"]
    assert (row["model"], row["inputAtomCount"], row["outputAtomCount"]) == ("writer-7b", 1, 1)
    assert [atom["text"] for atom in shown.document["inputAtoms"]] == [FOG]
    assert [atom["text"] for atom in shown.document["outputAtoms"]] == [ANSWER]
    assert shown.document["durationMs"] == 412


def test_for_people_the_commands_say_the_same_in_words(answered: Answered) -> None:
    inference = answered.found["inferenceId"]
    listed, shown, other = answered.home.run_all(
        ["inferences", "list"], ["inferences", "show", inference], ["inferences", "show", inference, "--tenant", "7"]
    )

    assert "writer-7b" in listed.stdout.decode()
    assert FOG in shown.stdout.decode() and ANSWER in shown.stdout.decode()
    assert (other.code, other.stdout) == (1, b"")
    assert f"inference {inference} is not found" in other.error


def test_refused_lines_are_named_and_the_others_are_recorded(home: Home) -> None:
    lines = ['{"model": "m", "inferenceId": "good"}', '{"model": "m", "inputAtoms": ["nonsense"]}', "{no json"]

    result = record(home, "\n".join(lines), "--json")

    assert result.code == 1
    assert [item["inferenceId"] for item in result.document["recorded"]] == ["good"]
    assert [item["line"] for item in result.document["refused"]] == [2, 3]
    assert "refused: line 2: inputAtoms.0: 'nonsense' is not a SHA-256 in hex" in result.stderr
    assert "refused: line 3: not JSON" in result.stderr
    assert "Traceback" not in result.stderr


def test_what_cannot_be_read_at_all_is_one_line_of_error(home: Home, tmp_path: Path) -> None:
    (tmp_path / "latin.json").write_bytes(b'{"model": "caf\xe9"}')

    not_text, missing, nothing, no_model = home.run_all(
        ["inferences", "record", "--file", tmp_path / "latin.json"],
        ["inferences", "record", "--file", tmp_path / "missing.json"],
        ["inferences", "record"],
        ["search", "x", "--task", "answer"],
    )

    assert "not UTF-8 at byte 14" in not_text.error
    assert "missing.json" in missing.error
    assert "nothing to record" in nothing.error
    assert [result.code for result in (not_text, missing, nothing, no_model)] == [1, 1, 1, 2]


# ---- the chain


@pytest.fixture
def settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a home whose atoms are sentences, for this process and its runs."""
    monkeypatch.setenv("HARTONOMOUS_TEXT_UNIT", "sentence")
    return settings.model_copy(update={"text_unit": "sentence"})


@pytest.fixture
def run_chain_on(
    resources: Resources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text_model: TextModelFiles
) -> Any:
    """Ingests a text, or nothing new, and does all that waits."""
    for name in ("DAGSTER_HOME", "DAGSTER_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, "")
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "first.txt").write_text("Something else was here before.")

    def run(text: str | None = None) -> None:
        if text is not None:
            (folder / "next.txt").write_text(text)
        assert ingest(resources, [folder])["stages"] == {}

    return run


def test_an_inference_that_comes_before_its_atoms_is_joined_to_them_when_they_come(
    resources: Resources, run_chain_on: Any
) -> None:
    recorded = record_inference(
        resources,
        InferenceRecord(model="m", task=None, input_atoms=[hash_of(FOG)], output_texts=[ANSWER], inference_id="early"),
    )
    run_chain_on()
    before = find_lineage(resources, LineageQuery(hash_of(ANSWER), direction="upstream"))

    run_chain_on(f"{FOG} It was night.")

    assert recorded["unknownAtoms"] == [hash_of(FOG)]
    assert {name for name in ids(before) if name.startswith("Source:")} == set()
    after = find_lineage(resources, LineageQuery(hash_of(ANSWER), direction="upstream"))
    [source] = [node for node in after["nodes"] if node["label"] == "Source"]
    assert f"Atom:{hash_of(ANSWER)}" in ids(
        find_lineage(resources, LineageQuery(str(source["sourceId"]), direction="downstream"))
    )
    assert find_impact(resources, str(source["sourceId"]))["counts"]["Inference"] == 1


def test_the_same_event_five_times_is_one_inference(resources: Resources, run_chain_on: Any) -> None:
    run_chain_on(f"{FOG} It was night.")
    event = {
        "eventType": "InferenceCompleted",
        "inferenceId": "again",
        "tenantId": 0,
        "model": "m",
        "task": "answer",
        "inputAtoms": [hash_of(FOG)],
        "outputAtoms": [],
    }
    enqueue(resources.database, PROVENANCE_QUEUE, [json.dumps(event).encode()])
    run_chain_on()
    once = resources.graph.counts(None)

    enqueue(resources.database, PROVENANCE_QUEUE, [json.dumps(event).encode()] * 4)
    run_chain_on()
    record_inference(
        resources, InferenceRecord(model="m", task="answer", input_atoms=[hash_of(FOG)], inference_id="again")
    )
    run_chain_on()

    assert resources.graph.counts(None) == once
    assert once[0]["Inference"] == 1 and once[1]["USED_ATOM"] == 1


def test_a_model_that_embeds_and_is_named_by_its_hash_stays_one_node(resources: Resources, run_chain_on: Any) -> None:
    run_chain_on(f"{FOG} It was night.")
    [model] = [
        node
        for node in find_lineage(resources, LineageQuery(hash_of(FOG), direction="upstream"))["nodes"]
        if node.get("kind") == "embedding"
    ]

    record_inference(resources, InferenceRecord(model=model["artifactHash"], task="rerank", input_atoms=[hash_of(FOG)]))
    run_chain_on()

    assert model in find_lineage(resources, LineageQuery(hash_of(FOG), direction="upstream"))["nodes"]
    assert find_impact(resources, model["id"])["counts"]["Inference"] == 1


def test_an_answer_made_from_an_answer_leads_to_the_first_sources(resources: Resources, run_chain_on: Any) -> None:
    run_chain_on(f"{FOG} It was night.")
    found = search(resources, FOG, k=1, mode="lexical", record_for="m")
    record_inference(
        resources,
        InferenceRecord(model="m", task=None, input_atoms=[], output_texts=[ANSWER], inference_id=found["inferenceId"]),
    )
    summary = "Fog."
    record_inference(
        resources, InferenceRecord(model="n", task="summary", input_atoms=[hash_of(ANSWER)], output_texts=[summary])
    )
    run_chain_on()

    upstream = find_lineage(resources, LineageQuery(hash_of(summary), direction="upstream", depth=8))

    labels = [node["label"] for node in upstream["nodes"]]
    assert labels.count("Inference") == 2
    assert labels.count("Source") == 1
    assert {"Model:m", "Model:n"} <= ids(upstream)
