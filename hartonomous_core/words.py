"""The words of texts and of questions, as the full-text index has them.

Scripts that put no space between words, and Korean, whose endings cling to theirs, are written as bigrams: each run of them as its
pairs of neighbouring characters and its last character alone, so that any part of a run is found, down to a single character. What is not
seen is no part of a word: soft hyphens, the colours of a terminal. Letters that are another way to write the same (full-width,
ligatures) are one. Case and accents are the index's own to fold.

Whoever changes what `indexed_text` returns has every text indexed anew: the index finds the entries of a text that goes by its words.
"""

import re
import unicodedata

# Han, kana, Bopomofo and Hangul; then what Unicode calls complex context (Line_Break=SA): Thai, Lao, Myanmar, Khmer and their kin.
_UNSPACED = (
    "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003fffd"
    "\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\u3105-\u312f\u31a0-\u31bf"
    "\u1100-\u11ff\u3131-\u318e\ua960-\ua97c\uac00-\ud7a3\ud7b0-\ud7fb"
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ecf\u0edc-\u0edf"
    "\u1000-\u103f\u1050-\u108f\u109a-\u109f\ua9e0-\ua9ef\ua9fa-\ua9fe\uaa60-\uaa7f"
    "\u1780-\u17d3\u17d7\u17dc\u17dd\u1950-\u19cf\u1a20-\u1a5e\u1aa7\uaa80-\uaadf"
)
_RUN = re.compile(f"[{_UNSPACED}]+")
_LAST_RUN = re.compile(f"[{_UNSPACED}]+\\Z")

_UNSEEN = "\u00ad\u2060\ufeff\ufe00-\ufe0f\U000e0100-\U000e01ef"
"""Soft hyphen, word joiner, byte order mark, variation selectors."""

_HIDDEN = re.compile(
    rf"[{_UNSEEN}]"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*m"  # colours and their like
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # titles, the targets of links
)
_MOVES = re.compile(r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-~]")
"""Other commands to a terminal: what stands after one stands elsewhere."""

_SPECIAL = re.compile(f"[\x1b\x9b{_UNSEEN}{_UNSPACED}]")

_ACCENT = re.compile("[\u0300-\u036f]")

_WORD = re.compile(r'"([^"]+)"|[“„]([^“”]+)[“”]|(\S+)')


def indexed_text(text: str) -> str:
    """Return the text as the index is to split it into words; most texts come back as they are."""
    if text.isascii():
        return text if "\x1b" not in text else _shown(text)
    if not _SPECIAL.search(text) and unicodedata.is_normalized("NFKC", text):
        return text
    return _RUN.sub(lambda run: f" {' '.join(_pairs(run[0]))} {run[0][-1]} ", _shown(text))


def question_terms(question: str) -> list[str]:
    """Return the terms that a question asks for: its words, and its phrases, which stand in quotes; those in it twice are there twice.

    Of a run of characters without spaces, each bigram is a word. A term is looked up as `term_text` says.
    """
    first: dict[str, str] = {}
    terms: list[str] = []
    for quoted, curly, word in _WORD.findall(_shown(question.replace("\0", " "))):
        found = [" ".join((quoted or curly).split())] if quoted or curly else _words(word)
        terms += [first.setdefault(term.casefold(), term) for term in map(_trim, found) if term]
    return terms


def term_text(term: str) -> tuple[str, bool]:
    """Return the words of a term, which stand side by side in an indexed text, and whether the last of them may go on there."""
    run = _LAST_RUN.search(term)
    if run is None:
        return indexed_text(term), False
    if len(run[0]) == 1:
        return f"{indexed_text(term[:-1])} {run[0]}", True
    return indexed_text(term).removesuffix(f" {run[0][-1]} "), False


def folded(text: str) -> str:
    """Return a text without case and accents, as the index folds them."""
    if text.isascii():
        return text.lower()
    plain = _ACCENT.sub("", unicodedata.normalize("NFD", text.casefold()))
    return unicodedata.normalize("NFC", plain)


def _shown(text: str) -> str:
    """A text as it is seen, in the one way to write it."""
    return unicodedata.normalize("NFKC", _MOVES.sub(" ", _HIDDEN.sub("", text)))


def _words(word: str) -> list[str]:
    """Of what stands between two spaces, the runs as bigrams and the rest as it is."""
    found: list[str] = []
    end = 0
    for run in _RUN.finditer(word):
        found += [word[end : run.start()], *(_pairs(run[0]) or run[0])]
        end = run.end()
    return [*found, word[end:]]


def _trim(term: str) -> str:
    """A term without the signs around it."""
    kept = [at for at, character in enumerate(term) if unicodedata.category(character)[0] in "LMN"]
    return term[kept[0] : kept[-1] + 1] if kept else ""


def _pairs(run: str) -> list[str]:
    return [run[at : at + 2] for at in range(len(run) - 1)]
