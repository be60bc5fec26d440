"""Which headings the atoms of Markdown and reStructuredText stand under; the atoms are those of the text."""

import io
import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hartonomous_core.atomizers import atomizer_for
from hartonomous_core.atomizers.headings import MarkdownHeadings, RestHeadings

LONG = "Words of a paragraph that is long enough to be a passage by itself. " * 20


def places(text: str, kind: str) -> list[tuple[str, Any]]:
    """The first word of each atom, and where it says that it is."""
    atoms = list(atomizer_for(kind).atomize(io.BytesIO(text.encode()), kind))
    plain = list(atomizer_for("text/plain").atomize(io.BytesIO(text.encode()), "text/plain"))
    assert [(atom.content, atom.suffix, atom.subtype, atom.role) for atom in atoms] == [
        (atom.content, atom.suffix, atom.subtype, atom.role) for atom in plain
    ]
    return [(atom.content.decode().split()[0], (atom.locator or {}).get("heading")) for atom in atoms if atom.text]


def test_passages_of_markdown_are_those_of_text_with_their_headings() -> None:
    text = f"First {LONG}\n\n# Tides #\n\n## Spring\n\n{LONG}\n\nNext {LONG}\n\n```\n# no heading\n```\n\n{LONG}\n\nTrains\n======\n\n{LONG}"
    found = places(text, "text/markdown")
    assert found[0] == ("First", None)
    assert ("#", ["Tides", "Spring"]) in found or ("##", ["Tides", "Spring"]) in found
    assert ("Next", ["Tides", "Spring"]) in found
    assert {tuple(path or ()) for _, path in found} == {(), ("Tides", "Spring"), ("Trains",)}


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("# A\n\nx", ["A"]),
        ("# A\n## B\n# C\n### D\nx", ["C", "D"]),
        ("#A\nx", []),
        ("####### A\nx", []),
        ("    # A\nx", []),
        ("   ## A ##  \nx", ["A"]),
        ("# C#\nx", ["C#"]),
        ("#\nx", []),
        ("# " + "x" * 300 + "\nx", ["x" * 199 + "…"]),
        ("```\n# A\n```\nx", []),
        ("~~~~ py\n# A\n```\n~~~\n# B\n~~~~~\n# C\nx", ["C"]),
        ("```a`b\n# A\nx", ["A"]),
        ("A\n===\nx", ["A"]),
        ("A\n--\nx", ["A"]),
        ("- A\n---\nx", []),
        ("---\ntitle: t\n---\nx", []),
        ("some text\nA\n---\nx", []),
        ("\n---\nx", []),
        ("# A\r\n\r\nx", ["A"]),
    ],
)
def test_headings_of_markdown(text: str, path: list[str]) -> None:
    headings = MarkdownHeadings()
    headings.pass_over(text + "\n")
    assert headings.pass_over("the end") == path


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("A\n=\n\nx", []),
        ("Tides\n=====\n\nx", ["Tides"]),
        ("=====\nTides\n=====\n\nSpring\n======\n\nx", ["Tides", "Spring"]),
        ("Tides\n=====\n\nSpring\n------\n\nNeap\n------\n\nx", ["Tides", "Neap"]),
        ("Tides\n=====\n\nA1\n--\n\nTrains\n======\n\nx", ["Trains"]),
        ("Tides\n===\n\nx", []),
        ("  Tides\n=======\n\nx", []),
        ("=========\n  Tides\n=========\n\nx", ["Tides"]),
        ("x\n\n----\n\ny", []),
        ("===== =====\na     b\n===== =====\n\nx", []),
        ("a line\nof text\n=======\n\nx", []),
    ],
)
def test_headings_of_restructured_text(text: str, path: list[str]) -> None:
    headings = RestHeadings()
    headings.pass_over(text + "\n")
    assert headings.pass_over("the end") == path


def test_a_part_stands_under_the_headings_with_which_it_begins() -> None:
    for headings, text in (
        (MarkdownHeadings(), "# A\n\nB\n---\n\nx\n\n# C\n\n"),
        (RestHeadings(), "A1\n==\n\nB1\n--\n\nx\n\nC1\n==\n\n"),
    ):
        assert [title[0] for title in headings.pass_over(text)] == ["A", "B"]
        assert [title[0] for title in headings.pass_over("y")] == ["C"]


def test_what_goes_on_in_a_line_is_no_heading() -> None:
    headings = MarkdownHeadings()
    headings.pass_over("a long line, cut ")
    assert headings.pass_over("# here\n") == []
    assert headings.pass_over("# A\n") == ["A"]


@pytest.mark.parametrize("kind", ["text/markdown", "text/x-rst"])
@pytest.mark.parametrize(
    "unit", ["# A\n", "#" * 99 + "\n", "```\n", "=" * 50 + "\n", "# " + " #" * 500, "-\n=\n", "x\n--\n", "\n"]
)
def test_texts_that_mean_harm_are_read_in_bounded_time(kind: str, unit: str) -> None:
    data = unit.encode() * (250_000 // len(unit))
    started = time.process_time()
    atoms = list(atomizer_for(kind).atomize(io.BytesIO(data), kind))
    assert time.process_time() - started < 10
    assert b"".join(atom.content + atom.suffix for atom in atoms) == data


@given(st.text(alphabet="#=-`~ \n>ab\t", max_size=300), st.sampled_from(["text/markdown", "text/x-rst"]))
def test_any_text_has_the_atoms_that_it_has_without_headings(text: str, kind: str) -> None:
    places(text, kind)


@pytest.mark.parametrize("kind", [MarkdownHeadings, RestHeadings])
@given(parts=st.lists(st.text(alphabet="#=-`~ \nab\r", max_size=30), max_size=8))
def test_parts_without_signs_may_be_passed_over(kind: Any, parts: list[str]) -> None:
    careful, quick = kind(), kind()
    careful.signs = re.compile("")
    assert [careful.pass_over(part) for part in parts] == [quick.pass_over(part) for part in parts]


def test_text_in_another_encoding_is_read_as_before() -> None:
    assert atomizer_for("text/markdown; charset=windows-1252").name == "encoded-text"
    assert atomizer_for("text/markdown; charset=utf-8").name == "markdown"
    assert atomizer_for("text/plain").name == "text"
