"""Encoders for ONNX Runtime, of the shapes that exports have."""

import os
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from hartonomous_core.embedders.protocol import EmbeddingError
from hartonomous_core.embedders.text_onnx import OnnxTextEmbedder

pytestmark = pytest.mark.slow


def test_the_runtimes_telemetry_is_switched_off_before_a_model_is_loaded(text_model_onnx, monkeypatch):
    import onnxruntime

    calls = []
    session = onnxruntime.InferenceSession
    monkeypatch.setattr(onnxruntime, "disable_telemetry_events", lambda: calls.append("off"))
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *a, **k: calls.append("session") or session(*a, **k))

    OnnxTextEmbedder(text_model_onnx.model_path, text_model_onnx.tokenizer_path)

    assert calls == ["off", "session"]


@pytest.mark.parametrize(
    "use",
    [
        "from hartonomous_core.embedders.text_onnx import OnnxTextEmbedder; OnnxTextEmbedder(*paths)",
        "from hartonomous_core.embedders import minilm_graph; from onnxruntime import quantization",
    ],
)
def test_the_runtime_keeps_no_identity_of_the_machine(text_model_onnx, tmp_path, use):
    """It writes one, and opens its store of events, when it is imported: before it can be told by a call."""
    paths = [str(text_model_onnx.model_path), str(text_model_onnx.tokenizer_path)]
    program = f"from pathlib import Path; paths = [Path(path) for path in {paths!r}]; {use}"
    others = ("HOME", "XDG_CACHE_HOME", "CI", "ORT_DISABLE_TELEMETRY")
    kept = {name: value for name, value in os.environ.items() if name not in others}

    subprocess.run([sys.executable, "-c", program], env=kept | {"HOME": str(tmp_path)}, check=True)

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.fixture
def make_encoder(tmp_path, text_model_onnx):
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
        return OnnxTextEmbedder(path, text_model_onnx.tokenizer_path)

    return make


@pytest.fixture
def table():
    return np.random.default_rng(7).normal(size=(30522, 5))


def test_token_vectors_of_another_encoder_are_averaged(make_encoder, table):
    encoder = make_encoder(table, inputs=("input_ids", "attention_mask", "token_type_ids"), element=TensorProto.INT32)
    expected = table[[101, 4937, 3899, 102]].mean(0)  # [CLS] cat dog [SEP]
    assert encoder.dimension == 5
    np.testing.assert_allclose(encoder.embed(["cat dog"]).vectors[0], expected / np.linalg.norm(expected), rtol=1e-5)


def test_a_sentence_vector_of_another_encoder_is_preferred_and_normalised(make_encoder, table):
    encoder = make_encoder(table, sentence_output=True)
    expected = table[[101, 4937, 102]].max(0)
    np.testing.assert_allclose(encoder.embed(["cat"]).vectors[0], expected / np.linalg.norm(expected), rtol=1e-5)


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


def test_a_token_without_direction_is_an_error(make_encoder, table):
    table[4937] = 0
    with pytest.raises(EmbeddingError, match="vector of length 0"):
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


def test_a_window_without_room_is_refused(text_model_onnx):
    with pytest.raises(ValueError, match="no room"):
        OnnxTextEmbedder(text_model_onnx.model_path, text_model_onnx.tokenizer_path, window_tokens=2)
