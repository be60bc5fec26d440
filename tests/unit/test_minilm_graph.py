"""The built graph against BERT written out in NumPy, from the same weights."""

import hashlib
import logging
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from safetensors.numpy import load_file
from scipy.special import erf
from scipy.stats import spearmanr
from tokenizers import Tokenizer

from hartonomous_core.embedders.minilm_graph import build_fp32, build_int8

pytestmark = pytest.mark.slow

SENTENCES = [
    "Hello",
    "?",
    "From the AP comes this story:",
    "President Bush on Tuesday nominated two individuals to replace retiring jurists.",
    "a a a a a a a a",
    "The quick brown fox jumps over the lazy dog, 42 times.",
    "def embed(texts: list[str]) -> np.ndarray: return model.run(None, texts)[0]",
    "SELECT AtomId FROM dbo.Atom WHERE TenantId = 0 AND Modality = 'text';",
    "Überraschung: naïve café, déjà vu, Åland",
    "東京は日本の首都です。",
    "Привет, мир! Как дела?",
    "🙂🙃 emoji and — dashes … “quotes”",
    "https://example.org/a/b?c=d&e=f#g",
    "e = mc²; ∑ x_i ≥ 0",
    "NOT GOOD. Not good! not good?",
    "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis",
    "0x7fffffff 3.14159 1e-12 2024-02-29T23:59:60Z",
    "[CLS] and [SEP] inside a text",
    "x" * 150,
    "every word of this rather long sentence is repeated until the window is nearly full " * 15,
]


@pytest.fixture(scope="module")
def weights(model_dir, text_model_fp32):
    stored = load_file(model_dir / "all-MiniLM-L6-v2" / "model.safetensors")
    return {name: values.astype(np.float64) for name, values in stored.items()}


@pytest.fixture(scope="module")
def token_ids(text_model_fp32):
    tokenizer = Tokenizer.from_file(str(text_model_fp32.tokenizer_path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    ids = [tokenizer.encode(sentence).ids for sentence in SENTENCES]
    assert 200 < max(map(len, ids)) <= 256
    return ids


@pytest.fixture(scope="module")
def session(text_model_fp32):
    return onnxruntime.InferenceSession(str(text_model_fp32.model_path), providers=["CPUExecutionProvider"])


def bert_sentence_vector(w, ids):
    """Devlin et al. 2018, mean pooling, unit length; float64 throughout."""

    def linear(name, x):
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def norm(name, x):
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12)
        return scaled * w[f"{name}.weight"] + w[f"{name}.bias"]

    def heads(x):
        return x.reshape(len(x), 12, 32).transpose(1, 0, 2)

    tables = {name: w[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position", "token_type")}
    x = tables["word"][ids] + tables["position"][: len(ids)] + tables["token_type"][0]
    x = norm("embeddings.LayerNorm", x)
    for layer in (f"encoder.layer.{number}" for number in range(6)):
        query, key, value = (heads(linear(f"{layer}.attention.self.{p}", x)) for p in ("query", "key", "value"))
        scores = query @ key.transpose(0, 2, 1) / np.sqrt(32)
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = (shares / shares.sum(-1, keepdims=True)) @ value
        mixed = mixed.transpose(1, 0, 2).reshape(len(ids), 384)
        x = norm(f"{layer}.attention.output.LayerNorm", x + linear(f"{layer}.attention.output.dense", mixed))
        wide = linear(f"{layer}.intermediate.dense", x)
        wide = wide * (1 + erf(wide / np.sqrt(2))) / 2
        x = norm(f"{layer}.output.LayerNorm", x + linear(f"{layer}.output.dense", wide))
    mean = x.mean(0)
    return mean / np.linalg.norm(mean)


def run(session, ids, mask=None):
    ids = np.asarray(ids, np.int64)
    return session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids) if mask is None else mask})[0]


def test_fp32_graph_equals_bert_in_numpy(session, weights, token_ids):
    for sentence, ids in zip(SENTENCES, token_ids, strict=True):
        expected = bert_sentence_vector(weights, ids)
        np.testing.assert_allclose(run(session, [ids])[0], expected, atol=2e-6, err_msg=sentence)


def test_padding_on_the_right_changes_nothing_in_fp32(session, token_ids):
    padded = np.zeros((len(token_ids), max(map(len, token_ids))), np.int64)
    mask = np.zeros_like(padded)
    for row, ids in enumerate(token_ids):
        padded[row, : len(ids)], mask[row, : len(ids)] = ids, 1
    batch = run(session, padded, mask)
    for vector, ids in zip(batch, token_ids, strict=True):
        np.testing.assert_allclose(vector, run(session, [ids])[0], atol=2e-6)


def test_building_again_gives_the_same_bytes_and_leaves_logging_alone(
    model_dir, text_model_onnx, text_model_fp32, tmp_path
):
    logging_before = logging.root.handlers[:], logging.root.filters[:]
    build_fp32(model_dir / "all-MiniLM-L6-v2" / "model.safetensors", tmp_path / "fp32.onnx")
    build_int8(tmp_path / "fp32.onnx", tmp_path / "int8.onnx")
    assert digest(tmp_path / "fp32.onnx") == text_model_fp32.artifact_hash
    assert digest(tmp_path / "int8.onnx") == text_model_onnx.artifact_hash
    assert (logging.root.handlers, logging.root.filters) == logging_before


def test_int8_weights_keep_to_seven_bits(text_model_onnx):
    """With eight, pairs of products overflow 16 bits on processors without VNNI."""
    import onnx

    model = onnx.load(text_model_onnx.model_path)
    matrices = [
        onnx.numpy_helper.to_array(tensor)
        for tensor in model.graph.initializer
        if tensor.data_type == onnx.TensorProto.INT8 and len(tensor.dims) == 2
    ]
    assert len(matrices) == 6 * 4
    assert all(np.abs(matrix.astype(int)).max() <= 64 for matrix in matrices)


def test_int8_ranks_sentence_pairs_as_fp32_does(embedder_onnx, embedder_fp32, sts_pairs):
    first, second, scores = zip(*sts_pairs[::5], strict=True)

    def rank_correlation(model):
        cosines = (model.embed(first).vectors * model.embed(second).vectors).sum(1)
        return spearmanr(cosines, scores).statistic

    fp32 = rank_correlation(embedder_fp32)
    assert fp32 > 0.85
    assert rank_correlation(embedder_onnx) == pytest.approx(fp32, abs=0.005)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
