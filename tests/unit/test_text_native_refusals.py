"""Kernels that a processor lacks, models that are broken, numbers that overflow."""

from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import save_file
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing

from hartonomous_core.embedders.native.bert_files import UnsupportedEncoder
from hartonomous_core.embedders.native.processor import Processor, supported_kernels
from hartonomous_core.embedders.protocol import EmbeddingError
from hartonomous_core.embedders.text_native import NativeTextEmbedder
from tests.unit.int8_reference import Int8Bert
from tests.unit.native_fixtures import TEXTS
from tests.unit.small_bert import SMALL, small_tensors

pytestmark = pytest.mark.slow


def test_a_kernel_that_the_processor_lacks_is_refused_before_anything_is_compiled(make_small):
    old = Processor("x86_64-unknown-linux-gnu", "x86-64-v2", "+sse4.2,-avx2")
    assert supported_kernels(old) == ["plain"]
    with pytest.raises(ValueError, match="cannot run kernel 'avx2': it has plain"):
        make_small(kernel="avx2", processor=old)


@pytest.mark.parametrize(
    ("triple", "features", "kernels"),
    [
        ("x86_64-unknown-linux-gnu", "+avx2,+avx512vnni,-avxvnni", ["vnni512", "avx2", "plain"]),
        ("x86_64-pc-windows-msvc", "+avx2,+avxvnni", ["vnni256", "avx2", "plain"]),
        ("aarch64-unknown-linux-gnu", "+neon,+dotprod", ["arm", "plain"]),
        ("arm64-apple-darwin", "+neon,+dotprod", ["arm", "plain"]),
        ("aarch64-unknown-linux-gnu", "+neon,-dotprod,+avx2", ["plain"]),
        ("riscv64-unknown-linux-gnu", "+v", ["plain"]),
    ],
)
def test_the_features_of_a_processor_choose(triple, features, kernels):
    assert supported_kernels(Processor(triple, "", features)) == kernels


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(make_small, value):
    def spoil(tensors):
        tensors["encoder.layer.1.output.dense.weight"][3, 4] = value

    with pytest.raises(UnsupportedEncoder, match=r"output\.dense\.weight .* not finite"):
        make_small(spoil)


@pytest.mark.parametrize("name", ["attention.self.query", "attention.self.value", "output.dense"])
def test_numbers_that_overflow_are_an_error(make_small, kernel, name):
    def spoil(tensors):
        tensors[f"encoder.layer.0.{name}.weight"] *= 1e38
        tensors["encoder.layer.0.attention.output.LayerNorm.weight"] *= 100

    with pytest.raises(EmbeddingError, match="not finite"):
        make_small(spoil, kernel=kernel).embed(["a text"])


@pytest.mark.parametrize("name", ["attention.self.key", "intermediate.dense"])
def test_an_infinite_number_is_an_error_where_the_result_does_not_show_it(make_small, kernel, name, ids_of):
    """A key of minus infinity has a weight of 0, and so has the GELU of it."""

    def spoil(tensors):
        tensors[f"encoder.layer.0.{name}.weight"][0] *= 1e38
        tensors[f"encoder.layer.0.{name}.bias"][0] = -3e38
        tensors["encoder.layer.0.attention.self.query.weight"][0] = 0
        tensors["encoder.layer.0.attention.self.query.bias"][0] = 1e-36

    tensors = {name: tensor.copy() for name, tensor in small_tensors().items()}
    spoil(tensors)
    with np.errstate(over="ignore"):
        assert np.isfinite(Int8Bert(tensors, SMALL).token_states(ids_of(TEXTS[1]))).all()
    with pytest.raises(EmbeddingError, match="not finite"):
        make_small(spoil, kernel=kernel).embed([TEXTS[1]])


def test_tensors_may_be_named_as_those_of_a_larger_model_and_be_float16(make_small):
    def rename(tensors):
        for name in list(tensors):
            tensors[f"bert.{name}"] = tensors.pop(name).astype(np.float16)

    def halve(tensors):
        for name in tensors:
            tensors[name] = tensors[name].astype(np.float16).astype(np.float32)

    renamed, plain = make_small(rename).embed(TEXTS), make_small(halve).embed(TEXTS)
    np.testing.assert_array_equal(renamed.vectors, plain.vectors)
    assert renamed.window_counts.tolist() == [1] * (len(TEXTS) - 1) + [5]  # 254 tokens, 62 in a window of 64


def test_a_vector_of_zeros_is_an_error(make_small):
    def spoil(tensors):
        tensors["encoder.layer.1.output.LayerNorm.weight"][:] = 0
        tensors["encoder.layer.1.output.LayerNorm.bias"][:] = 0

    with pytest.raises(EmbeddingError, match="vector of length 0"):
        make_small(spoil).embed(["a text"])


def test_a_tokenizer_of_another_model_is_refused_before_a_text_comes(make_small):
    def shrink(tensors):
        tensors["embeddings.word_embeddings.weight"] = tensors["embeddings.word_embeddings.weight"][:1000].copy()

    with pytest.raises(EmbeddingError, match="gives token 30521, and the model has 1000: they do not belong together"):
        make_small(shrink)


def test_a_special_token_that_no_vocabulary_has_reads_nothing_beyond_the_table(text_model, tmp_path):
    tokenizer = Tokenizer.from_file(str(text_model.tokenizer_path))
    tokenizer.post_processor = TemplateProcessing(single="[X] $A", special_tokens=[("[X]", 99_999)])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    save_file(small_tensors(), tmp_path / "model.safetensors")
    embedder = NativeTextEmbedder(tmp_path / "model.safetensors", tmp_path / "tokenizer.json", SMALL)
    with pytest.raises(EmbeddingError, match="gives token 99999, and the model has 30522"):
        embedder.embed(["something"])


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("encoder.layer.0.intermediate.dense.bias", None, "has no tensor"),
        ("encoder.layer.0.intermediate.dense.bias", np.zeros(7, np.float32), "has shape"),
        ("embeddings.position_embeddings.weight", np.zeros((8, 128), np.float32), "8 positions: too few"),
        ("embeddings.word_embeddings.weight", np.zeros((30522, 128), np.int32), "is of type I32"),
    ],
)
def test_weights_of_another_shape_are_named(make_small, name, value, message):
    def spoil(tensors):
        tensors.pop(name)
        if value is not None:
            tensors[name] = value

    with pytest.raises(UnsupportedEncoder, match=message):
        make_small(spoil)


def test_layers_that_the_configuration_leaves_out_are_not_left_out_silently(make_small):
    with pytest.raises(UnsupportedEncoder, match=r"has more layers than the 1 of its config\.json"):
        make_small(config=replace(SMALL, layers=1))
