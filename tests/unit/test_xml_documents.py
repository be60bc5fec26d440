"""What is read of XML: of feeds, pictures, prose and data; of what is damaged, and of what means harm."""

import io
import random
import time
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hartonomous_core.atomizers import Partial, Section, atomizer_for
from hartonomous_core.atomizers.extractors import xml_documents, xml_reader, xml_sections

FEED = b"""<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/">
<channel>
 <title>Harbour news</title><description>All that happens</description>
 <item>
  <title>Fog at noon</title>
  <description>&lt;p&gt;Fog lies &lt;b&gt;low&lt;/b&gt; over the quay. &lt;a href="https://port.example/fog"&gt;See it&lt;/a&gt;</description>
 </item>
 <item><title>The ferry</title><content:encoded><![CDATA[<h2>Times</h2><p>It sails at six &mdash; daily.</p>]]></content:encoded></item>
</channel></rss>
"""
ATOM = b"""<feed xmlns="http://www.w3.org/2005/Atom"><title>Port</title>
<entry><link rel="alternate" href="https://port.example/1"/><title>Tides</title>
<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>High <b>wa</b>ter.</p><p>At six.</p></div></content></entry>
<entry><summary>Without a title</summary></entry></feed>"""
PICTURE = b"""<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"><title>The quay</title>
<desc>Where ships lie</desc><style>text { fill: red }</style><metadata><x>no one reads it</x></metadata>
<g id="a"><title>North</title><text x="1">Berth <tspan font-weight="bold">sev</tspan>en</text></g>
<a xlink:href="https://port.example/"><text>Office</text></a><image xlink:href="data:image/png;base64,AAAA"/></svg>"""
BOOK = b"""<!DOCTYPE book PUBLIC "-//OASIS//DTD DocBook XML V4.5//EN" "http://docbook.example/docbookx.dtd" [<!ENTITY port "Lyme">]>
<book><bookinfo><title>Harbours</title><author>Ada</author></bookinfo>
<chapter id="c1"><title>Tides of &port;</title><para>Fog <emphasis>lies</emphasis>&nbsp;low
over the <code>qu</code>ay.</para>
<section><title>Spring tides</title><para><emphasis>Note</emphasis> that it rises.</para>
<itemizedlist><listitem><para>one</para></listitem><listitem><para>two, <ulink href="https://port.example/two">here</ulink></para></listitem></itemizedlist>
<programlisting>a = 1
  b = 2</programlisting>
<informaltable><row><entry>a</entry><entry><para>b</para><para>c</para></entry></row><row><entry>d</entry><entry>e</entry></row></informaltable>
</section></chapter><chapter><title>Ships</title><mediaobject alt="A boat"/></chapter></book>"""
ORDERS = b"""<?xml version="1.0"?>
<orders xmlns:xsi="x" xsi:schemaLocation="a b">
  <order id="7"><customer>Ada Lovelace</customer>
    <line sku="A1"><qty>2</qty></line><line sku="B2"><qty>3</qty></line></order>
  <order id="8"><customer>Bob</customer><remark>Deliver to the <b>back</b> door</remark></order>
  <shop><city>Leeds</city><phone/></shop>
</orders>"""


def read(data: str | bytes, content_type: str = "application/xml") -> tuple[list[Section], str]:
    """The sections of a document, and what is wrong with it."""
    found: list[Section] = []
    try:
        for section in xml_documents.extract(
            io.BytesIO(data.encode() if isinstance(data, str) else data), content_type
        ):
            found.append(section)
    except Partial as problem:
        return found, str(problem)
    return found, ""


def said(data: str | bytes, content_type: str = "application/xml") -> list[tuple[str, object]]:
    sections, problem = read(data, content_type)
    assert not problem
    return [(section.text, section.locator) for section in sections]


def texts(data: str | bytes, content_type: str = "application/xml") -> list[str]:
    return [section.text for section in read(data, content_type)[0]]


def at(element: str, first: int, last: int, *titles: str) -> dict[str, object]:
    return {"element": element, "lines": [first, last], **({"heading": [*titles]} if titles else {})}


def test_a_feed_is_read_item_by_item_and_pages_in_it_as_pages() -> None:
    assert said(FEED) == [
        ("Harbour news\n\nAll that happens", at("/rss/channel", 4, 4, "Harbour news")),
        (
            "Fog at noon\n\nFog lies low over the quay. See it",
            at("/rss/channel/item[1]", 6, 7, "Harbour news", "Fog at noon"),
        ),
        (
            "The ferry\n\nTimes\n\nIt sails at six — daily.",
            at("/rss/channel/item[2]", 9, 9, "Harbour news", "The ferry"),
        ),
        ("See it: https://port.example/fog", {"part": "links"}),
    ]
    assert said(ATOM) == [
        ("Port", at("/feed/title", 1, 1, "Port")),
        ("Tides\n\nHigh water.\n\nAt six.", at("/feed/entry[1]", 2, 3, "Port", "Tides")),
        ("Without a title", at("/feed/entry[2]/summary", 4, 4, "Port")),
        ("https://port.example/1", {"part": "links"}),
    ]


def test_of_a_picture_its_words_are_read() -> None:
    assert said(PICTURE, "image/svg+xml") == [
        ("The quay\nWhere ships lie\nNorth\nBerth seven\nOffice", at("/svg", 1, 4, "The quay")),
        ("Office: https://port.example/", {"part": "links"}),
    ]


def test_prose_is_read_under_its_titles() -> None:
    assert said(BOOK) == [
        ("Harbours\n\nAda", at("/book/bookinfo", 2, 2, "Harbours")),
        (
            "Tides of Lyme\n\nFog lies low over the quay.",
            at("/book/chapter[1]", 3, 4, "Harbours", "Tides of Lyme"),
        ),
        (
            "Spring tides\n\nNote that it rises.\n\none\n\ntwo, here\n\na = 1\n  b = 2\n\na | b c\nd | e",
            at("/book/chapter[1]/section", 5, 9, "Harbours", "Tides of Lyme", "Spring tides"),
        ),
        ("Ships\n\nA boat", at("/book/chapter[2]", 10, 10, "Harbours", "Ships")),
        ("here: https://port.example/two", {"part": "links"}),
    ]


def test_data_is_read_record_by_record_each_value_with_its_name() -> None:
    assert said(ORDERS) == [
        (
            "id: 7\ncustomer: Ada Lovelace\nline.sku: A1\nline.qty: 2\nline.sku: B2\nline.qty: 3",
            at("/orders/order[1]", 3, 4),
        ),
        ("id: 8\ncustomer: Bob\nremark: Deliver to the back door", at("/orders/order[2]", 5, 5)),
        ("city: Leeds", at("/orders/shop/city", 6, 6)),
    ]


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("", []),
        ("<a/>", []),
        ("<a> <b/>\n</a>", []),
        ("<a>fog</a>", ["a: fog"]),
        ("<x:a xmlns:x='u'><x:b>fog</x:b></x:a>", ["x:b: fog"]),
        ("<ships><ship name='Ada' port='Lyme'/><ship name='Bob'/></ships>", ["name: Ada\nport: Lyme", "name: Bob"]),
        ("<l><e>one</e><e>two</e><f>three</f></l>", ["e: one\ntwo\nf: three"]),
        ("<r><s n='a'>Fog</s><s n='b'><i>lies</i> low</s></r>", ["n: a\ns: Fog", "n: b\ns: lies low"]),
        ("<c><db><host>h</host><port>5</port></db><log><level>x</level></log></c>", ["host: h\nport: 5", "level: x"]),
        (f"<a><b>{'fog ' * 30}</b></a>", [("fog " * 30).strip()]),
        (f"<a><b>fog</b><key>{'QUJD' * 60}</key></a>", ["b: fog"]),
        ("<a><![CDATA[<b>]]> &lt;c> &#x41;</a>", ["a: <b> <c> A"]),
        ("\n <?xml version='1.0'?>\n<a>fog</a>", ["a: fog"]),
        ("<html xmlns='http://www.w3.org/1999/xhtml'><body><h1>A</h1><p>b</p></body></html>", ["A\n\nb"]),
        ("<a x='&nope;'>fog &nope; low &eacute;</a>", ["a: fog &nope; low é"]),
        ("<!DOCTYPE a [<!ENTITY b 'Lyme'><!ENTITY c '&b;, &b;'>]><a>&c;</a>", ["a: Lyme, Lyme"]),
        ("<!DOCTYPE a [<!ATTLIST a b CDATA 'much'>]><a>fog</a>", ["a: fog"]),
        ("<!DOCTYPE a [<!ENTITY % p SYSTEM 'http://x.example/'> %p;]><a>fog</a>", ["a: fog"]),
    ],
)
def test_odd_documents(document: str, expected: list[str]) -> None:
    assert [text for text, _ in said(document)] == expected


@pytest.mark.parametrize("charset", ["windows-1251", "utf-16le", "utf-8", "iso-2022-jp-2"])
def test_the_charset_of_the_content_type_is_that_of_the_bytes(charset: str) -> None:
    document = "<?xml version='1.0' encoding='ISO-8859-1'?><a>Прилив и отлив</a>"
    assert texts(document.encode(charset), f"application/xml; charset={charset}") == ["a: Прилив и отлив"]


def test_a_long_list_is_read_in_pieces_that_one_more_hardly_changes() -> None:
    entries = [f"<e>entry {n} says that fog lies low over the quay</e>\n" for n in range(300)]
    before = texts(f"<log>{''.join(entries)}</log>")
    after = texts(f"<log>{''.join([*entries[:50], '<e>a new one</e>', *entries[50:]])}</log>")
    assert all(xml_sections.WANTED <= len(text) < 2 * xml_sections.LONGEST for text in before)
    assert len(set(after) - set(before)) <= 4
    for section in read(f"<log>{''.join(entries)}</log>")[0]:
        assert section.locator is not None
        first, last = section.locator["lines"]  # type: ignore[misc]
        assert f"entry {first - 1} says" in section.text.split("\n")[0]  # type: ignore[has-type]
        assert f"entry {last - 1} says" in section.text.split("\n")[-1]  # type: ignore[has-type]


def test_a_record_that_is_large_is_read_part_by_part_and_the_others_whole() -> None:
    large = "".join(f"<line><sku>A{n}</sku><qty>{n}</qty></line>" for n in range(2000))
    records = "".join(f"<order><id>{n}</id><to>Ada</to></order>" for n in range(30))
    sections, problem = read(f"<orders>{records}<order><id>x</id>{large}</order>{records}</orders>")
    places = [(section.locator or {})["element"] for section in sections]
    assert not problem
    assert places[:30] == [f"/orders/order[{n}]" for n in range(1, 31)]
    assert places[30:33] == ["/orders/order[31]/id", "/orders/order[31]/line[1]", "/orders/order[31]/line[2]"]
    assert places[-31:] == ["/orders/order[31]/line[2000]", *(f"/orders/order[{n}]" for n in range(32, 62))]


DAMAGED = {
    "cut off": ("<a><b>fog</b><c>lies", "its end is missing", ["b: fog\nc: lies"]),
    "cut off in a tag": ("<a><b>fog</b><c na", "its end is missing", ["b: fog"]),
    "crossed": (
        "<a><b>fog</b><c>lies</d> <e>low &amp; far</e></a>",
        "mismatched tag",
        ["b: fog\nc: lies", "low & far"],
    ),
    "an ampersand": ("<a><b>fog & mist</b><c>lies</c></a>", "not well-formed", ["mist  lies"]),
    "two roots": ("<a>fog</a>\n<a>lies</a>", "junk after document element: line 2", ["a: fog", "lies"]),
    "no XML": ("plain words", "syntax error", ["plain words"]),
    "a declaration alone": ("<?xml version='1.0'?>", "no element was found in it", []),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_what_is_damaged_is_read_up_to_there_and_then_as_plain_text(name: str) -> None:
    document, reason, expected = DAMAGED[name]
    sections, problem = read(document)
    assert reason in problem
    assert [section.text.strip() for section in sections][-len(expected) :] == expected


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
HOSTILE: dict[str, tuple[bytes, str]] = {
    "laughs": (f'<!DOCTYPE d [<!ENTITY l0 "ha">{LAUGHS}]><d>kept &l11;</d>'.encode(), "stands for more than 1,000"),
    "quadratic": (f'<!DOCTYPE d [<!ENTITY a "{"ha" * 9000}">]><d>kept {"&a;" * 9000}</d>'.encode(), "stands for"),
    "small entities": (f'<!DOCTYPE d [<!ENTITY a "{"h " * 400}">]><d>kept {"&a;" * 9000}</d>'.encode(), ""),
    "an entity of itself": (b'<!DOCTYPE d [<!ENTITY a "&a;">]><d>kept &a;</d>', "stands for"),
    "many entities": (
        b"<!DOCTYPE d [" + b"".join(b'<!ENTITY a%d "x">' % n for n in range(20_000)) + b"]><d>kept</d>",
        "stands for",
    ),
    "from outside": (
        b'<!DOCTYPE d [<!ENTITY a SYSTEM "file:///etc/passwd">]><d>kept &a;</d>',
        "what lies in file:///etc/passwd, a part of it, is not read",
    ),
    "an attribute of all": (
        f'<!DOCTYPE d [<!ATTLIST e a CDATA "{"x" * 100_000}">]><d>kept{"<e/>" * 50_000}</d>'.encode(),
        "",
    ),
    "laughs in an attribute": (
        f'<!DOCTYPE d [<!ENTITY l0 "ha">{LAUGHS}]><d><e a="&l11;"/>kept</d>'.encode(),
        "stands for",
    ),
    "deep": (b"<d>kept" + b"<e>" * 100_000, "nested more than 500 deep"),
    "deep words": (b"<d>kept" + b"<e>x" * 490 + b"<f>y</f>" * 20_000, "its end is missing"),
    "a long tag": (b"<d>kept<e a='" + b"x" * 3_000_000 + b"'/></d>", "a tag is longer"),
    "a long comment": (b"<d>kept<!--" + b"x" * 3_000_000 + b"--></d>", "a tag is longer"),
    "many names": (b"<d>kept" + b"".join(b"<e%d/>" % n for n in range(60_000)) + b"</d>", "50,000"),
    "many attributes": (
        b"<d>kept<e " + b" ".join(b"a%d='x'" % n for n in range(60_000)) + b"/></d>",
        "50,000",
    ),
    "a long name": (b"<d>kept<" + b"e" * 500_000 + b">fog</" + b"e" * 500_000 + b"></d>", ""),
    "words without end": (b"<d>kept " + b"x" * 3_000_000 + b"</d>", ""),
    "words of one letter": (b"<d>kept " + b"<e>x</e> " * 200_000 + b"</d>", ""),
    "cells": (b"<article>kept<row>" + b"<entry>x</entry>" * 100_000 + b"</row></article>", ""),
    "titles": (b"<article>kept" + b"<section><title>x</title>" * 400 + b"<p>y</p>" * 10_000, "its end is missing"),
    "pages in a feed": (
        b"<rss><item><title>kept</title>" + b"<b>&lt;p&gt;x &lt;a href='/y'&gt;</b>" * 3000 + b"</item></rss>",
        "",
    ),
    "links": (b"<article>kept " + b"<a href='/x'>y</a> " * 50_000 + b"</article>", ""),
    "NULs": (b"<d>kept\0fog</d>", "not well-formed"),
    "a lone surrogate": (b"<d>kept &#xD800;</d>", "invalid character"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_document_that_means_harm_is_read_in_bounded_time_and_size(name: str) -> None:
    data, reason = HOSTILE[name]
    started = time.process_time()
    sections, problem = read(data)
    assert time.process_time() - started < 20
    assert (reason in problem) if reason else not problem
    assert any("kept" in section.text for section in sections)
    assert sum(len(section.text) for section in sections) < 300 * len(data)


@pytest.mark.parametrize("document", [FEED, ATOM, PICTURE, BOOK, ORDERS])
@pytest.mark.parametrize("size", [1, 7, 64])
def test_where_it_is_read_in_pieces_changes_nothing(
    document: bytes, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = said(document)
    monkeypatch.setattr(xml_documents, "READ_BYTES", size)
    assert said(document) == whole


def test_whatever_is_cut_out_of_a_document_it_is_rebuilt_and_nothing_else_is_raised() -> None:
    draw = random.Random(16)
    for data in (FEED, PICTURE, BOOK, ORDERS):
        for _ in range(60):
            start, stop = sorted(draw.sample(range(len(data)), 2))
            damaged = data[:start] + draw.randbytes(draw.randrange(20)) + data[stop:]
            atoms = []
            try:
                for atom in atomizer_for("text/xml").atomize(io.BytesIO(damaged), "text/xml"):
                    atoms.append(atom)
            except Partial:
                pass
            assert b"".join(atom.content for atom in atoms if atom.role == "content") == damaged


def _tree(names: list[str]) -> st.SearchStrategy[ElementTree.Element]:
    words = st.sampled_from(["", " ", "\n  ", " word ", " a few words "])

    @st.composite
    def element(draw: st.DrawFn, children: st.SearchStrategy[list[ElementTree.Element]]) -> ElementTree.Element:
        made = ElementTree.Element(draw(st.sampled_from(names)))
        made.text = draw(words)
        for child in draw(children):
            child.tail = draw(words)
            made.append(child)
        return made

    return st.recursive(element(st.just([])), lambda children: element(st.lists(children, max_size=5)), max_leaves=40)


def _number_words(root: ElementTree.Element) -> list[str]:
    """Replace each word by one that no other is, in order; return them."""
    numbered: list[str] = []

    def renamed(text: str | None) -> str:
        parts = []
        for part in (text or "").split(" "):
            if part.isalpha():
                numbered.append(f"w{len(numbered)}w")
                part = numbered[-1]
            parts.append(part)
        return " ".join(parts)

    def walk(element: ElementTree.Element) -> None:
        element.text = renamed(element.text)
        for child in element:
            walk(child)
            child.tail = renamed(child.tail)

    walk(root)
    return numbered


@settings(derandomize=True, deadline=None, max_examples=300)
@given(
    st.one_of(
        _tree(["a", "b", "c"]),
        _tree(["para", "title", "section", "row", "entry", "emphasis", "info", "pre"]),
    ),
    st.sampled_from(["data", "article", "rss", "svg"]),
)
def test_every_word_is_read_once_and_in_order(tree: ElementTree.Element, root: str) -> None:
    whole = ElementTree.Element(root)
    whole.append(tree)
    words = _number_words(whole)
    found = " ".join(texts(ElementTree.tostring(whole))).split()
    assert [word for word in found if word.endswith("w") and word[:1] == "w"] == words


@settings(derandomize=True, deadline=None, max_examples=300)
@given(
    st.lists(
        st.one_of(
            st.sampled_from(
                [
                    "<a>",
                    "</a>",
                    "<title>",
                    "</title>",
                    "<b x='y'>",
                    "</b>",
                    "<![CDATA[",
                    "]]>",
                    "&amp;",
                    "&x;",
                    "<!--",
                    "-->",
                    "<?p?>",
                    "\n",
                ]
            ),
            st.text(max_size=6),
        ),
        max_size=40,
    ),
    st.sampled_from(["<a>", "<rss>", "<book>", "<svg>", "", "<!DOCTYPE a [<!ENTITY x 'y'>]><a>"]),
)
def test_any_soup_of_tags_is_read(soup: list[str], begin: str) -> None:
    data = (begin + "".join(soup)).encode("utf-8", "surrogatepass")
    sections, _ = read(data)
    for section in sections:
        assert isinstance(section.text, str) and section.locator


def test_only_so_much_of_a_tag_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml_reader, "LONGEST_TAG", 1000)
    sections, problem = read(b"<a>fog<b c='" + b"x" * 20_000 + b"'/></a>")
    assert problem.startswith("a tag is longer than 1,000 bytes")
    assert sections[0].text == "a: fog"
