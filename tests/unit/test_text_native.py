"""Our own kernels: each against the arithmetic in NumPy, on encoders of several shapes; broken models; compiled code on the disk."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from scipy.stats import spearmanr
from tokenizers import Tokenizer

from hartonomous_core.embedders.native.bert_files import MINILM, BertConfig, UnsupportedEncoder
from hartonomous_core.embedders.native.compiling import compiled_folder, holds_compiled_code
from hartonomous_core.embedders.native.processor import KERNELS, supported_kernels
from hartonomous_core.embedders.protocol import EmbeddingError
from hartonomous_core.embedders.text_native import NativeTextEmbedder
from tests.unit.int8_reference import sentence_vector

pytestmark = pytest.mark.slow

TEXTS = [
    "Hello",
    "?",
    "President Bush on Tuesday nominated two individuals to replace retiring jurists.",
    "SELECT AtomId FROM dbo.Atom WHERE TenantId = 0 AND Modality = 'text';",
    "東京は日本の首都です。 Überraschung: naïve café 🙂",
    "\x00\x01",
    "every word of this rather long sentence is repeated until the window is nearly full " * 15,
]
SMALL = BertConfig(layers=2, width=128, heads=2, inner=192, epsilon=1e-6, pooling="cls", window_tokens=64)


@pytest.fixture(params=KERNELS)
def kernel(request):
    if request.param not in supported_kernels():
        pytest.skip(f"NOT TESTED: kernel {request.param}; this processor runs {', '.join(supported_kernels())}")
    return request.param


@pytest.fixture(scope="module")
def tokenizer(text_model):
    return Tokenizer.from_file(str(text_model.tokenizer_path))


def ids_of(tokenizer, text, window):
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer.encode(text).ids[:window]


def small_tensors():
    """Random weights of an encoder whose sizes are none of MiniLM's."""
    random = np.random.default_rng(11)
    shapes = {
        "embeddings.word_embeddings.weight": (30522, 128),
        "embeddings.position_embeddings.weight": (64, 128),
        "embeddings.token_type_embeddings.weight": (2, 128),
    }
    for layer in ("encoder.layer.0", "encoder.layer.1"):
        for part in ("query", "key", "value"):
            shapes[f"{layer}.attention.self.{part}.weight"] = (128, 128)
        shapes[f"{layer}.attention.output.dense.weight"] = (128, 128)
        shapes[f"{layer}.intermediate.dense.weight"] = (192, 128)
        shapes[f"{layer}.output.dense.weight"] = (128, 192)
    tensors = {name: random.normal(0, 0.2, shape).astype(np.float32) for name, shape in shapes.items()}
    for name, shape in shapes.items():
        if "embeddings" not in name:
            tensors[name.replace("weight", "bias")] = random.normal(0, 0.1, shape[0]).astype(np.float32)
    for norm in (
        "embeddings",
        *(f"{n}.{o}output" for n in ("encoder.layer.0", "encoder.layer.1") for o in ("attention.", "")),
    ):
        tensors[f"{norm}.LayerNorm.weight"] = random.normal(1, 0.1, 128).astype(np.float32)
        tensors[f"{norm}.LayerNorm.bias"] = random.normal(0, 0.1, 128).astype(np.float32)
    return tensors


@pytest.fixture
def make_small(tmp_path, text_model):
    """Write an encoder of the user's own, after `change` to its tensors, and load it."""

    def make(change=None, config=SMALL, **options):
        tensors = small_tensors()
        if change:
            change(tensors)
        save_file(tensors, tmp_path / "model.safetensors")
        return NativeTextEmbedder(tmp_path / "model.safetensors", text_model.tokenizer_path, config, **options)

    return make


@pytest.mark.parametrize("layers", [1, 2])
def test_every_kernel_computes_the_arithmetic_of_the_model(kernel, layers, text_model, tokenizer):
    """Of few layers: a sum in another order rounds some activation to its neighbour, which rounds more in the next layer."""
    config = replace(MINILM, layers=layers)
    embedder = NativeTextEmbedder(text_model.model_path, text_model.tokenizer_path, config, kernel=kernel)
    tensors = load_file(text_model.model_path)
    expected = [sentence_vector(tensors, ids_of(tokenizer, text, 256), layers=layers, heads=12) for text in TEXTS]
    cosines = (embedder.embed(TEXTS).vectors * np.array(expected)).sum(axis=1)
    assert cosines.min() > 0.9999


def test_every_kernel_gives_the_same_bits(kernel, text_model, embedder):
    other = NativeTextEmbedder(text_model.model_path, text_model.tokenizer_path, MINILM, kernel=kernel)
    np.testing.assert_array_equal(other.embed(TEXTS).vectors, embedder.embed(TEXTS).vectors)


def test_every_kernel_computes_encoders_of_other_sizes(kernel, make_small, tokenizer):
    embedder = make_small(kernel=kernel)
    texts = [text[:200] for text in TEXTS]
    expected = [
        sentence_vector(small_tensors(), ids_of(tokenizer, text, 64), layers=2, heads=2, epsilon=1e-6, pooling="cls")
        for text in texts
    ]
    assert embedder.dimension == 128
    assert (embedder.embed(texts).vectors * np.array(expected)).sum(axis=1).min() > 0.9999


def test_a_vector_is_the_same_alone_and_in_any_company(kernel, text_model, sts_pairs):
    embedder = NativeTextEmbedder(text_model.model_path, text_model.tokenizer_path, MINILM, kernel=kernel)
    texts = [first for first, _, _ in sts_pairs[:60]] + TEXTS
    together = embedder.embed(texts).vectors
    order = np.random.default_rng(3).permutation(len(texts))
    np.testing.assert_array_equal(embedder.embed([texts[at] for at in order]).vectors, together[order])
    np.testing.assert_array_equal([embedder.embed([text]).vectors[0] for text in texts], together)


def test_sentence_pairs_rank_as_in_fp32(embedder, embedder_fp32, sts_pairs):
    first, second, scores = zip(*sts_pairs[::3], strict=True)

    def rank_correlation(of):
        return spearmanr((of.embed(first).vectors * of.embed(second).vectors).sum(axis=1), scores).statistic

    assert rank_correlation(embedder) == pytest.approx(rank_correlation(embedder_fp32), abs=0.002)


def test_a_kernel_that_the_processor_lacks_is_refused_before_anything_is_compiled(make_small, monkeypatch):
    monkeypatch.setattr("hartonomous_core.embedders.native.processor._features", set)
    assert supported_kernels() == ["plain"]
    with pytest.raises(ValueError, match="cannot run kernel 'avx2': it has plain"):
        make_small(kernel="avx2")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(make_small, value):
    def spoil(tensors):
        tensors["encoder.layer.1.output.dense.weight"][3, 4] = value

    with pytest.raises(UnsupportedEncoder, match=r"output\.dense\.weight .* not finite"):
        make_small(spoil)


def test_numbers_that_overflow_are_an_error(make_small):
    def spoil(tensors):
        tensors["embeddings.LayerNorm.weight"][:] = 3e38
        tensors["encoder.layer.0.output.dense.weight"][:] *= 1e30

    with pytest.raises(EmbeddingError, match="not finite"):
        make_small(spoil).embed(["a text"])


def test_a_vector_of_zeros_is_an_error(make_small):
    def spoil(tensors):
        tensors["encoder.layer.1.output.LayerNorm.weight"][:] = 0
        tensors["encoder.layer.1.output.LayerNorm.bias"][:] = 0

    with pytest.raises(EmbeddingError, match="vector of length 0"):
        make_small(spoil).embed(["a text"])


def test_a_tokenizer_of_another_model_is_an_error_and_reads_nothing_beyond_the_table(make_small):
    def shrink(tensors):
        tensors["embeddings.word_embeddings.weight"] = tensors["embeddings.word_embeddings.weight"][:1000].copy()

    with pytest.raises(EmbeddingError, match="do not belong together"):
        make_small(shrink).embed(["something"])


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("encoder.layer.0.intermediate.dense.bias", None, "has no tensor"),
        ("encoder.layer.0.intermediate.dense.bias", np.zeros(7, np.float32), "has shape"),
        ("embeddings.position_embeddings.weight", np.zeros((8, 128), np.float32), "8 positions: too few"),
    ],
)
def test_weights_of_another_shape_are_named(make_small, name, value, message):
    def spoil(tensors):
        tensors.pop(name)
        if value is not None:
            tensors[name] = value

    with pytest.raises(UnsupportedEncoder, match=message):
        make_small(spoil)


# -- what is compiled, on the disk: each in a process of its own, as the first import decides


PROGRAM = """
import logging, sys, time
from pathlib import Path
from hartonomous_core.embedders.native.bert_files import MINILM
from hartonomous_core.embedders.text_native import NativeTextEmbedder
weights, tokenizer, *folders = map(Path, sys.argv[1:])
embedder = NativeTextEmbedder(weights, tokenizer, MINILM, compiled=folders, on_compile=lambda: print("compiling"))
print(embedder.embed(["a text"]).vectors[0, :4].tolist())
"""


def start(text_model, *folders):
    command = [sys.executable, "-c", PROGRAM, text_model.model_path, text_model.tokenizer_path, *folders]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def output_of(process):
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert errors == ""
    return output.splitlines()


def test_only_the_first_process_compiles(text_model, tmp_path):
    first, second = (output_of(start(text_model, tmp_path)) for _ in range(2))
    assert first[0] == "compiling"
    assert second == first[1:]
    assert holds_compiled_code(compiled_folder([tmp_path]))


def test_processes_that_start_together_are_all_right(text_model, tmp_path):
    outputs = [output_of(process) for process in [start(text_model, tmp_path) for _ in range(3)]]
    assert len({output[-1] for output in outputs}) == 1


def test_damaged_code_is_compiled_again(text_model, tmp_path):
    first = output_of(start(text_model, tmp_path))
    for file in tmp_path.rglob("*.nbc"):
        file.write_bytes(file.read_bytes()[:1000])
    assert output_of(start(text_model, tmp_path)) == first[1:]
    assert all(file.stat().st_size > 1000 for file in tmp_path.rglob("*.nbc"))


def test_a_folder_that_cannot_be_used_leaves_the_next_one(text_model, tmp_path):
    (tmp_path / "file").write_text("no folder")
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)  # whoever writes there would have us run what they wrote
    own = tmp_path / "own"
    assert compiled_folder([tmp_path / "file" / "x", shared, own]).parent == own
    assert compiled_folder([shared]) is None
    assert output_of(start(text_model, shared))[0] == "compiling"
    assert list(shared.iterdir()) == []


def test_code_for_another_processor_lies_elsewhere(tmp_path):
    here = compiled_folder([tmp_path])
    program = "import sys; from pathlib import Path; from hartonomous_core.embedders.native.compiling import compiled_folder; "
    environment = os.environ | {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx2,+fma"}
    command = [sys.executable, "-c", program + "print(compiled_folder([Path(sys.argv[1])]))", str(tmp_path)]
    there = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()
    assert Path(there).parent == here.parent and Path(there) != here
