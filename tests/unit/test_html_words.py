"""How many of the words that the better of two other programs finds in the main part of a page are found by ours, in the same order.

Ours is given the whole page, with what belongs to the site; the others its main part alone.
"""

import re
from collections.abc import Callable
from html import escape

import pytest
from bs4 import BeautifulSoup
from inscriptis import get_text

from tests.unit.test_office_words import LEAST, Words, share_found

MAIN = re.compile(rb"<!--main-->(.*)<!--/main-->", re.DOTALL)


def page(words: Words, main: str, *, before: str = "<main>", behind: str = "</main>", head: str = "") -> bytes:
    """A page with all that belongs to a site around its main part."""
    links = "".join(f'<li><a href="/{n}">{words.cell()}</a></li>' for n in range(12))
    return f"""<!doctype html><html lang=en><head><meta charset=utf-8>{head}<title>{words.cell()}</title><style>p {{ margin: 0 }}</style>
<script>const menu = ["{words.cell()}"]; if (1 < 2) {{ document.write("<p>no</p>") }}</script></head><body>
<header><p>{words.cell()}</p><form role=search><input name=q><button>{words.cell()}</button></form></header>
<nav><ul>{links}</ul></nav>{before}<!--main-->{main}<!--/main-->{behind}
<aside><h2>{words.cell()}</h2><ul>{links}</ul></aside><footer><p>{words.cell()}</p></footer></body></html>""".encode()


def paragraphs(words: Words, count: int) -> str:
    return "\n".join(f"<p>{escape(words.sentence())} {escape(words.sentence())}</p>" for _ in range(count))


def article(words: Words) -> bytes:
    byline = f"<header><h1>{words.cell()}</h1><p>{words.cell()}</p></header>"
    return page(words, byline + paragraphs(words, 12), before="<main><article>", behind="</article></main>")


def headings(words: Words) -> bytes:
    return page(words, "".join(f"<h{n}>{words.cell()}</h{n}>{paragraphs(words, 3)}" for n in (1, 2, 3, 4, 2, 3, 2)))


def lists(words: Words) -> bytes:
    def level(depth: int) -> str:
        inner = level(depth - 1) if depth else ""
        return "<ul>" + "".join(f"<li>{words.sentence()}{inner if n == 1 else ''}" for n in range(4)) + "</ul>"

    return page(
        words, f"<h1>{words.cell()}</h1>{level(3)}<ol>{''.join(f'<li>{words.sentence()}' for _ in range(9))}</ol>"
    )


def definitions(words: Words) -> bytes:
    return page(words, "<dl>" + "".join(f"<dt>{words.cell()}<dd>{words.sentence()}" for _ in range(25)) + "</dl>")


def tables(words: Words) -> bytes:
    def table() -> str:
        head = "".join(f"<th>{words.cell()}" for _ in range(4))
        rows = "".join("<tr>" + "".join(f"<td>{words.cell()}" for _ in range(4)) for _ in range(8))
        return f"<table><caption>{words.cell()}</caption><thead><tr>{head}<tbody>{rows}</table>"

    return page(words, paragraphs(words, 2) + table() + paragraphs(words, 2) + table())


def laid_out_by_tables(words: Words) -> bytes:
    rows = "".join(f"<tr><td width=600><font size=2>{paragraphs(words, 3)}</font></td></tr>" for _ in range(5))
    return page(
        words, f"<center><table border=0><tbody>{rows}</tbody></table></center>", before="<div>", behind="</div>"
    )


def divisions(words: Words) -> bytes:
    cards = "".join(
        f"<div class=card><div><span>{words.cell()}</span></div><div>{words.sentence()}</div></div>" for _ in range(20)
    )
    return page(words, f"<div><div><div>{cards}</div></div></div>", before='<div id="content">', behind="</div>")


def code(words: Words) -> bytes:
    lines = "\n".join(f"  {word} = read('{word}')  # {words.cell()}" for word in ("tide", "fog", "pilot"))
    return page(words, "".join(f"{paragraphs(words, 2)}<pre><code>{lines} {n}</code></pre>" for n in range(6)))


def figures(words: Words) -> bytes:
    figure = "<figure><img src=a.png><figcaption>{}</figcaption></figure>"
    return page(words, "".join(f"{paragraphs(words, 2)}{figure.format(words.sentence())}" for _ in range(6)))


def inline(words: Words) -> bytes:
    def marked() -> str:
        a, b, c, d = (words.cell() for _ in range(4))
        return f'<p><b>{a}</b> <a href="https://port.example/{len(a)}">{b}</a>, <em>{c}</em> (<q>{d}</q>) <sup>1</sup>.</p>'

    return page(words, "".join(marked() for _ in range(25)))


def references(words: Words) -> bytes:
    notes = "".join(f'<li id="n{n}"><a href="#r{n}">^</a> {words.sentence()}</li>' for n in range(15))
    text = "".join(
        f'<p>{words.sentence()}<sup><a href="#n{n}">[{n}]</a></sup> {words.sentence()}</p>' for n in range(15)
    )
    return page(words, f"<h1>{words.cell()}</h1>{text}<section><h2>{words.cell()}</h2><ol>{notes}</ol></section>")


def answers(words: Words) -> bytes:
    asked = "".join(
        f"<details open><summary>{words.sentence()}</summary>{paragraphs(words, 1)}</details>" for _ in range(10)
    )
    return page(words, f"<section><h2>{words.cell()}</h2>{asked}</section>")


def comments(words: Words) -> bytes:
    each = "".join(
        f"<article><header><h3>{words.cell()}</h3></header>{paragraphs(words, 1)}<footer>{words.cell()}</footer></article>"
        for _ in range(12)
    )
    return page(words, f"<h1>{words.cell()}</h1>{paragraphs(words, 2)}<section>{each}</section>")


def without_end_tags(words: Words) -> bytes:
    return page(
        words, f"<h1>{words.cell()}" + "".join(f"<p>{words.sentence()}<br>{words.sentence()}<hr>" for _ in range(14))
    )


def xhtml(words: Words) -> bytes:
    text = paragraphs(words, 14).replace("é", "&eacute;").replace("ö", "&#246;").replace("ß", "&#xdf;")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + page(words, f"<h1>{words.cell()}</h1>{text}")


def main_of(data: bytes) -> str:
    found = MAIN.search(data)
    assert found
    return found[1].decode()


def as_beautifulsoup_reads(data: bytes) -> str:
    return BeautifulSoup(main_of(data), "lxml").get_text(" ")


def as_inscriptis_reads(data: bytes) -> str:
    return get_text(re.sub(r"<(/?)ol>", r"<\1ul>", main_of(data)))  # the numbers that it writes stand in no page


@pytest.mark.parametrize(
    "make",
    [
        article,
        headings,
        lists,
        definitions,
        tables,
        laid_out_by_tables,
        divisions,
        code,
        figures,
        inline,
        references,
        answers,
        comments,
        without_end_tags,
        xhtml,
    ],
)
def test_of_a_page(make: Callable[[Words], bytes]) -> None:
    data = make(Words(20))
    assert share_found(data, "text/html", [as_beautifulsoup_reads, as_inscriptis_reads]) >= LEAST
