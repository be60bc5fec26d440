"""Reads the answer of `/v1/embeddings`, which may be anything: https://platform.openai.com/docs/api-reference/embeddings/create."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST_DIMENSIONS = 16_384
_COMPONENT_BYTES = 40
"""Of a component as text: 17 digits and an exponent, a comma, and a line and an indentation of its own."""
_ROOM_BYTES = 1 << 16
_MOST_BYTES = 6 << 20
"""Of one answer, for more than one text: the worst that JSON of this size can be takes some 190 MiB."""
_MOST_TEXTS = 2048


class Refused(Exception):
    """The API will not embed these texts together: one cannot be embedded, or they are too many. Quotes nothing of them."""


class AnswerError(Exception):
    """The answer is not what the protocol says. The message quotes nothing of it."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """vectors: float32 (n, dimension), of unit length, but for those at the positions in `invalid`. tokens: what it cost; None if untold."""

    vectors: NDArray[np.float32]
    invalid: frozenset[int]
    tokens: int | None


def most_texts(dimension: int) -> int:
    """Return of how many texts one answer may be."""
    return max(1, min(_MOST_TEXTS, _MOST_BYTES // (dimension * _COMPONENT_BYTES)))


def answer_bytes(count: int, dimension: int | None) -> int:
    """Return how many bytes an answer with so many vectors may have."""
    return _ROOM_BYTES + count * (dimension or MOST_DIMENSIONS) * _COMPONENT_BYTES


def read_answer(body: bytes, count: int, dimension: int | None) -> Answer:
    """Read so many vectors, in the order of what was asked; of any dimension where it is None. Raises AnswerError."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        raise AnswerError("it is not JSON") from None
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, list) or not all(isinstance(each, dict) for each in data):
        raise AnswerError("it has no list of embeddings")
    if len(data) != count:
        raise AnswerError(f"it has {len(data):,} embeddings of {count:,} texts")
    by_index = {each.get("index"): each for each in data if type(each.get("index")) is int}
    if by_index.keys() != set(range(count)):
        raise AnswerError(f"its indexes are not those of {count:,} texts, each once")
    rows = [_components(by_index[index].get("embedding")) for index in range(count)]
    wanted = len(rows[0]) if dimension is None else dimension
    if others := [len(row) for row in rows if len(row) != wanted]:
        raise AnswerError(f"a vector has {others[0]:,} numbers, not {wanted:,}: has the model changed?")
    if not 0 < wanted <= MOST_DIMENSIONS:
        raise AnswerError(f"a vector has {wanted:,} numbers; 1 to {MOST_DIMENSIONS:,} are possible")
    vectors, invalid = _of_unit_length(np.array(rows, dtype=np.float64))
    return Answer(vectors, invalid, _tokens(answer.get("usage")))


def _components(embedding: object) -> list[float]:
    if isinstance(embedding, str):  # base64 of float32, little-endian, though numbers were asked for
        try:
            return list(np.frombuffer(base64.b64decode(embedding, validate=True), dtype="<f4").tolist())
        except ValueError:
            raise AnswerError("an embedding is a text that is not base64 of numbers") from None
    if not isinstance(embedding, list):
        raise AnswerError("an embedding is not a list of numbers")
    try:
        # null stands for what JSON has no number for
        return [float("nan") if each is None else _number(each) for each in embedding]
    except OverflowError:
        raise AnswerError("a number of an embedding is too large") from None


def _number(value: object) -> float:
    if type(value) not in (int, float):
        raise AnswerError("an embedding is not a list of numbers")
    return float(value)  # type: ignore[arg-type]


def _of_unit_length(rows: NDArray[np.float64]) -> tuple[NDArray[np.float32], frozenset[int]]:
    largest = np.abs(rows).max(axis=1, keepdims=True)
    is_valid = np.isfinite(largest) & (largest > 0)
    scaled = rows / np.where(is_valid, largest, 1)  # so that no square is too large, or 0
    scaled[~is_valid[:, 0]] = 1
    unit = scaled / np.linalg.norm(scaled, axis=1, keepdims=True)
    return unit.astype(np.float32), frozenset(np.flatnonzero(~is_valid[:, 0]).tolist())


def _tokens(usage: object) -> int | None:
    if not isinstance(usage, dict):
        return None
    for name in ("total_tokens", "prompt_tokens"):
        told = usage.get(name)
        if type(told) is int and 0 <= told < 2**53:
            return told
    return None
