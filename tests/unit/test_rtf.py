"""What is read of Rich Text: characters in any of its codings, what stands beside the text, and damaged files."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hartonomous_core.atomizers.extractors import rtf_blocks
from tests.unit.zipped_files import read

RTF = "application/rtf"
LETTER = r"""{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\froman Times;}{\f1\fnil\fcharset204 Arial Cyr;}{\f2\fcharset128 Mincho;}}
{\colortbl;\red0\green0\blue0;}{\stylesheet{\s1\outlinelevel0 heading 1;}}{\*\generator Word;}
{\info{\title The harbour of Lyme}{\author Ada}{\subject Tides}}
{\header\pard Harbour office\par}
\pard\plain\s1\outlinelevel0\b The harbour\b0\par
\pard\plain Fog lies l\'f6w over{\v hidden} the {\deleted gone}quay{\super\chftn{\footnote\pard\plain {\super\chftn} Says the almanac.}}.\par
\pard\outlinelevel1 Spring tides\par\pard\f1 \'cf\'f0\'e8\'eb\'e8\'e2\f0  is \u1090?\u8364\'80 \lquote high\rquote .\par
\trowd\pard\intbl From\cell To\cell\row\trowd\pard\intbl Lyme\cell Ax\par minster\cell\row
\pard{\*\shpinst{\sp{\sn x}{\sv 1}}{\shptxt\pard In a box\par}}After it{\*\annotation\pard Why?}\par
{\pict\pngblip 89504e470d0a}{\*\unknown never}{\f2 \'82\'a0}\~\{x\}\par}"""


def sections(data: str | bytes) -> list[tuple[str, object]]:
    found, problem = read(data.encode() if isinstance(data, str) else data, RTF)
    assert problem is None, problem
    return [(section.text, section.locator) for section in found]


def test_a_letter_is_read_under_its_headings() -> None:
    assert sections(LETTER) == [
        ("The harbour of Lyme", {"part": "title"}),
        ("Tides", {"part": "title"}),
        ("Harbour office", {"part": "header"}),
        ("The harbour\n\nFog lies löw over the quay.", {"heading": ["The harbour"]}),
        ("Says the almanac.", {"part": "footnote", "heading": ["The harbour"]}),
        (
            "Spring tides\n\nПрилив is т€ ‘high’.\n\nFrom | To\nLyme | Ax minster\n\nIn a box\n\nAfter it\n\nあ\xa0{x}",
            {"heading": ["The harbour", "Spring tides"]},
        ),
        ("Why?", {"part": "comment", "heading": ["The harbour", "Spring tides"]}),
    ]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (r"a\par b\line c\tab d", "a\n\nb\nc\td"),
        (r"\uc1\u233e\'e9", "éé"),
        (r"\uc0\u233e {\uc2\u233ab}c\u233 d", "ée écéd"),
        (r"\u-10179?\u-8704?", "\U0001f600"),
        (r"\u-10179?", "\ufffd"),
        (r"\'zz\'4", "zz4"),
        (r"\bin5 {{{{{x", "x"),
        ("a\nb\r\nc", "abc"),
        ("a\\\nb", "a\n\nb"),
        (r"{\fonttbl{\f9\fcharset999 X;}}\f9 \'e9\f77 x", "éx"),
        (r"\ansicpg99999 \'e9", "é"),
        (r"\mac\'8e", "é"),
        (r"{\upr{ansi}{\*\ud{wide}}}", "ansi"),
        (r"{\field{\*\fldinst HYPERLINK x}{\fldrslt link}}", "link"),
        (r"\cell\row\nestrow x", "x"),
        (r"\outlinelevel9999999999 x\uc-5 \f-1 y", "xy"),
        ("", ""),
    ],
)
def test_odd_words(body: str, expected: str) -> None:
    assert "\n".join(text for text, _ in sections(f"{{\\rtf1\\ansi {body}}}")) == expected


def test_what_comes_behind_the_last_brace_is_no_text() -> None:
    assert sections(r"{\rtf1 x}}} y {z}") == [("x", None)]


@pytest.mark.parametrize("size", [7, 64, 100])
def test_where_it_is_read_in_pieces_changes_nothing(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    whole = sections(LETTER)
    monkeypatch.setattr(rtf_blocks, "_READ_BYTES", size)
    assert sections(LETTER) == whole


HOSTILE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "does not begin as Rich Text"),
    "no Rich Text": (b"plain words", "does not begin as Rich Text"),
    "cut off": (b"{\\rtf1 kept\\par lost{\\b", "its end is missing"),
    "deep": (b"{\\rtf1 kept\\par " + b"{" * 100_000, "nested more than 2,000 deep"),
    "never ends": (b"{\\rtf1 kept\\par " + b"x" * 3_000_000 + b"}", "is cut off"),
    "binary without end": (b"{\\rtf1 kept\\par \\bin999999999 abc", "its end is missing"),
    "cells": (b"{\\rtf1 kept\\par " + b"\\cell" * 300_000 + b"}", ""),
    "fonts": (
        b"{\\rtf1 kept\\par {\\fonttbl" + b"".join(b"{\\f%d\\fcharset204 a;}" % n for n in range(20_000)) + b"}}",
        "",
    ),
    "notes": (b"{\\rtf1 kept\\par " + b"{\\footnote x}" * 50_000 + b"}", ""),
    "NULs": (b"{\\rtf1 kept\\par \0\0\xff\xfe}", ""),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_is_damaged_or_means_harm(name: str) -> None:
    data, reason = HOSTILE[name]
    started = time.process_time()
    found, problem = read(data, RTF)
    assert time.process_time() - started < 20
    assert (problem is None) if not reason else (problem is not None and reason in problem)
    if b"kept" in data:
        assert "kept" in found[0].text


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.integers(0, len(LETTER)), st.binary(max_size=6), st.integers(0, 60))
def test_bytes_that_change_anywhere_raise_nothing(at: int, new: bytes, removed: int) -> None:
    data = LETTER.encode()
    read(data[:at] + new + data[at + removed :], RTF)
