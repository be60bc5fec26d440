"""What is read of subtitles, of damaged ones, and of those that mean harm."""

import io
import time
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hartonomous_core.atomizers import Partial
from hartonomous_core.atomizers.content_type import sniff
from hartonomous_core.atomizers.extractors import subtitles
from tests.unit.changed_bytes import Cuts, cut, cuts_of, rebuilt

SRT = rb"""1
00:00:01,000 --> 00:00:02,500
<i>Fog lies low</i>
over the harbour.

2
00:00:03,000 --> 00:00:04,000 X1:40 X2:600
{\an8}<font color="#fff">The pilot</font> boards &amp; waits

for the tide.

3
01:01:03,250 --> 01:01:04,000
- Is it five?
"""
VTT = b"""\xef\xbb\xbfWEBVTT - Tides
Kind: captions

NOTE nobody
reads this

STYLE
::cue { color: lime }

intro
00:01.000 --> 00:02.000 align:start position:0%
<v.loud Anna Weir>The <c.green>ebb</c> <00:00:01.500>begins</v>

00:02.000 --> 00:03.000
The tug waits

00:03.000 --> 00:04.000
The tug waits
at the quay.
"""


def read(data: bytes, content_type: str = "text/vtt") -> tuple[list[tuple[str, Any]], str | None]:
    """What was read, and why it is not all."""
    found = []
    try:
        for section in subtitles.extract(io.BytesIO(data), content_type):
            found.append((section.text, section.locator))
    except Partial as problem:
        return found, str(problem)
    return found, None


def test_lines_are_joined_until_nobody_speaks() -> None:
    assert read(SRT) == (
        [
            (
                "Fog lies low over the harbour. The pilot boards & waits for the tide.",
                {"time": ["00:00:01.000", "00:00:04.000"]},
            ),
            ("- Is it five?", {"time": ["01:01:03.250", "01:01:04.000"]}),
        ],
        None,
    )


def test_captions_are_read_with_who_speaks_and_what_rolls_once() -> None:
    said = "Anna Weir: The ebb begins The tug waits at the quay."
    assert read(VTT) == ([(said, {"time": ["00:00:01.000", "00:00:04.000"]})], None)
    assert read(VTT.replace(b"\n", b"\r\n")) == read(VTT)


def test_a_passage_ends_with_a_sentence_or_where_it_is_long() -> None:
    def cue(second: int, text: str) -> str:
        return f"{second}\n00:00:{second:02},000 --> 00:00:{second:02},900\n{text}\n\n"

    sentences = "".join(cue(n, "word " * 20 + (f"end {n}." if n % 3 == 0 else f"on {n}")) for n in range(20))
    found, _ = read(sentences.encode())
    assert [text.count("word") for text, _ in found] == [80, 120, 120, 80]
    assert [text.endswith(".") for text, _ in found] == [True, True, True, False]
    assert found[1][1] == {"time": ["00:00:04.000", "00:00:09.900"]}
    without_end = "".join(cue(n, "word " * 20 + str(n)) for n in range(20))
    assert {len(text) > 800 for text, _ in read(without_end.encode())[0][:-1]} == {True}


@pytest.mark.parametrize("charset", ["windows-1252", "utf-16le", "utf-8"])
def test_the_charset_of_the_content_type_is_that_of_the_bytes(charset: str) -> None:
    data = SRT.decode().replace("Fog", "Brüme").encode(charset)
    assert read(data, f"application/x-subrip; charset={charset}")[0][0][0].startswith("Brüme lies low")


ONE = b"1\n00:00:01,000 --> 00:00:02,000\n"
DAMAGED: dict[str, tuple[bytes, str | None, str]] = {
    "nothing": (b"", None, ""),
    "blank": (b"\n" * 1_000_000, None, ""),
    "no times": (b"read", None, "read"),
    "times alone": (ONE, None, ""),
    "truncated in its times": (ONE + b"read\n\n2\n00:00:0", None, "read"),
    "truncated behind the arrow": (ONE + b"read\n\n2\n00:00:03,000 -->", "times are broken, first in line 2", "read"),
    "letters for times": (b"1\n00:xx:01,000 --> 00:00:02,000\nread", "times are broken, first in line 1", "read"),
    "no fraction": (b"1\n00:00:01 --> 00:00:02\nread", "times are broken", "read"),
    "it ends before it begins": (b"1\n00:00:09,000 --> 00:00:02,000\nread", "times are broken", "read"),
    "hours without end": (b"1\n" + b"9" * 60_000 + b":00:00,000 --> 1:00:00,000\nread", "times are broken", "read"),
    "digits of Devanagari": ("1\n००:००:०१,००० --> 00:00:02,000\nread".encode(), None, "read"),
    "time that runs back": (b"1\n00:01:00,000 --> 00:01:01,000\na\n\n" + ONE + b"read", None, "read"),
    "no blank lines": (ONE + b"read\n" + ONE + b"more", None, "read more"),
    "no numbers": (ONE[2:] + b"read\n\n" + ONE[2:] + b"more", None, "read more"),
    "many arrows": (b"-->" * 1_000_000, "times are broken", ""),
    "times for text": (ONE + b"\n".join([ONE[2:-1]] * 100_000) + b"\nread", None, "read"),
    "marks that stay open": (ONE + b"read " + b"<" * 3_000_000, None, "read"),
    "voices that stay open": (ONE + b"read " + b"<v " * 300_000, None, "read"),
    "braces": (ONE + b"read\n" + b"{\\" * 1_000_000, None, "read"),
    "entities": (ONE + b"read" + b"&#xD800;&#0;&nosuch;&#99999999999;", None, "read"),
    "NULs": (ONE + b"read\n" + b"\0" * 1_000_000, None, "read"),
    "bytes": (ONE + b"read \xff\xfe\x80" + bytes(range(128, 256)), None, "read"),
    "a line without end": (ONE + b"read " + b"x" * 3_000_000, None, "read"),
    "a block without end": (ONE + b"read\n" + b"x\n" * 500_000, None, "read"),
    "a mark within": (b"\xef\xbb\xbf" + ONE + b"\xef\xbb\xbfread", None, "read"),
    "only a note": (b"WEBVTT\n\nNOTE read", None, ""),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_what_is_damaged_is_read_as_far_as_it_goes_and_says_why(name: str) -> None:
    data, reason, said = DAMAGED[name]
    started = time.process_time()
    found, problem = read(data)
    assert time.process_time() - started < 20
    assert (problem is None) if reason is None else (reason in str(problem))
    assert said in " ".join(text for text, _ in found)


def test_any_number_of_lines_takes_the_memory_of_one_passage() -> None:
    data = ONE + b"words\n\n" * 100_000 + SRT * 1000
    stream = io.BytesIO(data)
    tracemalloc.start()
    count = sum(1 for _ in subtitles.extract(stream, "text/vtt"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count > 1000
    assert peak < 4 * 1024 * 1024


@given(cuts_of(SRT), st.booleans())
def test_whatever_happens_to_its_bytes_only_partial_is_raised(cuts: Cuts, is_vtt: bool) -> None:
    data = cut(VTT if is_vtt else SRT, cuts)
    read(data)
    assert rebuilt(data, "application/x-subrip") == data


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (SRT, "film.srt", "application/x-subrip"),
        (SRT, "", "application/x-subrip"),
        (VTT, "", "text/vtt"),
        (VTT, "film.VTT", "text/vtt"),
        (SRT, "film.txt", "text/plain"),
        (b"WEBVTTx", "", "text/plain"),
    ],
)
def test_subtitles_are_known_by_name_and_by_how_they_begin(data: bytes, name: str, kind: str) -> None:
    assert sniff(data, name) == kind
