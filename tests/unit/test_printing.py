"""How commands speak: text of a source as it is but harmless, tables of one line a row, JSON that any stdout can hold."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from hartonomous_service.cli import hit_output
from hartonomous_service.cli.ask import show_fields
from hartonomous_service.cli.hit_output import show_results, show_search
from hartonomous_service.cli.lineage_commands import show_impact, show_lineage, show_path
from hartonomous_service.cli.output import print_page, print_result, print_table
from hartonomous_service.cli.places_in_words import describe_locator
from hartonomous_service.cli.sql import _show as show_rows
from hartonomous_service.lineage.node_text import node_name
from hartonomous_service.printable import printable

MARKUP = r"no markup: \[/a] [/a] [b]bold[/b] [link=x] :smile: 10:ok:20"
URI = "file:///home/somebody/" + "a%20long%20name/" * 12 + "file.txt"


class Terminal(io.StringIO):
    """A stdout that says that somebody looks at it."""

    def isatty(self) -> bool:
        return True


# ---- text of a source


@pytest.mark.parametrize(
    "text",
    [
        MARKUP,
        "a\u00a0b\u202fc\u3000d\u2009e",
        "👩\u200d👩\u200d👧 म\u200dक soft\u00adhyphen word\u2060joiner",
        "e\u0301 Ω 漢字 \ue000 \U000e0067",
        "\u05e9\u05dc\u05d5\u05dd\u200f!",
    ],
    ids=["markup", "spaces", "joiners", "marks", "right to left"],
)
def test_text_of_a_source_is_printed_as_it_is(text: str) -> None:
    assert printable(text) == text


def test_a_line_end_is_printed_as_a_space() -> None:
    assert printable("a\nb\r\nc\td\x0ce\u2028f\u2029g\x85h") == "a b c d e f g h"


@pytest.mark.parametrize(
    "character", [*map(chr, (0, 7, 8, 0x1B, 0x7F, 0x80, 0x9B, 0x9D, 0x202E, 0x2066, 0x2069, 0xFFFE, 0xD800))], ids=ascii
)
def test_what_commands_a_terminal_or_turns_the_order_is_neutralised(character: str) -> None:
    assert printable(f"a{character}b") == "a�b"


def test_a_byte_of_a_file_name_that_is_no_text_is_printed_as_a_number() -> None:
    assert printable(b"\xff\xfe.txt".decode(errors="surrogateescape")) == r"\xff\xfe.txt"


@given(st.text())
def test_printable_text_is_one_line_that_any_utf8_stdout_takes(text: str) -> None:
    shown = printable(text)

    assert len(shown.splitlines()) <= 1
    assert shown.encode().decode() == shown


@pytest.fixture
def hit() -> dict[str, Any]:
    marked = {"highlightOffset": None, "highlightLength": None}
    place = {"sourceId": 1, "byteOffset": 0, "byteLength": 3, "sourceUri": MARKUP, **marked}
    return {
        "rank": 1,
        "score": 1.0,
        "text": MARKUP,
        "highlight": None,
        "atomHash": "ab",
        "modality": "text",
        "sources": [place],
        "placeCount": 1,
        "sourceCount": 1,
    }


def answer(*hits: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """What a search returns."""
    return {"answered": True, "floor": 0.4, "best": 1.0, "results": list(hits), **changes}


def test_every_command_prints_markup_as_text(hit: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    node = {"id": "Source:1", "label": "Source", "sourceUri": MARKUP}
    other = {"id": "Inference:2", "label": "Inference", "task": MARKUP}
    edge = {"from": "Inference:2", "type": "USED_ATOM", "to": "Source:1"}
    graph = {"nodes": [node, other], "edges": [edge], "truncated": False, "next": None}

    show_results(answer(hit))
    show_fields({"body": MARKUP, "jobs": {MARKUP: 1}})
    show_lineage(graph)
    show_path(graph)
    show_impact({"counts": {"Source": 1}, "node": "Atom:1", "nodes": [node], "truncated": False})
    print_table("rows", [{"a": MARKUP}], {"a": "a"})

    assert capsys.readouterr().out.count(MARKUP) == 2 + 2 + 2 + 2 + 1 + 1
    assert node_name(node).endswith(MARKUP)


def test_a_question_that_nothing_answers_says_so_before_the_nearest(
    hit: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    show_results(answer({**hit, "score": 0.213}, answered=False, best=0.213))

    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first == "Nothing here answers that (the best cosine is 0.21, an answer has 0.40 or more). The nearest:"
    assert second.split()[:2] == ["1.", "0.21"]


def test_of_a_question_that_nothing_answers_three_hits_are_shown(
    hit: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    hits = [{**hit, "rank": rank} for rank in range(1, 11)]
    show_results(answer(*hits, answered=False))
    few = capsys.readouterr().out
    show_results(answer(*hits))
    everything = capsys.readouterr().out

    assert (few.count(MARKUP), everything.count(MARKUP)) == (2 * 3, 2 * 10)
    assert few.splitlines()[-1] == "… and 7 more: --json shows them"
    assert "more:" not in everything


@pytest.mark.parametrize(
    ("changes", "score", "last"),
    [
        ({}, 0.519, "0.52 is the cosine; hits are ordered by meaning and by words"),
        ({"lexicalRanking": None}, 0.519, "0.52 is the cosine; hits are ordered by meaning"),
        ({}, None, "      atom ab"),
        ({"answered": False}, 0.519, "      atom ab"),
    ],
    ids=["hybrid", "by meaning", "by words", "unanswered"],
)
def test_what_the_number_is_is_said_once_after_what_answers(
    hit: dict[str, Any], changes: dict[str, Any], score: float | None, last: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = answer({**hit, "score": score}, {**hit, "score": score}, **{"lexicalRanking": "bm25", **changes})
    show_search(found)

    shown = capsys.readouterr().out
    assert shown.splitlines()[-1] == last
    assert shown.count("cosine") == (score is not None)


def test_where_options_narrowed_a_search_that_found_nothing_they_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    nothing = answer(answered=False, best=None)

    show_search(nothing, ["--modality text", "--uri a\x1b"])
    show_search(nothing)

    assert capsys.readouterr().out == "nothing found in what was asked for (--modality text, --uri a�)\nnothing found\n"


def test_a_hit_without_a_cosine_shows_none(hit: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    show_results(answer({**hit, "score": None}))

    assert capsys.readouterr().out.splitlines()[0].split()[:2] == ["1.", "-"]


@pytest.fixture
def marked(hit: dict[str, Any]) -> dict[str, Any]:
    """A hit with the sentence that answers, and with neighbours."""
    text = "It rose. [b]The sea\nrose\x1b. And fell."
    near = {"before": [{"text": "[i]before"}], "after": [{"text": "after\n"}]}
    place = {**hit["sources"][0], "byteOffset": 100, "byteLength": 38, "highlightOffset": 109, "highlightLength": 18}
    return {
        **hit,
        "text": text,
        "highlight": {"text": "[b]The sea\nrose\x1b."},
        "sources": [{**place, "context": near}],
    }


def test_the_sentence_that_answers_stands_in_marks_where_nothing_can_be_bold(
    marked: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    show_results(answer(marked))

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == " 1.   1.00  It rose. **[b]The sea rose�.** And fell."
    assert lines[1].strip().startswith("source 1, bytes 100-138, the answer 109-127: ")
    assert lines[2:4] == ["        before: [i]before", "        after:  after "]


def print_to_terminal(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> io.StringIO:
    """Have hits printed to a terminal in this environment."""
    terminal = io.StringIO()
    kept = {"highlight": False, "emoji": False, "markup": False, "soft_wrap": True}
    console = Console(file=terminal, force_terminal=True, _environ=environment, **kept)
    monkeypatch.setattr(hit_output, "out", console)
    return terminal


def test_on_a_terminal_it_is_bold_and_neighbours_are_dim(
    marked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = print_to_terminal(monkeypatch, {"TERM": "xterm"})

    show_results(answer(marked))

    shown = terminal.getvalue()
    assert "It rose. \x1b[1m[b]The sea rose�.\x1b[0m And fell." in shown
    assert "\x1b[2m        before: [i]before\x1b[0m" in shown


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1", "TERM": "xterm"}, {"TERM": "dumb"}], ids=str)
def test_a_terminal_that_wants_no_styles_gets_marks(
    marked: dict[str, Any], monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    terminal = print_to_terminal(monkeypatch, environment)

    show_results(answer(marked))

    assert "**[b]The sea rose�.**" in terminal.getvalue()
    assert "\x1b" not in terminal.getvalue()


def test_a_result_that_is_one_sentence_has_no_marks(hit: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    show_results(answer({**hit, "text": "One.", "highlight": {"text": "One."}}))

    assert capsys.readouterr().out.splitlines()[0].endswith("  One.")


def test_nothing_found_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    show_results(answer(answered=False, best=None))

    assert capsys.readouterr().out == "nothing found\n"


def test_a_hit_in_many_places_shows_three_and_says_how_many_there_are(
    hit: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    show_results(answer({**hit, "sources": hit["sources"] * 20, "placeCount": 1500, "sourceCount": 1400}))

    shown = capsys.readouterr().out
    assert shown.count("source 1, bytes") == 3
    assert "and 1,497 more places, in 1,400 sources" in shown


def test_a_page_of_a_list_says_on_stderr_how_long_the_list_is(capsys: pytest.CaptureFixture[str]) -> None:
    print_page("jobs", {"jobs": [{"jobId": "a"}], "total": 1234, "truncated": True}, "jobs", {"jobId": "job"})

    shown = capsys.readouterr()
    assert shown.out == "job\na\n"
    assert shown.err == "1,234 in all: --skip and --limit show the others\n"

    print_page("jobs", {"jobs": [{"jobId": "a"}], "total": None, "truncated": True}, "jobs", {"jobId": "job"})
    assert capsys.readouterr().err == "there are more: --skip and --limit show the others, --count says how many\n"


def test_rows_that_sql_cuts_off_are_mentioned(capsys: pytest.CaptureFixture[str]) -> None:
    rows = {"columns": ["a"], "rows": [[1]], "truncated": True}

    show_rows({**rows, "rowsChanged": 0, "results": [rows]})

    assert capsys.readouterr() == ("a\n1\n", "there are more rows: --limit shows them\n")


# ---- tables


def test_a_piped_table_is_one_line_a_row_with_tabs(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"sourceId": 1234567, "type": None, "uri": URI}, {"sourceId": 2, "type": "a\tb\nc", "uri": "x"}]

    print_table("sources", rows, {"sourceId": "source", "type": "type", "uri": "uri"})

    assert capsys.readouterr().out == f"source\ttype\turi\n1234567\t-\t{URI}\n2\ta b c\tx\n"


def test_a_table_on_a_terminal_is_in_columns_and_cuts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)

    print_table("sources", [{"name": "漢字", "uri": URI}, {"name": "ab", "uri": "x"}], {"name": "name", "uri": "uri"})

    assert terminal.getvalue() == f"name  uri\n漢字  {URI}\nab    x\n"


def test_a_table_without_rows_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("jobs", [], {"jobId": "job"})

    assert capsys.readouterr().out == "jobs: none\n"


def test_a_mapping_is_printed_as_words(capsys: pytest.CaptureFixture[str]) -> None:
    show_fields({"jobs": {"Completed": 3, "Failed": 1}, "metadata": {}})

    assert capsys.readouterr().out == "jobs      Completed 3, Failed 1\nmetadata  -\n"


# ---- JSON


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1", "cp1252", "shift_jis"])
def test_json_is_valid_on_any_stdout(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    document = {"text": "é \u00a0 漢 😀 \x1b", "name": "\udcff.txt"}
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding, errors="backslashreplace"))

    print_result(document, True, show_fields)
    sys.stdout.flush()

    assert json.loads(raw.getvalue()) == document


def test_json_on_a_utf8_stdout_is_readable(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    print_result({"text": "漢"}, True, show_fields)

    assert "漢" in capsys.readouterr().out


def test_a_format_for_programs_is_utf8_whatever_stdout_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from hartonomous_service.cli.lineage_commands import _write

    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, "latin-1"))

    _write("<svg>漢\n", None)
    sys.stdout.flush()

    assert raw.getvalue() == "<svg>漢\n".encode()


def test_a_place_of_what_was_derived_from_the_bytes_is_that_of_its_format(capsys: pytest.CaptureFixture[str]) -> None:
    """It has no offset: the sum of two that were missing ended the search."""
    place = {"sourceId": 1, "sourceUri": "file:///rows.csv", "byteOffset": None, "byteLength": None}
    hit = {
        "rank": 1,
        "score": 1.0,
        "text": "a row",
        "highlight": None,
        "atomHash": "0" * 64,
        "placeCount": 2,
        "sourceCount": 1,
    }
    show_results(answer({**hit, "sources": [{**place, "locator": {"row": 3}}, {**place, "locator": None}]}))
    assert [line.strip() for line in capsys.readouterr().out.splitlines()[1:3]] == [
        "source 1, row 3: file:///rows.csv",
        "source 1, derived: file:///rows.csv",
    ]


@pytest.mark.parametrize(
    ("locator", "words"),
    [
        ({"page": 3, "box": [0, 0, 10, 20]}, "page 3"),
        ({"rows": [17, 19], "columns": ["city"], "byteOffset": 5, "row": 18}, "rows 17–19, row 18"),
        ({"pointer": "/boats", "row": 3}, "at /boats, row 3"),
        ({"heading": ["Tides", "Spring tides"]}, "under Tides › Spring tides"),
        ({"heading": ["A\nB\x1b[2J"]}, "under A B\ufffd[2J"),
        ({"heading": "Tides", "page": 2}, "page 2, under Tides"),
        ({"sheet": "Sales", "cells": "A1:D20"}, "sheet Sales, A1:D20"),
        ({"slide": 2}, "slide 2"),
        ({"cell": 4, "byteOffset": 7, "byteLength": 3}, "cell 4"),
        ({"symbol": "pkg.Class.method", "line": 12}, "in pkg.Class.method, line 12"),
        ({"symbol": ["Class", "method"], "lines": [12, 30]}, "in Class.method, lines 12–30"),
        ({"lines": [7, 7]}, "line 7"),
        ({"time": ["00:01:02.000", "00:01:05.000"]}, "at 00:01:02.000–00:01:05.000"),
        ({"part": "title"}, "its title"),
        ({"message": 3, "attached": ["A", "B"], "part": "headers"}, "message 3, attached A › B, its headers"),
        ({"cell": 2, "part": "output"}, "its output, cell 2"),
        ({"part": "text/plain", "quoted": True}, "part text/plain, quoted"),
        ({"part": "text/plain", "header": "Subject"}, "part text/plain, header Subject"),
        ({"charset": "utf-16le", "byteOffset": 0, "byteLength": 4}, ""),
        ({"lines": [], "rows": "A-D"}, "rows A-D, lines "),
        ({"lines": [[1, 2], [3, 4]]}, "lines [1, 2]–[3, 4]"),
    ],
)
def test_a_locator_is_said_in_words(locator: dict[str, Any], words: str) -> None:
    assert describe_locator(locator) == words


def test_what_stands_in_the_bytes_as_it_is_has_both_places(capsys: pytest.CaptureFixture[str]) -> None:
    place = {"sourceId": 1, "sourceUri": "file:///a.ipynb", "byteOffset": 7, "byteLength": 3, "locator": {"cell": 4}}
    hit = {
        "rank": 1,
        "score": 1.0,
        "text": "abc",
        "highlight": None,
        "atomHash": "0" * 64,
        "placeCount": 1,
        "sourceCount": 1,
    }
    show_results(answer({**hit, "sources": [{**place, "highlightOffset": None, "highlightLength": None}]}))
    assert capsys.readouterr().out.splitlines()[1].strip() == "source 1, bytes 7-10, cell 4: file:///a.ipynb"
