"""Whatever an API answers is either vectors of unit length or an error that says why."""

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hartonomous_resources.compute.api.embedding_answers import AnswerError, answer_bytes, most_texts, read_answer
from tests.embedding_server import embedded

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)
ROWS = st.lists(st.lists(st.floats(width=64), min_size=3, max_size=3), min_size=1, max_size=4)


@given(ROWS, JSON)
def test_vectors_are_of_unit_length_or_said_to_be_invalid(rows: list[list[float]], tokens: object) -> None:
    answer = read_answer(json.dumps(embedded(rows, tokens)).encode(), len(rows), None)

    assert answer.vectors.shape == (len(rows), 3)
    for position, row in enumerate(rows):
        is_vector = bool(np.isfinite(row).all() and np.any(row))
        assert (position in answer.invalid) is not is_vector
        if is_vector:
            assert abs(np.linalg.norm(answer.vectors[position]) - 1) < 1e-5


@given(st.binary(max_size=40) | JSON.map(lambda value: json.dumps(value).encode()))
def test_what_is_no_answer_is_an_error(body: bytes) -> None:
    try:
        read_answer(body, 2, None)
    except AnswerError:
        return
    raise AssertionError(body)


@given(st.lists(JSON, min_size=1, max_size=3), JSON)
def test_whatever_stands_for_a_vector_is_one_or_an_error(items: list[object], index: object) -> None:
    answer = embedded(items)
    answer["data"][0]["index"] = index
    try:
        found = read_answer(json.dumps(answer).encode(), len(items), None)
    except AnswerError:
        return
    assert len(found.vectors) == len(items)


@given(st.integers(1, 16_384))
def test_an_answer_has_room_for_every_text_and_is_limited(dimension: int) -> None:
    count = most_texts(dimension)
    longest = -2.2250738585072014e-308  # and a line of its own for each number

    assert answer_bytes(count, dimension) <= 7 << 20
    assert len(json.dumps(embedded([[longest] * min(dimension, 64)], 2**52), indent=4)) < answer_bytes(1, dimension)
