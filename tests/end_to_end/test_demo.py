"""`hartonomous demo`: what somebody sees who has just installed it."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hartonomous_resources.compute.text_model import TextModelFiles
from hartonomous_resources.project_files import project_file
from hartonomous_resources.resources import open_resources
from hartonomous_resources.settings import Settings
from hartonomous_service.demo import corpus_files
from hartonomous_service.search import search
from tests.cli import Home

ANSWERS = {
    "How do I treat a scald?": "cool running water",
    "How do creatures of the shore cope when the water is gone?": "Barnacles shut their plates",
    "Why should a loaf not go into the fridge?": "worst place for a loaf",
    "What do I turn when the pendulum clock gains time?": "turn the nut below it to the left",
}
UNANSWERED = "How do I renew a passport?"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, model_dir: Path, text_model: TextModelFiles) -> Home:
    return Home(tmp_path_factory.mktemp("homes") / "home", model_dir)


@pytest.fixture(scope="module")
def first(home: Home) -> Any:
    """What the demo said in a fresh home."""
    return home.json("demo")


def test_every_stage_has_done_something(first: Any) -> None:
    stats = first["stats"]

    counts = {name: stats[name] for name in ("sources", "atoms", "embeddings", "projections", "bytesIn", "bytesStored")}
    assert all(n > 0 for n in counts.values()), counts
    assert stats["graph"]["nodes"] > 0 and stats["graph"]["edges"] > 0
    assert stats["queues"] == {"IngestionQueue": 0, "ProvenanceQueue": 0}
    assert set(stats["jobs"]) == {"Completed"}
    assert set(first["seconds"]) == {"model", "ingest", "searches"}


def test_the_corpus_has_about_thirty_documents_with_deliberate_duplicates(first: Any) -> None:
    assert 25 <= len(first["sources"]) <= 50
    assert {source["status"] for source in first["sources"]} == {"Atomized"}
    hashes = [source["contentHash"] for source in first["sources"]]
    assert len(set(hashes)) < len(hashes)
    assert first["stats"]["dedupRatio"] > 1


def test_what_pip_compiles_beside_a_document_is_no_document(tmp_path: Path) -> None:
    (tmp_path / "computing" / "__pycache__").mkdir(parents=True)
    (tmp_path / "computing" / "__pycache__" / "words.cpython-311.pyc").write_bytes(b"compiled")
    (tmp_path / "computing" / "words.py").write_text("print()")

    assert corpus_files(tmp_path) == [tmp_path / "computing" / "words.py"]


def test_each_question_is_answered_right_at_rank_1_with_the_place_where_it_stands(first: Any) -> None:
    best = {answer["question"]: answer["results"][0] for answer in first["answers"] if answer["answered"]}

    assert best.keys() == ANSWERS.keys()
    for question, words in ANSWERS.items():
        assert words in best[question]["text"]
        assert best[question]["rank"] == 1
        place = best[question]["sources"][0]
        if not place["sourceUri"].endswith(".pdf"):
            assert place["byteLength"] == len(best[question]["text"].encode())


def test_one_answer_stands_on_a_page_of_a_pdf_and_that_is_said(home: Home, first: Any) -> None:
    [answer] = [answer for answer in first["answers"] if "pendulum" in answer["question"]]
    [place] = answer["results"][0]["sources"]
    assert place["sourceUri"].endswith("/workshop/pendulum-clock.pdf")
    assert place["locator"]["page"] == 2
    said = home.run("demo").stdout.decode().partition(answer["question"])[2].partition("\n? ")[0]
    assert f"source {place['sourceId']}, page 2: " in said


@pytest.mark.parametrize(
    ("question", "file", "locator"),
    [
        ("at what temperature is beeswax poured", "candle-making.docx", {"heading": ["Making candles", "Pouring"]}),
        (
            "gates that the pressure of the water closes",
            "canal-locks.html",
            {"heading": ["How a canal lock works", "Why the gates point upstream"]},
        ),
        ("Japanese tissue and wheat paste over a tear", "torn-page.eml", {"part": "text/plain"}),
        ("number as a Roman numeral", "roman-numerals.js", None),
    ],
)
def test_other_documents_of_the_corpus_are_found_where_they_say_it(
    first: Any, model_dir: Path, question: str, file: str, locator: Any
) -> None:
    with closing(open_resources(Settings(home=Path(first["home"]), model_dir=model_dir))) as resources:
        [place, *_] = search(resources, question)["results"][0]["sources"]
    assert place["sourceUri"].endswith(f"/{file}")
    if locator is not None:
        assert place["locator"] == locator


def test_a_question_that_nothing_answers_is_told_from_the_others(home: Home, first: Any) -> None:
    [unanswered] = [answer for answer in first["answers"] if not answer["answered"]]

    assert unanswered["question"] == UNANSWERED
    assert unanswered["best"] < unanswered["floor"] < min(each["best"] for each in first["answers"] if each["answered"])
    assert "Nothing here answers that" in home.run("demo").stdout.decode().partition(UNANSWERED)[2]


@pytest.fixture(scope="module")
def asked(first: Any, model_dir: Path) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The questions that were written by hand for the corpus, each with what search finds; `relevant` names the files that answer it."""
    questions = project_file("benchmarks") / "questions" / "demo.jsonl"
    with closing(open_resources(Settings(home=Path(first["home"]), model_dir=model_dir))) as resources:
        return [
            (question, search(resources, question["text"], highlight=False))
            for question in map(json.loads, questions.read_text("utf-8").splitlines())
        ]


def test_most_questions_that_nothing_answers_are_told_from_nearly_all_others(
    asked: list[tuple[dict[str, Any], dict[str, Any]]],
) -> None:
    lost = [question["text"] for question, found in asked if question["answerable"] and not found["answered"]]
    kept = [question["text"] for question, found in asked if found["answered"] and not question["answerable"]]

    assert len(asked) == 160
    assert len(lost) <= 0.05 * 80, lost
    assert len(kept) <= 0.20 * 80, kept


def test_most_questions_are_answered_by_the_first_hit(asked: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    missed = [
        question["text"]
        for question, found in asked
        if question["answerable"]
        and not any(
            place["sourceUri"].endswith(tuple(question["relevant"])) for place in found["results"][0]["sources"]
        )
    ]

    assert len(missed) <= 0.1 * 80, missed


def test_one_lineage_is_shown(first: Any) -> None:
    atom = f"Atom:{first['lineage']['atom']}"

    assert {edge["type"] for edge in first["lineage"]["edges"] if edge["from"] == atom} >= {
        "INGESTED_FROM",
        "EMBEDDED_BY",
    }


def test_a_source_is_rebuilt_to_the_hash_that_came_in(first: Any) -> None:
    proof = first["reconstruction"]

    assert proof["rebuiltHash"] == proof["contentHash"]


def test_run_again_it_adds_nothing_and_answers_the_same(home: Home, first: Any) -> None:
    again = home.json("demo")

    assert {**again["stats"], "bytesOnDisk": 0} == {**first["stats"], "bytesOnDisk": 0}
    assert again["answers"] == first["answers"]


def test_reset_starts_over(home: Home, first: Any) -> None:
    (Path(first["home"]) / "left over").touch()

    over = home.json("demo", "--reset")

    assert not (Path(over["home"]) / "left over").exists()
    assert {**over["stats"], "bytesOnDisk": 0} == {**first["stats"], "bytesOnDisk": 0}


def test_it_has_a_home_of_its_own(home: Home, first: Any) -> None:
    assert Path(first["home"]).parent == home.path
    assert not (home.path / "hartonomous.db").exists()
