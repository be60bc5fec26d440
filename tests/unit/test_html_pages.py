"""What is read of a page, of a damaged one, and of one that means harm."""

import io
import random
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hartonomous_core.atomizers import Partial, Section, atomizer_for
from hartonomous_core.atomizers.extractors import html

PAGE = """<!doctype html>
<html lang=en><head><title>The harbour of Lyme</title><meta name="Description" content="Tides, tables &amp; trains.">
<style>p { color: red }</style><script>var secret = "unseen";</script></head>
<body><header><p>Site of the town</header><nav><a href="/home">Home</a></nav>
<main><h1>The <em>harbour</em></h1>
<p>Fog lies&nbsp;low   over
the <b>har</b>bour. See <a href="https://tides.example/report.pdf">the yearly report</a> or <a href="#top">go up</a>.</p>
<h3>Spring tides</h3><header>Inside the main part</header>
<ul><li>High water at six</li><li>Low water at noon</ul>
<h2>Trains</h2>
<table><caption>Departures</caption><tr><th>To<th>At</tr><tr><td><p>Axminster</p></td><td>10:40<br>daily</td></tr></table>
<pre>  first
    second</pre>
<p hidden>Not shown</p><div style="display: none">Nor this</div>
<img src=x.png alt="A boat at the quay"></main>
<aside>Read also</aside><div role=navigation>More pages</div><footer>© town</footer><noscript>Enable it</noscript>
</body></html>"""


def sections_of(page: str | bytes, content_type: str = "text/html") -> list[Section]:
    return list(html.extract(io.BytesIO(page.encode() if isinstance(page, str) else page), content_type))


def texts(page: str | bytes, content_type: str = "text/html") -> list[str]:
    return [section.text for section in sections_of(page, content_type)]


def test_a_page_is_read_under_its_headings_without_what_belongs_to_the_site() -> None:
    assert [(section.text, section.locator) for section in sections_of(PAGE)] == [
        ("The harbour of Lyme\n\nTides, tables & trains.", {"part": "title"}),
        (
            "The harbour\n\nFog lies low over the harbour. See the yearly report or go up.",
            {"heading": ["The harbour"]},
        ),
        (
            "Spring tides\n\nInside the main part\n\nHigh water at six\nLow water at noon",
            {"heading": ["The harbour", "Spring tides"]},
        ),
        (
            "Trains\n\nDepartures\n\nTo | At\nAxminster | 10:40 daily\n\n  first\n    second\n\nA boat at the quay",
            {"heading": ["The harbour", "Trains"]},
        ),
        ("the yearly report: https://tides.example/report.pdf", {"part": "links"}),
    ]


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("", []),
        ("plain words", ["plain words"]),
        ("<nav><p>Only <a href=/a>a list</a></nav>", ["Only a list", "a list: /a"]),
        ("<header><h1>An essay</h1><p>By me</header><p>Words.", ["An essay\n\nBy me\n\nWords."]),
        ("<header><h1>Site</h1></header><article><h1>Essay</h1><footer>Signed</footer></article>", ["Essay\n\nSigned"]),
        ("<h2></h2><p>x<h2> </h2>y", ["x", "y"]),
        ("<h1>A<h2>B<p>b</h2><h1>C", ["A", "B\n\nb", "C"]),
        ("a<br>b<p>c<p>", ["a\nb\n\nc"]),
        ("a&#0;b &#xD800; &lt;", ["a\ufffdb \ufffd <"]),
        ("<a href='javascript:x()'>run</a> <a href='data:,x'>d</a> <a href='?page=2'>on</a>", ["run d on"]),
        ("<a href=mailto:a@b.example>a@b.example</a>", ["a@b.example", "a@b.example: mailto:a@b.example"]),
        ("<table><tr><td>a<td></td><td>b<table><tr><td>c<td>d</table>", ["a | | b c d"]),
    ],
)
def test_odd_pages(page: str, expected: list[str]) -> None:
    assert texts(page) == expected


@pytest.mark.parametrize("charset", ["windows-1251", "utf-16le", "utf-8"])
def test_the_charset_of_the_content_type_is_that_of_the_bytes(charset: str) -> None:
    page = "<meta charset=iso-8859-1><p>Прилив и отлив"
    assert texts(page.encode(charset), f"text/html; charset={charset}") == ["Прилив и отлив"]


def test_bytes_that_are_not_in_the_charset_do_not_stop_it() -> None:
    assert texts(b"<p>fog \xff\xfe lies\0 low") == ["fog \ufffd\ufffd lies low"]


HOSTILE: dict[str, Any] = {
    "open inline tags": b"<b>" * 300_000 + b"deep",
    "a huge attribute": b"<p title='" + b"x" * 7_000_000 + b"'>deep",
    "a comment without end": b"<p>deep<!--" + b"-" * 5_000_000,
    "unclosed tag": b"<p>deep<p " + b"a=1 " * 200_000,
    "entities": b"<p>deep " + b"&amp;" * 500_000,
    "links": b"<a href=/x>deep</a> " * 50_000,
    "nested links": b"<a href=/x><table><tr><td>" * 300 + b"deep",
    "headings": b"<h1>deep</h1>" * 50_000,
    "cells": b"<table>" + b"<tr><td>deep" * 50_000,
    "NULs": b"<p>deep" + b"\0" * 1_000_000,
    "attributes": b"<p " + b" ".join(b"a%d=1" % n for n in range(5_000)) + b">deep",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_page_that_means_harm_is_read_in_bounded_time(name: str) -> None:
    started = time.process_time()
    found = texts(HOSTILE[name])
    assert any("deep" in text for text in found)
    assert time.process_time() - started < 20


def test_a_page_of_more_than_the_limit_is_read_up_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "MOST_BYTES", 1000)
    sections = html.extract(io.BytesIO(b"<p>" + b"fog " * 1000), "text/html")
    assert next(sections).text == "fog " * 249 + "f"
    with pytest.raises(Partial, match="only its first 1,000 bytes"):
        next(sections)


@pytest.mark.parametrize("tag", ["<p a=1>x", "<p a>x", "<p/a/>x", """<p a="b c / d">x""", "<p a='b'>x", "<p>x<br>"])
def test_of_a_page_of_more_tags_than_the_limit_the_beginning_is_read(tag: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "MOST_TAGS", 10)
    sections = html.extract(io.BytesIO(tag.encode() * 100), "text/html")
    assert next(sections).text.split() == ["x"] * 5
    with pytest.raises(Partial, match="only its first 10 tags and attributes"):
        next(sections)


def test_whatever_is_cut_out_of_a_page_it_is_rebuilt_and_nothing_is_raised() -> None:
    draw = random.Random(16)
    data = PAGE.encode()
    for _ in range(150):
        start, stop = sorted(draw.sample(range(len(data)), 2))
        damaged = data[:start] + draw.randbytes(draw.randrange(20)) + data[stop:]
        atoms = list(atomizer_for("text/html").atomize(io.BytesIO(damaged), "text/html"))
        assert b"".join(atom.content for atom in atoms if atom.role == "content") == damaged


TAGS = [
    "p",
    "div",
    "h1",
    "h2",
    "h3",
    "li",
    "ul",
    "table",
    "tr",
    "td",
    "th",
    "a",
    "b",
    "pre",
    "br",
    "main",
    "header",
    "section",
    "dl",
    "dt",
]
SOUP = st.lists(
    st.one_of(
        st.sampled_from([f"<{tag}>" for tag in TAGS] + [f"</{tag}>" for tag in TAGS]),
        st.sampled_from(
            ["<nav>", "</nav>", "<!--", "-->", "<a href=/x>", "<td ", "&amp;", "&#xD83D;", "\0", "<![CDATA[", "</"]
        ),
        st.text(max_size=8),
    ),
    max_size=60,
)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(SOUP)
def test_any_soup_of_tags_is_read(soup: list[str]) -> None:
    page = "".join(soup).encode("utf-8", "surrogatepass")
    for section in sections_of(page):
        assert section.text.strip()
    atoms = list(atomizer_for("text/html").atomize(io.BytesIO(page), "text/html"))
    assert b"".join(atom.content for atom in atoms if atom.role == "content") == page


@settings(derandomize=True, deadline=None, max_examples=100)
@given(
    st.lists(
        st.tuples(st.sampled_from(["p", "div", "h1", "h2", "li", "td", "b", "pre", "dd"]), st.integers(0, 10**6)),
        max_size=40,
    )
)
def test_every_word_of_the_main_part_is_read_once_and_in_order(parts: list[tuple[str, int]]) -> None:
    page = "<main>" + " ".join(f"<{tag}>w{number}x{n}</{tag}>" for n, (tag, number) in enumerate(parts))
    words = " ".join(texts(page)).replace("|", " ").split()
    assert words == [f"w{number}x{n}" for n, (_, number) in enumerate(parts)]
