"""Sentence vectors: independent of each other, of threads and of slices; long texts are split and marked."""

import os
import resource
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from hartonomous_core.embedders import text_onnx
from hartonomous_core.embedders.protocol import EmbeddingError
from hartonomous_core.embedders.text_onnx import TextEmbedder

pytestmark = pytest.mark.slow

WORDS = ["cat", "dog", "house", "tree", "river", "mountain", "car", "book", "music", "winter"]
"""One token each."""


def words(count):
    return [WORDS[(number * number) % 10] for number in range(count)]


def test_the_runtimes_telemetry_is_switched_off_before_a_model_is_loaded(text_model, monkeypatch):
    import onnxruntime

    calls = []
    session = onnxruntime.InferenceSession
    monkeypatch.setattr(onnxruntime, "disable_telemetry_events", lambda: calls.append("off"))
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *a, **k: calls.append("session") or session(*a, **k))

    TextEmbedder(text_model.onnx_path, text_model.tokenizer_path)

    assert calls == ["off", "session"]


@pytest.mark.parametrize(
    "use",
    [
        "from hartonomous_core.embedders.text_onnx import TextEmbedder; TextEmbedder(*paths)",
        "from hartonomous_core.embedders import minilm_graph; from onnxruntime import quantization",
    ],
)
def test_the_runtime_keeps_no_identity_of_the_machine(text_model, tmp_path, use):
    """It writes one, and opens its store of events, when it is imported: before it can be told by a call."""
    paths = [str(text_model.onnx_path), str(text_model.tokenizer_path)]
    program = f"from pathlib import Path; paths = [Path(path) for path in {paths!r}]; {use}"
    others = ("HOME", "XDG_CACHE_HOME", "CI", "ORT_DISABLE_TELEMETRY")
    kept = {name: value for name, value in os.environ.items() if name not in others}

    subprocess.run([sys.executable, "-c", program], env=kept | {"HOME": str(tmp_path)}, check=True)

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.fixture
def make_encoder(tmp_path, text_model):
    """Build an encoder whose token vectors are rows of `table`, in the shapes that other exports have."""

    def make(table, *, inputs=("input_ids",), element=TensorProto.INT64, sentence_output=False):
        weights = [numpy_helper.from_array(np.asarray(table, np.float32), "table")]
        nodes = [helper.make_node("Gather", ["table", "input_ids"], ["tokens"])]
        outputs = ["tokens"]
        if sentence_output:
            weights.append(numpy_helper.from_array(np.array([1]), "axis"))
            nodes.append(helper.make_node("ReduceMax", ["tokens", "axis"], ["sentence_embedding"], keepdims=0))
            outputs.append("sentence_embedding")
        graph = helper.make_graph(
            nodes,
            "encoder",
            [helper.make_tensor_value_info(name, element, [1, "tokens"]) for name in inputs],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
            weights,
        )
        path = tmp_path / "encoder.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), path)
        return TextEmbedder(path, text_model.tokenizer_path)

    return make


@pytest.fixture
def table():
    return np.random.default_rng(7).normal(size=(30522, 5))


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


def test_a_vector_does_not_depend_on_its_neighbours_or_on_threads(text_model, embedder):
    texts = [" ".join(words(length)) for length in (1, 300, 3, 40, 120, 7)] * 5
    together = embedder.embed(texts).vectors
    single = TextEmbedder(text_model.onnx_path, text_model.tokenizer_path, threads=1)
    alone = [single.embed([text]).vectors[0] for text in texts]
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(embedder.embed(texts[::-1]).vectors[::-1], together)


@pytest.mark.parametrize(("tokens", "windows"), [(254, 1), (255, 2), (508, 2), (509, 3)])
def test_a_window_holds_254_tokens_of_text(embedder, tokens, windows):
    assert embedder.embed([" ".join(words(tokens))]).window_counts.tolist() == [windows]


def test_a_split_text_has_the_weighted_mean_of_its_windows(embedder):
    text = words(600)
    windows = [text[:254], text[254:508], text[508:]]
    parts = embedder.embed([" ".join(window) for window in windows]).vectors
    mean = sum((len(window) + 2) * part for window, part in zip(windows, parts, strict=True))
    whole = embedder.embed([" ".join(text)])
    np.testing.assert_allclose(whole.vectors[0], mean / np.linalg.norm(mean), atol=1e-6)
    assert whole.window_counts.tolist() == [3]


def test_slicing_for_the_tokenizer_does_not_show_in_the_vector(embedder, monkeypatch):
    text = "\n  ".join(f"Sentence {number} isn't unlike the others; déjà vu\t" for number in range(40))
    whole = embedder.embed([text])
    monkeypatch.setattr(text_onnx, "_SLICE", text_onnx.re.compile(text_onnx._SLICE.pattern.replace("65536", "23")))
    sliced = embedder.embed([text])
    np.testing.assert_array_equal(sliced.vectors, whole.vectors)
    assert sliced.window_counts == whole.window_counts > 1


def test_a_word_of_ten_megabytes_ends_in_bounded_memory(embedder):
    word = "x" * 10_000_000
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


def test_token_vectors_of_another_encoder_are_averaged(make_encoder, table):
    encoder = make_encoder(table, inputs=("input_ids", "attention_mask", "token_type_ids"), element=TensorProto.INT32)
    expected = table[[101, 4937, 3899, 102]].mean(0)  # [CLS] cat dog [SEP]
    assert encoder.dimension == 5
    np.testing.assert_allclose(encoder.embed(["cat dog"]).vectors[0], expected / np.linalg.norm(expected), rtol=1e-5)


def test_a_sentence_vector_of_another_encoder_is_preferred_and_normalised(make_encoder, table):
    encoder = make_encoder(table, sentence_output=True)
    expected = table[[101, 4937, 102]].max(0)
    np.testing.assert_allclose(encoder.embed(["cat"]).vectors[0], expected / np.linalg.norm(expected), rtol=1e-5)


def test_tokens_of_a_long_text_are_those_of_its_windows_in_their_places(embedder, monkeypatch):
    monkeypatch.setattr(text_onnx, "_SLICE", text_onnx.re.compile(text_onnx._SLICE.pattern.replace("65536", "23")))
    text = words(600)
    (whole,) = embedder.embed_tokens([" ".join(text)])
    windows = embedder.embed_tokens([" ".join(text[at : at + 254]) for at in (0, 254, 508)])
    assert [" ".join(text)[start:stop] for start, stop in whole.offsets] == text
    np.testing.assert_array_equal(whole.tokens, np.concatenate([window.tokens for window in windows]))


def test_token_vectors_of_another_encoder_are_taken_from_its_only_output(make_encoder, table):
    (made,) = make_encoder(table).embed_tokens(["cat dog"])
    expected = table[[4937, 3899]]
    np.testing.assert_allclose(made.tokens, expected / np.linalg.norm(expected, axis=1, keepdims=True), rtol=1e-5)
    assert made.offsets.tolist() == [[0, 3], [4, 7]]


def test_an_encoder_of_sentences_alone_gives_no_tokens(make_encoder, table):
    encoder = make_encoder(table, sentence_output=True)
    (made,) = encoder.embed_tokens(["cat dog"])
    np.testing.assert_array_equal(made.vector, encoder.embed(["cat dog"]).vectors[0])
    assert made.tokens.shape == (0, 5) and made.offsets.shape == (0, 2)


def test_tokens_of_an_empty_text_are_refused(embedder):
    with pytest.raises(ValueError, match="text 1 of 2 is empty"):
        embedder.embed_tokens(["something", " "])


def test_a_token_without_direction_is_an_error(make_encoder, table):
    table[4937] = 0
    with pytest.raises(EmbeddingError, match="token"):
        make_encoder(table).embed_tokens(["cat dog"])


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_a_vector_without_direction_is_an_error(make_encoder, table, value):
    table[[101, 102]] = 0
    table[4937] = value
    encoder = make_encoder(table)
    with pytest.raises(EmbeddingError, match="vector of length"):
        encoder.embed(["dog", "cat"])


def test_an_encoder_with_unknown_inputs_is_refused(make_encoder, table):
    with pytest.raises(ValueError, match="pixel_values"):
        make_encoder(table, inputs=("input_ids", "pixel_values"))


def test_a_window_without_room_is_refused(text_model):
    with pytest.raises(ValueError, match="no room"):
        TextEmbedder(text_model.onnx_path, text_model.tokenizer_path, window_tokens=2)
