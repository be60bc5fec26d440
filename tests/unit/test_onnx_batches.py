"""An ONNX encoder in padded batches: its vectors are those of the texts one by one, whatever the memory holds, or it is refused."""

import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from hartonomous_core.embedders.onnx_encoders import OutOfMemory, device_errors, open_encoder
from hartonomous_core.embedders.protocol import DeviceError, EmbeddingError
from hartonomous_core.embedders.text_onnx import OnnxTextEmbedder
from hartonomous_core.embedders.text_onnx_batches import OnnxBatchEmbedder

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def fp32(text_model_fp32):
    return OnnxBatchEmbedder(text_model_fp32.model_path, text_model_fp32.tokenizer_path, threads=2, batch_tokens=512)


def windows(count=70):
    lengths = np.random.default_rng(1).integers(1, 257, count).astype(np.int32)
    return np.random.default_rng(2).integers(0, 30522, lengths.sum(), dtype=np.int32), lengths


def test_windows_in_batches_are_those_of_one_by_one_with_their_states(fp32, embedder_fp32):
    ids, lengths = windows()
    found = fp32.embed_windows(ids, lengths, with_states=True)
    expected = embedder_fp32.embed_windows(ids, lengths, with_states=True)

    np.testing.assert_allclose(found.vectors, expected.vectors, atol=1e-5)
    np.testing.assert_allclose(found.states, expected.states, atol=1e-3)
    assert fp32.embed_windows(ids, lengths).states is None


def test_half_precision_keeps_the_direction_and_says_so_in_float32(text_model_fp16, embedder_fp32):
    half = OnnxBatchEmbedder(text_model_fp16.model_path, text_model_fp16.tokenizer_path, threads=2)
    ids, lengths = windows()
    cosines = (half.embed_windows(ids, lengths).vectors * embedder_fp32.embed_windows(ids, lengths).vectors).sum(axis=1)

    assert cosines.min() > 0.9999
    assert half.embed(["a text"]).vectors.dtype == np.float32


def test_a_batch_holds_no_more_tokens_than_it_may_padding_included(fp32, monkeypatch):
    ids, lengths = windows()
    shapes, run = [], fp32._run
    monkeypatch.setattr(
        fp32, "_run", lambda padded, *a, **k: shapes.append((*padded.shape, int(a[0].sum()))) or run(padded, *a, **k)
    )
    fp32.embed_windows(ids, lengths)

    assert sum(rows for rows, _, _ in shapes) == len(lengths)
    assert all(rows * width <= 512 for rows, width, _ in shapes)
    assert sum(tokens for *_, tokens in shapes) / sum(rows * width for rows, width, _ in shapes) > 0.9


def test_a_quantised_model_is_refused_as_its_vectors_depend_on_their_batch(text_model_onnx):
    with pytest.raises(EmbeddingError, match=r"differ, down to cosine 0\.9"):
        OnnxBatchEmbedder(text_model_onnx.model_path, text_model_onnx.tokenizer_path)


@pytest.mark.parametrize("token", [-1, 30522, 2**31 - 1])
def test_a_token_that_the_model_has_not_is_refused_before_a_device_reads_it(fp32, token):
    with pytest.raises(EmbeddingError, match=f"token {token} is none of the 30522"):
        fp32.embed_windows(np.array([101, token], np.int32), np.array([2], np.int32))


def test_token_vectors_may_be_wider_than_those_of_sentences(tmp_path, text_model_onnx):
    draw = np.random.default_rng(4)
    weights = {"table": draw.normal(size=(30522, 8)), "projection": draw.normal(size=(8, 4))}
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["token_embeddings"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["column"]),
        helper.make_node("Mul", ["token_embeddings", "column"], ["masked"]),
        helper.make_node("ReduceSum", ["masked", "middle"], ["sum"], keepdims=0),
        helper.make_node("MatMul", ["sum", "projection"], ["sentence_embedding"]),
    ]
    graph = helper.make_graph(
        nodes,
        "encoder",
        [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["b", "t"])
            for name in ("input_ids", "attention_mask")
        ],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
            for name in ("token_embeddings", "sentence_embedding")
        ],
        [numpy_helper.from_array(each.astype(np.float32), name) for name, each in weights.items()]
        + [numpy_helper.from_array(np.array([axis]), name) for name, axis in (("last", 2), ("middle", 1))],
    )
    path = tmp_path / "encoder.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), path)
    files, texts = (path, text_model_onnx.tokenizer_path), ["cat dog", "a house by the river", "\x00"]

    expected = OnnxTextEmbedder(*files).embed_tokens(texts)
    found = OnnxBatchEmbedder(*files).embed_tokens(texts)

    assert [(each.vector.shape, each.tokens.shape) for each in found[:2]] == [((4,), (2, 8)), ((4,), (5, 8))]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.vector, other.vector, atol=1e-5)
        assert len(one.tokens) == len(other.tokens)
        if len(one.tokens):
            np.testing.assert_allclose(one.tokens, other.tokens, atol=1e-5)


# ---- without room

LITTLE_MEMORY = """
import sys
from pathlib import Path
import numpy as np
import onnxruntime
limit, model, tokenizer = int(sys.argv[1]), *map(Path, sys.argv[2:])
# An arena that holds no more than this, as a GPU does.
memory = onnxruntime.OrtMemoryInfo("Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT)
arena = onnxruntime.OrtArenaCfg({"max_mem": limit, "arena_extend_strategy": 1})
onnxruntime.create_and_register_allocator(memory, arena)
options = onnxruntime.SessionOptions
def shared():
    made = options()
    made.add_session_config_entry("session.use_env_allocators", "1")
    return made
onnxruntime.SessionOptions = shared
from hartonomous_core.embedders.text_onnx_batches import OnnxBatchEmbedder
from hartonomous_core.embedders.protocol import DeviceError
embedder = OnnxBatchEmbedder(model, tokenizer, threads=1)
lengths = np.full(20, 200, np.int32)
ids = np.random.default_rng(3).integers(0, 30522, lengths.sum(), dtype=np.int32)
try:
    vectors = embedder.embed_windows(ids, lengths).vectors
except DeviceError as error:
    print(error)
else:
    onnxruntime.SessionOptions = options
    alone = OnnxBatchEmbedder(model, tokenizer, threads=1).embed_windows(ids, lengths).vectors
    print(embedder._batch_tokens < 1 << 15, float((vectors * alone).sum(axis=1).min()) > 0.9999)
"""


def embed_with(megabytes, files):
    command = [sys.executable, "-c", LITTLE_MEMORY, str(megabytes << 20), files.model_path, files.tokenizer_path]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout.strip()


def test_a_batch_that_finds_no_memory_is_halved_until_it_does(text_model_fp32):
    assert embed_with(230, text_model_fp32) == "True True"


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        ("Failed to allocate memory for requested buffer of size 1", OutOfMemory),
        ("CUDA failure 2: out of memory ; GPU=0", OutOfMemory),
        ("CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED", OutOfMemory),
        ("CUDA failure 719: unspecified launch failure", DeviceError),
    ],
)
def test_what_the_runtime_says_is_told_apart(raised, expected):
    from onnxruntime.capi.onnxruntime_pybind11_state import RuntimeException

    for kind in (RuntimeException, RuntimeError):  # the second with what is bound to buffers
        with pytest.raises(DeviceError) as caught, device_errors():
            raise kind(raised)

        assert type(caught.value) is expected


def test_a_device_that_is_not_there_is_said_to_be_none(text_model_fp32):
    with pytest.raises(DeviceError):
        open_encoder(text_model_fp32.model_path, cuda=99)
