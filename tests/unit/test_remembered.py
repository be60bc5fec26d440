"""What a search remembers: by tenant, model and content, and no more than so much."""

import threading
from dataclasses import replace

import numpy as np
import pytest

from hartonomous_assets import embeddings
from hartonomous_resources.compute.protocol import ModelIdentity
from hartonomous_service.search import search
from hartonomous_service.search.remembered import MOST_HITS, Latest, Remembered
from tests.builders import request
from tests.stages import ingest, run_stages_of

MODEL = ModelIdentity("text", "m", 8, "a", "int8", "")


def test_what_was_used_least_recently_goes():
    latest = Latest[str](most=2)
    made: list[bytes] = []

    def value(key: bytes) -> str:
        return latest.get_or_make((0, MODEL, key), lambda: made.append(key) or key.decode())

    for key in (b"a", b"b", b"a", b"c", b"a", b"b"):
        assert value(key) == key.decode()
    assert made == [b"a", b"b", b"c", b"b"]


def test_what_cannot_be_made_is_not_remembered():
    latest = Latest[str]()

    def fail() -> str:
        raise ValueError("no model")

    for _ in range(2):
        with pytest.raises(ValueError, match="no model"):
            latest.get_or_make((0, MODEL, b""), fail)
    assert latest.get_or_make((0, MODEL, b""), lambda: "made") == "made"


def test_each_tenant_model_and_question_has_its_own_vector():
    remembered = Remembered()
    vectors = iter(np.eye(8, dtype=np.float32))
    asked = [(0, MODEL, "q"), (1, MODEL, "q"), (0, replace(MODEL, settings="other"), "q"), (0, MODEL, "r")]
    first = [remembered.vector(*each, lambda: next(vectors)) for each in asked]
    again = [remembered.vector(*each, lambda: next(vectors)) for each in asked]
    assert np.array_equal(first, np.eye(8, dtype=np.float32)[:4])
    assert np.array_equal(again, first)


def test_sentences_are_of_the_question_the_texts_and_their_order():
    remembered = Remembered()
    asked = [("q", ["a", "b"]), ("q", ["b", "a"]), ("q", ["ab"]), ("qa", ["b"]), ("q", []), ("q\ud800", ["a"])]
    for number, (question, texts) in enumerate(asked):
        spans = [(number, number + 1), None][: len(texts)]
        assert remembered.sentences(0, MODEL, question, texts, lambda spans=spans: spans) == spans
        assert remembered.sentences(0, MODEL, question, texts, lambda: [(9, 9)]) == spans


def test_sentences_of_very_many_hits_are_not_kept():
    remembered, made = Remembered(), []

    def choose():
        made.append(1)
        return [None] * (MOST_HITS + 1)

    for _ in range(2):
        assert remembered.sentences(0, MODEL, "q", ["a"] * (MOST_HITS + 1), choose) == choose()
    assert len(made) == 4


def test_threads_that_ask_at_once_get_what_was_made():
    latest, found = Latest[int](most=3), []

    def ask(n: int) -> None:
        for each in range(200):
            key = (each * n) % 5
            found.append(latest.get_or_make((0, MODEL, bytes([key])), lambda key=key: key) == key)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(found) and len(found) == 800


def test_a_search_that_is_asked_again_embeds_nothing_and_says_the_same_and_another_tenant_starts_anew(
    resources, monkeypatch
):
    text = "The harbour was full of ships. Nobody had seen the tide rise so fast. The sea lay calm. Gulls cried."
    for tenant in (0, 1):
        ingest(resources, request(rawData=text.encode(), sourceUri=f"mail:{tenant}", tenantId=tenant))
    run_stages_of(resources, embeddings.STAGE)
    embedded = []
    embed_tokens = resources.compute.embed_tokens

    def count(model, texts):
        embedded.append(texts)
        return embed_tokens(model, texts)

    monkeypatch.setattr(resources.compute, "embed_tokens", count)
    question = "how the water went up"
    first = search(resources, question)
    assert first["results"][0]["highlight"] is not None
    assert len(embedded) == 2
    assert search(resources, question) == first
    assert len(embedded) == 2
    assert search(resources, question, highlight=False)["best"] == first["best"]
    assert len(embedded) == 2
    assert search(resources, question, tenant=1)["results"][0]["highlight"] == first["results"][0]["highlight"]
    assert len(embedded) == 4
    ingest(resources, request(rawData=b"Water went up. It fell. It was cold.", sourceUri="mail:2"))
    run_stages_of(resources, embeddings.STAGE)
    assert search(resources, question) != first
    assert embedded[4:] == [[question], embedded[-1]]  # its vector is known, its tokens are not
