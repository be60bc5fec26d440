"""The lineage command: what can be asked, in which formats, and what it says to wrong questions."""

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from prov.model import ProvDocument

from hartonomous_core.messages import PROVENANCE_QUEUE
from hartonomous_resources.database.sqlite import SqliteDatabase
from tests.cli import Home
from tests.graph.tables import Tables

HOSTILE = 'file:///tmp/"a" [b] --> <c>\n[red]d'
A, B = (("Atom", hashlib.sha256(text.encode()).hexdigest()) for text in ("a", "b"))
SOURCE, RUN, MODEL, INFERENCE = ("Source", "1"), ("Run", "run-1"), ("Model", "model-1"), ("Inference", "answer-1")
TENANT = ("Tenant", "0")
LONG_MODEL = ("Model", "MODEL-1A-0123456789")
NINE, TEN = "2026-11-23T09:00:00.000Z", "2026-11-23T10:00:00.000Z"


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home that holds two atoms of a source with a hostile name, and an answer that used one of them an hour later."""
    home = Home(tmp_path_factory.mktemp("homes") / "home", tmp_path_factory.mktemp("no models"))
    home.path.mkdir()
    SqliteDatabase(home.path / "hartonomous.db").migrate()
    tables = Tables(sqlite3.connect(home.path / "hartonomous.db"))
    one, two = (tables.atom(text, at=NINE) for text in ("a", "b"))
    tables.source(one, two, at=NINE, runs=[RUN[1]], uri=HOSTILE)
    tables.inference([one], at=TEN, model=MODEL[1], name=INFERENCE[1], task="answer")
    by_hand = tables.atom(by_hand=True)
    for model in (LONG_MODEL[1], "MODEL-1-x", "MODEL-1-y"):
        tables.embedded(model, by_hand)
    return home


MANY = ["--tenant", "5"]
ANSWERS = ("01a22ce9-one", "01a22ce9-two", "02b33df0-only", "02b33df0-only-begins-so")


@pytest.fixture(scope="module")
def many(asked: Home) -> Home:
    """A tenant with 120 atoms of a source that another superseded, and answers of that one's only atom."""
    with closing(sqlite3.connect(asked.path / "hartonomous.db")) as client:
        tables = Tables(client, tenant=5)
        old = tables.source(*tables.atoms(120), uri="file:///old", runs=["run-5"])
        only = tables.atom()
        tables.source(only, supersedes=old, uri="file:///new")
        for answer in ANSWERS:
            tables.inference([only], name=answer)
    assert old == ("Source", 2)
    return asked


def ids(document: Any) -> list[str]:
    return [node["id"] for node in document["nodes"]]


def name(*parts: tuple[str, str]) -> list[str]:
    return [":".join(part) for part in parts]


def test_every_kind_of_name_is_understood(asked: Home) -> None:
    commands = [["lineage", given, "--json"] for given in ("1", "Source:1", "source:1", A[1].upper(), "Run:run-1")]
    commands += [["lineage", given, "--json"] for given in (A[1][:12], "Atom:" + B[1][:8], "model:MODEL-1A")]

    results = [result.document for result in asked.run_all(*commands)]

    assert [document["node"] for document in results] == ["Source:1"] * 3 + name(A, RUN, A, B, LONG_MODEL)


def test_directions_times_and_pages(asked: Home) -> None:
    questions = {
        (A[1], "--upstream"): name(A, RUN, SOURCE, TENANT),
        (A[1], "--downstream"): name(A, INFERENCE),
        (A[1], "--as-of", "2026-11-23T09:59:59+00:00"): name(A, RUN, SOURCE, TENANT),
        (A[1], "--as-of", "2026-11-23T11:30+01:30"): name(A, INFERENCE, RUN, SOURCE, TENANT),
        ("1", "--depth", "1"): name(SOURCE, A, B, RUN, TENANT),
        ("1", "--limit", "2"): name(SOURCE, A),
        ("1", "--after", "20-Tenant-0"): [],
    }

    results = asked.run_all(*(["lineage", *question, "--json"] for question in questions))

    assert [ids(result.document) for result in results] == list(questions.values())
    first = results[5].document
    assert first["truncated"] and [result.document["next"] for result in (*results[:5], results[6])] == [None] * 6
    page = asked.json("lineage", "1", "--limit", "2", "--after", first["next"])
    assert ids(page) == name(B, RUN) and page["truncated"]
    edges = {(edge["from"], edge["to"]) for edge in page["edges"]}
    assert (":".join(B), "Source:1") in edges  # which stands on an earlier page
    assert (":".join(A), "Source:1") not in edges
    shown = asked.run("lineage", "1", "--limit", "2").stdout.decode()
    assert f"--after {first['next']} shows the next" in shown


def test_pages_of_text_show_everything_once_in_the_order_of_the_nodes(many: Home) -> None:
    whole = many.json("lineage", "2", *MANY)

    pages: list[list[str]] = []
    after: list[str] = []
    while not pages or after:
        *lines, last = many.run("lineage", "2", *MANY, *after).stdout.decode().splitlines()
        after = last.split()[5:7] if last.startswith("…") else []
        pages.append(lines if after else [*lines, last])

    edges = [line for page in pages for line in page]
    assert len(pages) == 3
    assert (
        len(edges) == len(set(edges)) == len(whole["edges"]) == 120 * 2 + 2
    )  # to the source and the run; of the source to two
    assert all("Source 2 (superseded by 3) file:///old" in line for page in pages for line in page if "_FROM" in line)
    atoms = [line.split()[1] for line in edges if "INGESTED_FROM" in line]
    assert atoms == [node["id"][5:17] for node in whole["nodes"] if node["label"] == "Atom"]
    at_once = many.run("lineage", "2", *MANY, "--limit", "200").stdout.decode().splitlines()
    assert sorted(line.replace(" sentence", "") for line in at_once) == sorted(
        line.replace(" sentence", "") for line in edges
    )


def test_what_is_cut_off_is_not_said_to_be_unlinked(many: Home) -> None:
    cut, alone = (
        result.stdout.decode()
        for result in many.run_all(
            ["lineage", "2", *MANY, "--limit", "1"], ["lineage", "Tenant:5", *MANY, "--upstream"]
        )
    )

    assert cut.splitlines()[0] == "Source 2 (superseded by 3) file:///old"
    assert "nothing is linked" not in cut and "--after 0-Source-2 shows the next" in cut
    assert alone == "Tenant 5: nothing is linked to it\n"


def test_an_impact_shows_as_many_as_were_asked_for(many: Home) -> None:
    first, more, all_of_it = (
        result.stdout.decode().splitlines()
        for result in many.run_all(
            *(["lineage", "2", *MANY, "--impact", *limit] for limit in ([], ["--limit", "60"], ["--limit", "120"]))
        )
    )

    assert [len(shown) for shown in (first, more, all_of_it)] == [2 + 50 + 1, 2 + 60 + 1, 2 + 120]
    assert "--limit" in first[-1] and "--limit" in more[-1]


def test_an_inference_is_found_by_the_beginning_of_its_id_unless_another_has_that_name(many: Home) -> None:
    one, whole, several = many.run_all(
        *(["lineage", f"Inference:{given}", *MANY, "--json"] for given in ("01a22ce9-o", ANSWERS[2], "01a22ce9"))
    )

    assert [result.document["node"] for result in (one, whole)] == [
        f"Inference:{ANSWERS[0]}",
        f"Inference:{ANSWERS[2]}",
    ]
    assert (several.code, "several Inference nodes" in several.error) == (1, True)


def test_only_an_inference_may_wait_where_there_is_no_copy(many: Home) -> None:
    """Events of atoms wait there, too, and are only counted."""
    with SqliteDatabase(many.path / "hartonomous.db").unit_of_work() as unit_of_work:
        unit_of_work.enqueue(PROVENANCE_QUEUE, [("key", b"{}")])

    source, inference = (
        result.error for result in many.run_all(["lineage", "9", *MANY], ["lineage", "Inference:no", *MANY])
    )

    assert source.endswith("no Source 9 in tenant 5 of the provenance graph")
    assert inference.endswith("; one that was put on ProvenanceQueue is recorded by the next run")


def test_impact_says_how_much_and_what(asked: Home) -> None:
    document = asked.json("lineage", "1", "--impact", "--limit", "2")

    assert document["counts"] == {"Atom": 2, "Inference": 1}
    assert (document["onlyHere"], document["truncated"]) == (2, True)
    assert ids(document) == name(A, B)
    shown = asked.run("lineage", "1", "--impact").stdout.decode()
    assert "2 Atom, 1 Inference" in shown and "no other source holds: 2" in shown


def test_a_path_is_shown_from_end_to_end(asked: Home) -> None:
    assert ids(asked.json("lineage", "1", "--to", "Model:model-1")) == name(SOURCE, A, INFERENCE, MODEL)
    assert ids(asked.json("lineage", "1", "--to", "Model:model-1", "--depth", "2")) == []
    shown = asked.run("lineage", "1", "--to", "Inference:answer-1").stdout.decode().splitlines()
    assert [line.split()[0] for line in shown] == ["Source", "<--", "Atom", "<--", "Inference"]


def test_a_hostile_name_is_one_line_for_people(asked: Home) -> None:
    shown = asked.run("lineage", "1").stdout.decode()

    assert 'Source 1 file:///tmp/"a" [b] --> <c> [red]d' in shown
    assert len(shown.splitlines()) == 7


def test_every_format_can_be_read_and_written_to_a_file(asked: Home, tmp_path: Path) -> None:
    formats = ("json", "mermaid", "dot", "prov-json", "svg")

    results = asked.run_all(
        *(["lineage", "1", "--format", how] for how in formats),
        *(["lineage", "1", "--format", how, "-o", tmp_path / how] for how in formats),
    )

    assert [(result.code, result.stderr) for result in results] == [(0, "")] * 10
    text = {how: result.stdout.decode() for how, result in zip(formats, results, strict=False)}
    assert text == {how: (tmp_path / how).read_text() for how in formats}
    assert all(result.stdout == b"" for result in results[5:])
    assert ids(json.loads(text["json"])) == name(SOURCE, A, B, RUN, TENANT, INFERENCE)
    assert len(ProvDocument.deserialize(content=text["prov-json"], format="json").get_records()) == 6 + 7
    assert ElementTree.fromstring(text["svg"]).tag.endswith("svg")  # noqa: S314
    assert text["mermaid"].startswith("flowchart") and text["dot"].startswith("digraph")


@pytest.mark.parametrize(
    "question",
    [
        ["--upstream", "--downstream"],
        ["--json", "--format", "dot"],
        ["--impact", "--depth", "3"],
        ["--impact", "--to", "2"],
        ["--impact", "--after", "1-Atom-1"],
        ["--impact", "--format", "svg"],
        ["--to", "2", "--upstream"],
        ["--to", "2", "--limit", "5"],
        ["--to", "2", "--after", "1-Atom-1"],
        ["-o", "file"],
    ],
    ids=" ".join,
)
def test_questions_that_do_not_go_together_are_wrong_usage(asked: Home, question: list[str]) -> None:
    result = asked.run("lineage", "1", *question)

    assert (result.code, bool(result.stdout)) == (2, "--json" in question)
    assert question[0].removesuffix("file") in result.stderr
    assert "Traceback" not in result.stderr


def test_a_number_out_of_its_range_is_wrong_usage_in_plain_words(asked: Home) -> None:
    result = asked.run("lineage", "1", "--depth", "0")

    assert (result.code, result.stdout) == (2, b"")
    assert "'--depth': it should be at least 1" in result.stderr


def test_errors_name_what_was_asked_for(asked: Home, tmp_path: Path) -> None:
    expected: dict[tuple[str, ...], list[str]] = {
        ("2",): ["Source 2", "tenant 0"],
        ("1", "--to", "Run:none"): ["Run none"],
        ("Inference:answer-1", "--as-of", NINE): ["Inference answer-1", NINE],
        ("1", "--to", "Inference:answer-1", "--as-of", NINE): ["Inference answer-1", NINE],
        ("1", "--tenant", "7"): ["Source 1", "tenant 7"],
        ("Model:MODEL-1-", "--impact"): ["several Model nodes", "MODEL-1-"],
        ("aaaaaaab",): ["Atom aaaaaaab"],
        ("01234567",): ["Source 1234567", "Atom:01234567"],
    }
    of_usage: dict[tuple[str, ...], list[str]] = {
        ("Person:1",): ["'Person:1'", "Inference"],
        ("1", "--as-of", "yesterday"): ["'yesterday'", "ISO 8601"],
        ("1", "--after", "1-Person-1"): ["'1-Person-1'", "next"],
        ("aaaaaaa",): ["'aaaaaaa'", "first 8"],
        ("1", "--format", "dot", "-o", str(tmp_path / "no" / "file")): ["-o", str(tmp_path)],
    }

    results = asked.run_all(*(["lineage", *question] for question in (*expected, *of_usage)))

    for question, words, result in zip(
        (*expected, *of_usage), (*expected.values(), *of_usage.values()), results, strict=True
    ):
        assert (result.code, result.stdout) == (2 if question in of_usage else 1, b"")
        assert all(word in result.error for word in words), result.error
