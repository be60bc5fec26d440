"""Our own kernels, each against the arithmetic in NumPy, on encoders of several shapes."""

from dataclasses import replace
from functools import reduce
from operator import add

import numpy as np
import pytest
from llvmlite import ir
from safetensors.numpy import load_file
from scipy.stats import spearmanr

from hartonomous_core.embedders.native.bert_files import MINILM
from hartonomous_core.embedders.native.ir_values import Value
from hartonomous_core.embedders.native.processor import KERNELS, Processor, this_processor
from hartonomous_core.embedders.protocol import WindowVectors
from hartonomous_core.embedders.text_native import NativeTextEmbedder
from hartonomous_core.embedders.unit_vectors import unit_rows
from hartonomous_core.embedders.window_vectors import embed_texts, embed_texts_and_tokens
from tests.unit.int8_reference import Int8Bert
from tests.unit.native_fixtures import TEXTS
from tests.unit.small_bert import SMALL, small_tensors

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def of_kernel(kernel, text_model):
    """MiniLM, computed by one kernel."""
    compiled = [text_model.model_path.parent / "compiled"]
    return NativeTextEmbedder(
        text_model.model_path, text_model.tokenizer_path, MINILM, kernel=kernel, compiled=compiled
    )


@pytest.fixture(scope="module")
def reference(text_model):
    return Int8Bert(load_file(text_model.model_path), MINILM)


@pytest.fixture(scope="module")
def expected(reference, ids_of):
    """States of the tokens of TEXTS."""
    return [reference.token_states(ids_of(text)) for text in TEXTS]


def test_every_kernel_computes_the_arithmetic_of_the_model_bit_for_bit(of_kernel, expected):
    assert {2, 3, 16, 17, 33, 48, 256} <= {len(states) for states in expected}
    found = of_kernel.embed_tokens(TEXTS)
    sentences = np.stack([reduce(np.add, states).astype(np.float64) for states in expected])
    np.testing.assert_array_equal(of_kernel.embed(TEXTS).vectors[:-1], unit_rows(sentences).astype(np.float32)[:-1])
    for text, of_text, states in zip(TEXTS, found, expected, strict=True):
        np.testing.assert_array_equal(of_text.tokens, unit_rows(states[1:-1]), err_msg=text)


def test_every_kernel_computes_encoders_of_other_sizes(kernel, make_small, ids_of):
    embedder = make_small(kernel=kernel)
    reference = Int8Bert(small_tensors(), SMALL)
    texts = [text for text in TEXTS if len(ids_of(text)) <= SMALL.window_tokens]
    states = [reference.token_states(ids_of(text)) for text in texts]
    assert embedder.dimension == 128
    vectors = unit_rows(np.stack([each[0] for each in states]).astype(np.float64))
    np.testing.assert_array_equal(embedder.embed(texts).vectors, vectors.astype(np.float32))
    for of_text, each in zip(embedder.embed_tokens(texts), states, strict=True):
        np.testing.assert_array_equal(of_text.tokens, unit_rows(each[1:-1]))


def dot_of_bytes(is_signed):
    """What VPDPBUSD and SDOT do, in plain IR."""

    def dot(lanes, sums, activations, weights):
        builder, of_bytes = sums.builder, ir.VectorType(ir.IntType(8), 4 * lanes)
        wide = ir.VectorType(ir.IntType(32), 4 * lanes)
        left, right = (builder.bitcast(vector.value, of_bytes) for vector in (activations, weights))
        extend = builder.sext if is_signed else builder.zext
        products = Value(builder, builder.mul(extend(left, wide), builder.sext(right, wide)))
        return reduce(add, (products.shuffled(products, range(at, 4 * lanes, 4)) for at in range(4)), sums)

    return dot


@pytest.mark.parametrize("name", ["vnni512", "vnni256", "arm"])
def test_kernels_of_bytes_are_laid_out_rightly_be_the_processor_what_it_may(name, make_small, ids_of, monkeypatch):
    """Their one instruction put in plain IR, the rest as it is."""
    kernel = KERNELS[name]
    shape = replace(kernel.shape, dot=dot_of_bytes(is_signed=kernel.activation == "int8"))
    monkeypatch.setitem(KERNELS, "bytes", replace(kernel, shape=shape, feature=""))
    reference = Int8Bert(small_tensors(), SMALL)
    texts = [text for text in TEXTS if len(ids_of(text)) <= SMALL.window_tokens]
    for of_text, text in zip(make_small(kernel="bytes").embed_tokens(texts), texts, strict=True):
        np.testing.assert_array_equal(of_text.tokens, unit_rows(reference.token_states(ids_of(text))[1:-1]))


def test_a_vector_is_the_same_alone_and_in_any_company(of_kernel, sts_pairs):
    texts = [first for first, _, _ in sts_pairs[:60]] + TEXTS
    together = of_kernel.embed(texts).vectors
    order = np.random.default_rng(3).permutation(len(texts))
    np.testing.assert_array_equal(of_kernel.embed([texts[at] for at in order]).vectors, together[order])
    np.testing.assert_array_equal([of_kernel.embed([text]).vectors[0] for text in texts], together)


def test_the_sum_of_windows_does_not_depend_on_where_a_batch_ends(make_small):
    """Large numbers that cancel each other out: a sum in another order is another one."""
    windows = make_small()._windows
    texts = ["word " * words for words in (1, 700, 3, 2000)]
    count = len(list(windows.of(texts)))
    assert count > 40
    random = np.random.default_rng(7)
    vectors = random.normal(0, 1, (count, 128)) + 1e15 * random.integers(-1, 2, (count, 128))

    def in_turn():
        left = iter(vectors)

        def embed_windows(ids, lengths, *, with_states=False):
            states = np.ones((len(ids), 128), np.float32) if with_states else None
            return WindowVectors(np.array([next(left) for _ in lengths]), states)

        return embed_windows

    found = embed_texts(texts, windows, 128, in_turn())
    for tokens in (1, 150, 777):
        again = embed_texts(texts, windows, 128, in_turn(), tokens)
        with_tokens = embed_texts_and_tokens(texts, windows, 128, in_turn(), tokens)
        np.testing.assert_array_equal(again.vectors, found.vectors)
        np.testing.assert_array_equal(again.window_counts, found.window_counts)
        np.testing.assert_array_equal([each.vector for each in with_tokens], found.vectors)


def test_the_arithmetic_is_near_that_of_float32(reference, ids_of, embedder_fp32, sts_pairs):
    texts = [first for first, _, _ in sts_pairs[::60]]
    vectors = [reference.sentence_vector(ids_of(text)) for text in texts]
    cosines = (embedder_fp32.embed(texts).vectors * vectors).sum(axis=1)
    assert cosines.mean() > 0.996
    assert cosines.min() > 0.985


def test_sentence_pairs_rank_as_in_fp32(embedder, embedder_fp32, sts_pairs):
    first, second, scores = zip(*sts_pairs[::3], strict=True)

    def rank_correlation(of):
        return spearmanr((of.embed(first).vectors * of.embed(second).vectors).sum(axis=1), scores).statistic

    assert rank_correlation(embedder) == pytest.approx(rank_correlation(embedder_fp32), abs=0.002)


@pytest.mark.skipif(
    not this_processor().triple.startswith("x86_64"), reason="NOT TESTED: an old x86, on this processor"
)
def test_an_old_processor_gives_almost_the_same(text_model, embedder):
    """It has no fused multiplication and addition: some roundings turn the other way."""
    old = Processor(this_processor().triple, "x86-64-v2", "+sse4.2,+popcnt")
    of_old = NativeTextEmbedder(text_model.model_path, text_model.tokenizer_path, MINILM, processor=old)
    assert of_old.kernel == "plain"
    assert (embedder.embed(["a text"]).vectors[0] @ of_old.embed(["a text"]).vectors[0]) > 0.99
