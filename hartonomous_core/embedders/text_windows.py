"""Tokens of texts in windows of the size that a model takes. A text's windows depend on that text alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_LONGEST = 65536
_SLICE = re.compile(r"(?s).{1,65536}(?!\S)|.{1,65536}")
"""A text above `_LONGEST` characters is tokenised in slices that end before white space; only a run without any is cut inside a word."""
_SLICES_AT_ONCE, _CHARACTERS_AT_ONCE = 1024, 1 << 18
"""What one call of the tokenizer takes; it works on them with every core, and keeps about 100 bytes a token."""


@dataclass(frozen=True, slots=True)
class Window:
    """text: which one it is of. tokens: special ones included. spans: where those of the text begin and end in it, in characters, if asked for."""

    text: int
    tokens: list[int]
    spans: list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class _Slice:
    text: int
    start: int
    characters: str
    is_last: bool


class TextWindows:
    """A tokenizer (tokenizer.json) that cuts what it makes of a text into windows. Thread-safe."""

    def __init__(self, tokenizer_path: Path, window_tokens: int) -> None:
        """`window_tokens` counts special tokens too.

        Raises ValueError for a window without room, and what tokenizers raises for an unreadable file.
        """
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(tokenizer_path))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.prefix, self._suffix = self._find_special_tokens()
        self._room = window_tokens - len(self.prefix) - len(self._suffix)
        if self._room < 1:
            raise ValueError(f"a window of {window_tokens} tokens leaves no room beside the special tokens")

    def tokens_known(self) -> int:
        """Return how many there are; their ids are as a rule those below it."""
        return int(self._tokenizer.get_vocab_size())

    def special_tokens(self) -> list[int]:
        """Return the ids that are put before and after a text."""
        return [*self.prefix, *self._suffix]

    def of(self, texts: Sequence[str], *, with_spans: bool = False) -> Iterator[Window]:
        """Yield the windows of each text in turn, at least one; memory does not grow with the length of a text."""
        encode = self._tokenizer.encode_batch if with_spans else self._tokenizer.encode_batch_fast
        tokens: list[int] = []
        spans: list[tuple[int, int]] = []
        for slices in _calls(texts):
            encodings = encode([piece.characters for piece in slices], add_special_tokens=False)
            for piece, encoding in zip(slices, encodings, strict=True):
                tokens += encoding.ids
                if with_spans:
                    spans += [(piece.start + start, piece.start + stop) for start, stop in encoding.offsets]
                while len(tokens) > self._room:
                    yield self._window(piece.text, tokens[: self._room], spans[: self._room])
                    del tokens[: self._room], spans[: self._room]
                if piece.is_last:
                    yield self._window(piece.text, tokens, spans)
                    tokens, spans = [], []

    def _window(self, text: int, tokens: list[int], spans: list[tuple[int, int]]) -> Window:
        return Window(text, [*self.prefix, *tokens, *self._suffix], spans)

    def _find_special_tokens(self) -> tuple[list[int], list[int]]:
        """Return what the tokenizer puts before and after a text, such as [CLS] and [SEP]."""
        encoding = self._tokenizer.encode("a")
        content = [at for at, special in enumerate(encoding.special_tokens_mask) if not special]
        return encoding.ids[: content[0]], encoding.ids[content[-1] + 1 :]


def refuse_blank(texts: Sequence[str]) -> None:
    """Raises ValueError for the first text that is empty or white space."""
    for position, text in enumerate(texts):
        if not text or text.isspace():
            raise ValueError(f"text {position} of {len(texts)} is empty: there is nothing to embed")


def _calls(texts: Sequence[str]) -> Iterator[list[_Slice]]:
    """Gather slices until a call of the tokenizer is full."""
    gathered: list[_Slice] = []
    characters = 0
    for piece in _slices(texts):
        gathered.append(piece)
        characters += len(piece.characters)
        if len(gathered) >= _SLICES_AT_ONCE or characters >= _CHARACTERS_AT_ONCE:
            yield gathered
            gathered, characters = [], 0
    if gathered:
        yield gathered


def _slices(texts: Sequence[str]) -> Iterator[_Slice]:
    for number, text in enumerate(texts):
        if len(text) <= _LONGEST:
            yield _Slice(number, 0, text, True)
            continue
        for part in _SLICE.finditer(text):
            yield _Slice(number, part.start(), part.group(), part.end() == len(text))
