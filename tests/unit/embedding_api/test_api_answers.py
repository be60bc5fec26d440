"""Embedding by an API, against a server that misbehaves in every way that the protocol allows, and in some that it does not."""

import base64
import json
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import numpy as np
import pytest

from hartonomous_resources.compute.api.api_compute import ApiCompute
from hartonomous_resources.compute.protocol import ComputeUnavailable
from hartonomous_resources.settings import Settings
from tests.embedding_server import (
    Conversation,
    EmbeddingServer,
    Say,
    behave,
    cut_in_the_body,
    embedded,
    says,
    unit,
    vector_of,
)
from tests.unit.embedding_api.asking import QUICK, TEXTS, embed

# ---- answers that are none


def changed(change: Callable[[dict[str, Any]], object]) -> Say:
    def say(it: Conversation) -> None:
        answer = embedded([vector_of(text) for text in it.texts])
        change(answer)
        it.answer(answer)

    return say


def slow_header(it: Conversation) -> None:
    it.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    drip(it)


def slow_body(it: Conversation) -> None:
    it.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    drip(it)


def drip(it: Conversation) -> None:
    for _ in range(100):
        it.wfile.write(b" ")
        time.sleep(0.05)
    it.hang_up()


def with_one(embedding: object) -> Say:
    """Of the last text another embedding is given."""
    return changed(lambda answer: answer["data"][-1].update(embedding=embedding))


def endless(it: Conversation) -> None:
    it.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        it.wfile.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")


UNUSABLE: dict[str, tuple[Say, str]] = {
    "half": (lambda it: it.answer(json.dumps(embedded([[1.0] * 8] * 4)).encode()[:-30]), "not JSON"),
    "empty": (lambda it: it.answer(b""), "not JSON"),
    "no unicode": (lambda it: it.answer(b'{"data": "\xff"}'), "not JSON"),
    "deep": (lambda it: it.answer(b"[" * 60_000), "not JSON"),
    "many digits": (lambda it: it.answer(b'{"data": [' + b"9" * 50_000 + b"]}"), "not JSON"),
    "a list": (lambda it: it.answer([]), "no list of embeddings"),
    "no data": (lambda it: it.answer({"object": "list"}), "no list of embeddings"),
    "data of texts": (lambda it: it.answer({"data": ["a"] * 4}), "no list of embeddings"),
    "one less": (changed(lambda answer: answer["data"].pop()), "3 embeddings of 4 texts"),
    "one more": (changed(lambda answer: answer["data"].append(answer["data"][0])), "5 embeddings of 4 texts"),
    "index twice": (changed(lambda answer: answer["data"][1].update(index=0)), "indexes are not those"),
    "index beyond": (changed(lambda answer: answer["data"][0].update(index=4)), "indexes are not those"),
    "index below": (changed(lambda answer: answer["data"][0].update(index=-1)), "indexes are not those"),
    "index of text": (changed(lambda answer: answer["data"][0].update(index="0")), "indexes are not those"),
    "index true": (changed(lambda answer: answer["data"][1].update(index=True)), "indexes are not those"),
    "no index": (changed(lambda answer: answer["data"][0].pop("index")), "indexes are not those"),
    "other dimension": (with_one([1.0] * 9), "9 numbers, not 8: has the model changed"),
    "no numbers": (with_one([]), "0 numbers, not 8"),
    "no embedding": (with_one(None), "not a list of numbers"),
    "texts": (with_one(["1"] * 8), "not a list of numbers"),
    "booleans": (with_one([True] * 8), "not a list of numbers"),
    "nested": (with_one([[1.0]] * 8), "not a list of numbers"),
    "large": (with_one([10**400] * 8), "too large"),
    "base64 of other": (with_one("AAA!"), "not base64"),
    "base64 of a part": (with_one(base64.b64encode(b"12345").decode()), "not base64"),
    "base64 of less": (with_one(base64.b64encode(b"\0" * 28).decode()), "7 numbers, not 8"),
    "no content": (lambda it: it.answer(b"", 204), "HTTP 204"),
    "slow header": (slow_header, "no whole answer within 1 s"),
    "slow body": (slow_body, "no whole answer within 1 s"),
    "cut": (cut_in_the_body, "broke off"),
    "nothing": (lambda it: it.hang_up(), "broke off"),
    "no HTTP": (says(b"SSH-2.0-OpenSSH_9.6\r\n"), "broke off"),
    "endless": (endless, "more than"),
    "long": (lambda it: it.answer(b" " * 1_000_000), "more than"),
    "long header": (says(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1_000_000), "broke off"),
    "compressed": (lambda it: it.answer(b"\x1f\x8b", Content_Encoding="gzip"), "compressed"),
    "busy": (lambda it: it.answer({"error": {"code": "rate_limit_exceeded"}}, 429), r"429 \(rate_limit_exceeded\)"),
    "broken": (lambda it: it.answer(b"<html>", 500), "HTTP 500; asked 3 times"),
    "gateway": (lambda it: it.answer([1], 502), "HTTP 502"),
    "overloaded": (lambda it: it.answer({"error": "x"}, 503), "HTTP 503"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_an_answer_that_is_none_is_asked_for_again(compute: ApiCompute, server: EmbeddingServer, case: str) -> None:
    say, _ = UNUSABLE[case]
    compute.models()
    server.script = [say]

    assert np.allclose(embed(compute), [unit(text) for text in TEXTS], atol=1e-6)
    assert len(server.batches) == 2


@pytest.mark.parametrize("case", UNUSABLE)
def test_one_that_never_answers_is_unavailable(compute: ApiCompute, server: EmbeddingServer, case: str) -> None:
    say, what = UNUSABLE[case]
    compute.models()
    server.always = say

    with pytest.raises(ComputeUnavailable, match=what):
        embed(compute)
    assert len(server.batches) == 3


@pytest.mark.parametrize(
    ("status", "helps"),
    [
        (401, "HARTONOMOUS_API_KEY"),
        (403, "HARTONOMOUS_API_KEY"),
        (402, "HARTONOMOUS_API_MODEL"),
        (404, r"model_not_found\): correct HARTONOMOUS_API_URL or HARTONOMOUS_API_MODEL"),
        (301, "not followed: correct HARTONOMOUS_API_URL"),
        (307, "not followed: correct HARTONOMOUS_API_URL"),
    ],
)
def test_what_no_repetition_mends_is_said_at_once(
    compute: ApiCompute, server: EmbeddingServer, status: int, helps: str
) -> None:
    server.always = lambda it: it.answer(
        {"error": {"message": TEXTS[0], "code": "model_not_found"}}, status, Location=f"{server.url}/v2"
    )

    with pytest.raises(ComputeUnavailable, match=helps) as raised:
        compute.models()
    assert len(server.requests) == 1
    assert TEXTS[0] not in str(raised.value)


def test_a_server_that_is_not_there_is_unavailable(settings: Settings) -> None:
    gone = settings.model_copy(update={"api_url": "http://127.0.0.1:1"})
    with closing(ApiCompute(gone, QUICK)) as compute:
        with pytest.raises(ComputeUnavailable, match="cannot connect"):
            compute.models()
        assert ": 0 tokens in 3 requests" in compute.device()


def test_vectors_may_come_in_any_order_and_as_base64(compute: ApiCompute, server: EmbeddingServer) -> None:
    def backwards(it: Conversation) -> None:
        answer = embedded(
            [base64.b64encode(np.array(vector_of(text), dtype="<f4").tobytes()).decode() for text in it.texts]
        )
        answer["data"].reverse()
        it.answer(answer)

    server.always = backwards

    assert np.allclose(embed(compute), [unit(text) for text in TEXTS], atol=1e-6)


# ---- one text that cannot be embedded


@pytest.mark.parametrize(
    "vector",
    [
        [float("nan")] * 8,
        [None] * 8,
        [1.0] * 7 + [float("inf")],
        [0.0] * 8,
        [0] * 8,
        [-0.0] * 8,
        "AAAAAAAAAAAAAAAA" * 2,
    ],
    ids=str,
)
def test_a_vector_that_is_none_is_the_fault_of_its_text(
    compute: ApiCompute, server: EmbeddingServer, vector: object
) -> None:
    if isinstance(vector, str):
        vector = base64.b64encode(b"\0" * 32).decode()
    compute.models()
    server.script = [with_one(vector)]

    with pytest.raises(ValueError, match="text 4 of 4 cannot be embedded: its vector is 0"):
        embed(compute)


def test_a_model_all_of_whose_vectors_are_none_is_unavailable(compute: ApiCompute, server: EmbeddingServer) -> None:
    compute.models()
    server.always = lambda it: it.answer(embedded([[0.0] * 8] * len(it.texts)))

    with pytest.raises(ComputeUnavailable, match="the API's vectors are 0"):
        embed(compute)


def test_the_extremes_of_numbers_are_vectors(compute: ApiCompute, server: EmbeddingServer) -> None:
    compute.models()
    server.script = [lambda it: it.answer(embedded([[1e308] * 8, [5e-324] * 8, [1e-200, *[0] * 7], [3, -4, *[0] * 6]]))]

    found = embed(compute)

    assert np.allclose(np.linalg.norm(found, axis=1), 1)
    assert np.allclose(found[3, :2], [0.6, -0.8])


def refuses(text: str, status: int = 400) -> Say:
    def say(it: Conversation) -> None:
        it.answer({"error": {"message": f"cannot embed {text}"}}, status) if text in it.texts else behave(it)

    return say


@pytest.mark.parametrize("status", [400, 413, 422])
@pytest.mark.parametrize("position", [0, 3, 6])
def test_the_one_text_that_is_refused_is_found(
    compute: ApiCompute, server: EmbeddingServer, position: int, status: int
) -> None:
    texts = [f"Text {number}" for number in range(7)]
    server.always = refuses(texts[position], status)

    with pytest.raises(ValueError, match=f"text {position + 1} of 7 cannot be embedded") as raised:
        embed(compute, texts)
    assert "Text" not in str(raised.value)
    assert len(server.batches) <= 7
    assert embed(compute, texts[:position] + texts[position + 1 :]).shape == (6, 8)


def test_a_server_that_refuses_whatever_it_is_asked_is_unavailable(
    compute: ApiCompute, server: EmbeddingServer
) -> None:
    compute.models()
    server.always = lambda it: it.answer({"error": {"type": "invalid_request_error"}}, 400)

    with pytest.raises(ComputeUnavailable, match=r"HTTP 400 \(invalid_request_error\) to any text"):
        embed(compute)
