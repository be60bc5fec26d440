"""What all text embedders promise: vectors independent of each other, of threads and of slices; long texts are split and marked.

That which computes batches is tried on the processor, and on a GPU where there is one.
"""

import resource
import sys

import numpy as np
import pytest

from hartonomous_core.embedders import text_windows
from hartonomous_core.embedders.text_native import NativeTextEmbedder
from hartonomous_core.embedders.text_onnx import OnnxTextEmbedder
from hartonomous_core.embedders.text_onnx_batches import OnnxBatchEmbedder
from hartonomous_resources.compute.devices import CudaDevice, probe_cuda

pytestmark = pytest.mark.slow

WORDS = ["cat", "dog", "house", "tree", "river", "mountain", "car", "book", "music", "winter"]
"""One token each."""


def words(count):
    return [WORDS[(number * number) % 10] for number in range(count)]


@pytest.fixture(
    scope="module", params=["native", "onnxruntime", "fp32 batches", "fp16 batches", "cuda fp32", "cuda fp16"]
)
def engine(request):
    return request.param


@pytest.fixture(scope="module")
def embedder(engine, request):
    whole = {"native": "embedder", "onnxruntime": "embedder_onnx"}.get(engine)
    return request.getfixturevalue(whole) if whole else in_batches(engine, request, threads=2)


def in_batches(engine, request, threads):
    files = request.getfixturevalue("text_model_fp16" if "fp16" in engine else "text_model_fp32")
    cuda = None
    if "cuda" in engine:
        cuda = probe_cuda(0)
        if not isinstance(cuda, CudaDevice):
            pytest.skip(f"NOT TESTED: vectors of a GPU: {cuda}")
    return OnnxBatchEmbedder(
        files.model_path,
        files.tokenizer_path,
        cuda=cuda and cuda.number,
        threads=threads,
        batch_tokens=1000,
    )


@pytest.fixture
def of_one_thread(engine, text_model, text_model_onnx, request):
    if engine not in ("native", "onnxruntime"):
        return in_batches(engine, request, threads=1)
    if engine == "native":
        return NativeTextEmbedder(text_model.model_path, text_model.tokenizer_path, text_model.bert, threads=1)
    return OnnxTextEmbedder(text_model_onnx.model_path, text_model_onnx.tokenizer_path, threads=1)


@pytest.fixture
def assert_same(engine):
    """Bit for bit, but for what is computed in batches."""

    def compare(found, expected):
        if engine in ("native", "onnxruntime"):
            np.testing.assert_array_equal(found, expected)
        else:
            cosines = (np.asarray(found) * np.asarray(expected)).sum(axis=-1)
            assert cosines.min() >= 0.9999

    return compare


def test_vectors_are_float32_of_unit_length(embedder):
    result = embedder.embed(["A short text.", "?", "日本語"])
    assert embedder.dimension == 384
    assert result.vectors.dtype == np.float32 and result.vectors.shape == (3, 384)
    np.testing.assert_allclose(np.linalg.norm(result.vectors, axis=1), 1, atol=1e-6)
    assert result.window_counts.tolist() == [1, 1, 1]


def test_no_texts_give_no_vectors(embedder):
    assert embedder.embed([]).vectors.shape == (0, 384)


def test_similar_texts_are_closer_than_others(embedder):
    man, person, tax = embedder.embed(["A man rides a horse.", "A person on a horse.", "File your tax form."]).vectors
    assert man @ person > 0.6 > 0.3 > man @ tax


def test_a_vector_does_not_depend_on_its_neighbours_or_on_threads(embedder, of_one_thread, assert_same):
    texts = [" ".join(words(length)) for length in (1, 300, 3, 40, 120, 7)] * 5
    together = embedder.embed(texts).vectors
    alone = [of_one_thread.embed([text]).vectors[0] for text in texts]
    assert_same(together, alone)
    assert_same(embedder.embed(texts[::-1]).vectors[::-1], together)


@pytest.mark.parametrize(("tokens", "windows"), [(254, 1), (255, 2), (508, 2), (509, 3)])
def test_a_window_holds_254_tokens_of_text(embedder, tokens, windows):
    assert embedder.embed([" ".join(words(tokens))]).window_counts.tolist() == [windows]


def test_a_split_text_has_the_weighted_mean_of_its_windows(embedder, engine):
    tolerance = 1e-3 if "fp16" in engine else 1e-6
    text = words(600)
    windows = [text[:254], text[254:508], text[508:]]
    parts = embedder.embed([" ".join(window) for window in windows]).vectors
    mean = sum((len(window) + 2) * part for window, part in zip(windows, parts, strict=True))
    whole = embedder.embed([" ".join(text)])
    np.testing.assert_allclose(whole.vectors[0], mean / np.linalg.norm(mean), atol=tolerance)
    assert whole.window_counts.tolist() == [3]


def test_slicing_for_the_tokenizer_does_not_show_in_the_vector(embedder, assert_same, monkeypatch):
    text = "\n  ".join(f"Sentence {number} isn't unlike the others; déjà vu\t" for number in range(40))
    whole = embedder.embed([text])
    monkeypatch.setattr(text_windows, "_LONGEST", 23)
    monkeypatch.setattr(
        text_windows, "_SLICE", text_windows.re.compile(text_windows._SLICE.pattern.replace("65536", "23"))
    )
    sliced = embedder.embed([text])
    assert_same(sliced.vectors, whole.vectors)
    assert sliced.window_counts == whole.window_counts > 1


def test_a_word_of_four_megabytes_ends_in_bounded_memory(embedder):
    word = "x" * 4_000_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = embedder.embed([word])
    unit = 1 if sys.platform == "darwin" else 1024
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit
    assert grown < 100e6
    assert np.linalg.norm(result.vectors[0]) == pytest.approx(1)


@pytest.mark.parametrize("text", ["", " ", "\n\t \u3000"])
def test_an_empty_text_is_refused(embedder, text):
    with pytest.raises(ValueError, match="text 1 of 2 is empty"):
        embedder.embed(["something", text])


def test_a_text_that_the_tokenizer_drops_whole_has_a_vector(embedder):
    vector = embedder.embed(["\x00\x01"]).vectors[0]
    assert np.linalg.norm(vector) == pytest.approx(1)


def test_tokens_of_a_long_text_are_those_of_its_windows_in_their_places(embedder, assert_same, monkeypatch):
    monkeypatch.setattr(text_windows, "_LONGEST", 23)
    monkeypatch.setattr(
        text_windows, "_SLICE", text_windows.re.compile(text_windows._SLICE.pattern.replace("65536", "23"))
    )
    text = words(600)
    (whole,) = embedder.embed_tokens([" ".join(text)])
    windows = embedder.embed_tokens([" ".join(text[at : at + 254]) for at in (0, 254, 508)])
    assert [" ".join(text)[start:stop] for start, stop in whole.offsets] == text
    assert_same(whole.tokens, np.concatenate([window.tokens for window in windows]))


def test_tokens_of_an_empty_text_are_refused(embedder):
    with pytest.raises(ValueError, match="text 1 of 2 is empty"):
        embedder.embed_tokens(["something", " "])
