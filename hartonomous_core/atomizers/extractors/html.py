"""What people read on a page: its main text under the path of its headings, tables row by row, and where its links lead.

Left out is what browsers do not show, and what belongs to the site rather than to the page: navigation, asides, and a header or footer of
the whole page. A page that consists of nothing else is read as it is.
"""

import re
from collections.abc import Callable, Iterator
from typing import BinaryIO

from selectolax.lexbor import LexborHTMLParser, LexborNode

from hartonomous_core.atomizers.charset_names import charset_parameter, codec_of
from hartonomous_core.atomizers.extractors.links import LONGEST_LINK, Links
from hartonomous_core.atomizers.sections import HeadingPath, Partial, Section, titles_of, under_heading

MOST_BYTES = 8 * 1024 * 1024
"""Of a page; its tree takes some 7 times as much memory."""
MOST_TAGS = 300_000
"""Of a page, each attribute counted as another one: in a tree they take 100 to 500 bytes each, however short they are."""

_NOT_SHOWN = {
    "audio", "button", "canvas", "datalist", "dialog", "embed", "head", "iframe", "map", "meter", "noframes", "noscript", "object",
    "progress", "script", "select", "style", "svg", "template", "textarea", "video",
}  # fmt: skip
_OF_THE_SITE = {"nav", "aside"}
_ROLES_OF_THE_SITE = {"navigation", "banner", "contentinfo", "complementary", "search", "menu", "menubar"}
_SECTIONING = {"article", "aside", "main", "nav", "section"}
"""A header or footer within one of these is not that of the whole page, says HTML."""
_BLOCKS = {
    "address", "article", "blockquote", "body", "caption", "center", "details", "div", "dl", "fieldset", "figcaption", "figure",
    "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hgroup", "hr", "main", "ol", "p", "pre", "section", "summary",
    "table", "ul",
}  # fmt: skip
_LINES = {"br", "dd", "dt", "li", "tr"}
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_TAG = re.compile("<[^<>]*")
_NAME = re.compile(r"""[^\s/"'=]+(?:\s*+=\s*+(?:"[^"]*"|'[^']*'|[^\s"']*+))?""")
"""Of a tag, or of an attribute of it, with its value."""
_SPACE = re.compile(r"[ \t\r\n\f\v\xa0]+")


def extract(stream: BinaryIO, content_type: str) -> Iterator[Section]:
    """Yield the title, what stands under each heading, and the links.

    The locators: {"part": "title"}, {"heading": [the path of headings]} or none above the first heading, {"part": "links"}. Raises Partial
    for a page of more than 8 MiB or 300,000 tags, of which only the beginning is read.
    """
    codec = codec_of(charset_parameter(content_type) or "") or "utf-8"
    text = stream.read(MOST_BYTES).decode(codec, "replace")
    text, has_more = _with_most_tags(text)
    tree = LexborHTMLParser(text.removeprefix("\ufeff"))
    yield from _title(tree)
    page = _Page(tree, leave_out_site=True)
    sections = page.sections()
    first = next(sections, None)
    if first is None:
        page = _Page(tree, leave_out_site=False)
        sections = page.sections()
    else:
        yield first
    yield from sections
    if page.links.lines:
        yield Section("\n".join(page.links.lines), {"part": "links"})
    if has_more:
        raise Partial(f"only its first {MOST_TAGS:,} tags and attributes were read for search")
    if stream.read(1):
        raise Partial(f"only its first {MOST_BYTES:,} bytes were read for search")


def _with_most_tags(text: str) -> tuple[str, bool]:
    """Return the text before the tag that is one too many, and whether there is one."""
    count = 0
    for tag in _TAG.finditer(text) if len(text) > 2 * MOST_TAGS else ():
        count += len(_NAME.findall(tag[0]))
        if count > MOST_TAGS:
            return text[: tag.start()], True
    return text, False


def _title(tree: LexborHTMLParser) -> Iterator[Section]:
    title, description = tree.css_first("head > title"), tree.css_first("meta[name=description i]")
    said = [title.text() if title else "", (description.attributes.get("content") or "") if description else ""]
    if text := "\n\n".join(filter(None, map(_one_line, said))):
        yield Section(text, {"part": "title"})


def _one_line(text: str) -> str:
    return _SPACE.sub(" ", text).strip()


def _walk(root: LexborNode, is_read: Callable[[LexborNode], bool]) -> Iterator[tuple[LexborNode, bool]]:
    """Yield each node that is read as it is entered (True) and as it is left (False). No recursion: pages nest as deep as they like."""
    node: LexborNode | None = root
    while node is not None:
        if is_read(node):
            yield node, True
            if (child := node.first_child) is not None:
                node = child
                continue
            yield node, False
        while node is not None and node.next is None:
            node = node.parent
            if node is not None:
                yield node, False
        node = None if node is None else node.next


class _Lines:
    """Text as it is laid out: white space is one space, and blocks have a blank line between them."""

    def __init__(self) -> None:
        self._done: list[str] = []
        self._current: list[str] = []

    def write(self, text: str, *, as_it_is: bool = False) -> None:
        """Add text to the current line; what is written as it is may hold several."""
        if as_it_is:
            *whole, text = text.split("\n")
            for line in whole:
                self._current.append(line)
                self._done.append("".join(self._current).rstrip())
                self._current.clear()
        else:
            text = _SPACE.sub(" ", text)
            if not self._current or self._current[-1].endswith(" "):
                text = text.removeprefix(" ")
        if text:
            self._current.append(text)

    def begin_cell(self) -> None:
        """Separate the cells of a row."""
        if self._current:
            self.write(" | ")

    def end_line(self) -> None:
        """Go on with a new line, unless this one is empty."""
        if line := "".join(self._current).rstrip():
            self._done.append(line)
        self._current.clear()

    def end_block(self) -> None:
        """Go on behind a blank line."""
        self.end_line()
        if self._done and self._done[-1]:
            self._done.append("")

    def take(self) -> str:
        """Return what was written, and begin anew."""
        self.end_line()
        text = "\n".join(self._done).strip("\n")
        self._done.clear()
        return text


class _Page:
    """One walk over a tree."""

    def __init__(self, tree: LexborHTMLParser, *, leave_out_site: bool) -> None:
        self.links = Links()
        self._tree = tree
        self._leave_out_site = leave_out_site
        self._lines = _Lines()
        self._path: HeadingPath = []
        self._inside = {"pre": 0, "cell": 0, "sectioning": 0}
        self._link: list[str] | None = None

    def sections(self) -> Iterator[Section]:
        """Yield the sections that say anything, in order; each begins with its heading."""
        root = self._tree.root
        for node, is_entered in _walk(root, self._is_read) if root is not None else ():
            if not node.is_element_node:
                if is_entered and node.is_text_node:
                    self._write(node.text_content or "")
                continue
            tag = node.tag or ""
            level = _HEADINGS.get(tag)
            if level and is_entered:
                yield from self._end_section()
            self._enter_or_leave(node, tag, is_entered)
            if level and not is_entered:
                text = self._lines.take()
                if text:
                    self._path = under_heading(self._path, level, _one_line(text))
                    self._lines.write(text, as_it_is=True)
                    self._lines.end_block()
        yield from self._end_section()

    def _end_section(self) -> Iterator[Section]:
        if text := self._lines.take():
            yield Section(text, {"heading": titles_of(self._path)} if self._path else None)

    def _is_read(self, node: LexborNode) -> bool:
        if not node.is_element_node:
            return True
        tag, attributes = node.tag or "", node.attributes
        if tag in _NOT_SHOWN or "hidden" in attributes or _is_invisible(attributes.get("style")):
            return False
        if not self._leave_out_site:
            return True
        if tag in _OF_THE_SITE or (attributes.get("role") or "").lower() in _ROLES_OF_THE_SITE:
            return False
        if tag in ("header", "footer") and not self._inside["sectioning"]:
            return tag == "header" and self._has_all_titles(node)
        return True

    def _has_all_titles(self, header: LexborNode) -> bool:
        """Whether the only headings of the first level are in this header: then it is that of an article without the element."""
        inside = len(header.css("h1"))
        return inside > 0 and inside == len(self._tree.css("h1"))

    def _enter_or_leave(self, node: LexborNode, tag: str, is_entered: bool) -> None:
        step = 1 if is_entered else -1
        if tag in ("td", "th"):
            if self._inside["cell"] > (not is_entered):  # of a table within a cell
                self._lines.write(" ")
            elif is_entered:
                self._lines.begin_cell()
            self._inside["cell"] += step
        elif tag in _BLOCKS or tag in _LINES:
            self._break(is_block=tag in _BLOCKS)
        if tag == "pre":
            self._inside["pre"] += step
        if tag in _SECTIONING:
            self._inside["sectioning"] += step
        if tag == "img" and is_entered:
            self._write(node.attributes.get("alt") or "")
        if tag == "a":
            self._begin_or_end_link(node, is_entered)

    def _break(self, *, is_block: bool) -> None:
        if self._inside["cell"]:
            self._lines.write(" ")
        elif is_block:
            self._lines.end_block()
        else:
            self._lines.end_line()

    def _write(self, text: str) -> None:
        self._lines.write(text, as_it_is=bool(self._inside["pre"] and not self._inside["cell"]))
        if self._link is not None and len(self._link) < LONGEST_LINK:
            self._link.append(text[:LONGEST_LINK])

    def _begin_or_end_link(self, node: LexborNode, is_entered: bool) -> None:
        if is_entered:
            self._link = []
            return
        text, self._link = _one_line("".join(self._link or [])), None
        self.links.add(text, (node.attributes.get("href") or "").strip())


def _is_invisible(style: str | None) -> bool:
    return style is not None and "display:none" in style.replace(" ", "").lower()
