"""The encoder's forward pass over texts laid end to end, compiled by numba. Import it through compiling.py, which says where the result is cached.

Each text's rows are worked on by themselves: no sum crosses a text, so a vector does not depend, to the last bit, on what it is computed with.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import config, njit
from numba.extending import overload
from numpy.typing import NDArray

from hartonomous_core.embedders.native import packing
from hartonomous_core.embedders.native.bert_files import BertConfig
from hartonomous_core.embedders.native.processor import KERNELS
from hartonomous_core.embedders.native.rows import gelu_row, norm_row, quantize_row, softmax_rows
from hartonomous_core.embedders.native.tiles import ROWS, float_tile, product_tile, transposing_tile

_KERNELS = {kernel.kind: kernel for kernel in KERNELS.values()}
_FAST: dict[str, Any] = {"error_model": "numpy"}
_INFINITE = np.int32(0x7F800000)


class Encoder(NamedTuple):
    """A model as the kernels read it, float32 but for the matrices. norms hold gain and bias: (…, 2, width)."""

    words: NDArray[np.float32]
    positions: NDArray[np.float32]
    embedding_norm: NDArray[np.float32]
    attention_norms: NDArray[np.float32]
    output_norms: NDArray[np.float32]
    query_key_value: packing.Matrix
    attended: packing.Matrix
    widened: packing.Matrix
    narrowed: packing.Matrix
    heads: int
    epsilon: np.float32
    zero: np.int32


class Scratch(NamedTuple):
    """Room for one chunk of texts; `hidden` holds the result. All are contiguous.

    Rows, of the first five: those of the chunk and ROWS - 1 beyond. hidden, update: (rows, width); wide: (rows, at least the greater of inner width
    and 3 * width), fastest where a row is 64 bytes longer than a multiple of 128 and begins at a multiple of 64: rows that lie a power of two apart
    share a few lines of the cache. activations: (rows, the greater of width and inner width); keys: (width of a head, longest), scores:
    (ROWS, longest), where longest is that of the longest text, rounded up to a multiple of 32.
    """

    hidden: NDArray[np.float32]
    update: NDArray[np.float32]
    wide: NDArray[np.float32]
    activations: NDArray[Any]
    scales: NDArray[np.float32]
    keys: NDArray[np.float32]
    scores: NDArray[np.float32]


def _multiply(
    activations, scales, rows, matrix, layer, out
):  # pragma: no cover - numba compiles what `_multiply_with` returns
    """out = activations @ matrices of the layer, with bias, float32."""


@overload(_multiply, jit_options=_FAST)
def _multiply_with(activations, scales, rows, matrix, layer, out):
    shape = _KERNELS[matrix.instance_class].shape
    tile, columns = product_tile(shape), shape.columns

    def multiply(activations, scales, rows, matrix, layer, out):
        weights, correction = matrix.weights[layer], matrix.correction[layer]
        scale, bias = matrix.scale[layer], matrix.bias[layer]
        for block in range(weights.shape[0]):
            first = block * columns
            for row in range(0, rows, ROWS):
                tile(
                    activations.ctypes.data + row * activations.strides[0],
                    activations.strides[0],
                    weights.ctypes.data + block * weights.strides[0],
                    weights.shape[1],
                    correction.ctypes.data + first * 4,
                    scales.ctypes.data + row * 4,
                    scale.ctypes.data + first * 4,
                    bias.ctypes.data + first * 4,
                    out.ctypes.data + row * out.strides[0] + first * 4,
                    out.strides[0],
                )

    return multiply


def _row_intrinsic(matrix: Any, make: Callable[[Any], Any]) -> Any:
    return make(ir.IntType(8 * np.dtype(_KERNELS[matrix.instance_class].activation).itemsize))


def _every_row(matrix: Any, make: Callable[[Any], Any]) -> Any:
    one = _row_intrinsic(matrix, make)

    def every(matrix, values, rows, width, activations, scales, zero):
        usable = True
        for row in range(rows):
            largest = one(
                values.ctypes.data + row * values.strides[0],
                width,
                activations.ctypes.data + row * activations.strides[0],
                scales.ctypes.data + row * 4,
                zero,
            )
            usable &= largest < _INFINITE
        return usable

    return every


def _quantize(matrix, values, rows, width, activations, scales, zero):  # pragma: no cover - as `_multiply`
    """Round each row to [-127, 127] times a scale of its own; returns False where a value is infinite or not a number."""


@overload(_quantize, jit_options=_FAST)
def _quantize_with(matrix, values, rows, width, activations, scales, zero):
    return _every_row(matrix, quantize_row)


def _gelu(matrix, values, rows, width, activations, scales, zero):  # pragma: no cover - as `_multiply`
    """Replace each value by its GELU, then as `_quantize`."""


@overload(_gelu, jit_options=_FAST)
def _gelu_with(matrix, values, rows, width, activations, scales, zero):
    return _every_row(matrix, gelu_row)


def _add_and_norm(
    matrix, update, hidden, norm, epsilon, rows, activations, scales, zero
):  # pragma: no cover - as `_multiply`
    """hidden = LayerNorm(hidden + update), then as `_quantize`."""


@overload(_add_and_norm, jit_options=_FAST)
def _add_and_norm_with(matrix, update, hidden, norm, epsilon, rows, activations, scales, zero):
    norm_one = _row_intrinsic(matrix, norm_row)

    def add_and_norm(matrix, update, hidden, norm, epsilon, rows, activations, scales, zero):
        usable = True
        for row in range(rows):
            largest = norm_one(
                update.ctypes.data + row * update.strides[0],
                hidden.ctypes.data + row * hidden.strides[0],
                norm.ctypes.data,
                norm.ctypes.data + norm.strides[0],
                epsilon,
                norm.shape[1],
                activations.ctypes.data + row * activations.strides[0],
                scales.ctypes.data + row * 4,
                zero,
            )
            usable &= largest < _INFINITE
        return usable

    return add_and_norm


def _attend(matrix, wide, width, starts, heads, scratch):  # pragma: no cover - as `_multiply`
    """Softmax attention of each text and head into scratch.update; `wide` holds queries (scaled), keys and values side by side.

    Returns False where a key is infinite or not a number: a weight of 0 could hide it; queries and values show in the result.
    """


@overload(_attend, jit_options=_FAST)
def _attend_with(matrix, wide, width, starts, heads, scratch):
    lanes = _KERNELS[matrix.instance_class].shape.lanes
    multiply, multiply_scaled = float_tile(lanes, scaled=False), float_tile(lanes, scaled=True)
    transpose, softmax = transposing_tile(lanes), softmax_rows(ROWS)
    columns = 2 * lanes

    def attend(matrix, wide, width, starts, heads, scratch):
        size = width // heads
        stride, out_stride, score_stride = wide.strides[0], scratch.update.strides[0], scratch.scores.strides[0]
        keys, scores, inverses = scratch.keys.ctypes.data, scratch.scores.ctypes.data, scratch.scales.ctypes.data
        largest = np.int32(0)
        for text in range(len(starts) - 1):
            first = starts[text]
            count = starts[text + 1] - first
            for head in range(heads):
                queries = wide.ctypes.data + first * stride + head * size * 4
                values = queries + 8 * width
                out = scratch.update.ctypes.data + first * out_stride + head * size * 4
                for j in range(0, count, lanes):  # blocks of `columns` keys, each dimension's side by side
                    block = keys + j // columns * columns * size * 4 + j % columns * 4
                    for d in range(0, size, lanes):
                        bits = transpose(
                            queries + 4 * width + j * stride + d * 4,
                            stride,
                            count - j,
                            block + d * columns * 4,
                            columns * 4,
                        )
                        largest = max(largest, bits)
                for i in range(0, count, ROWS):
                    for j in range(0, count, columns):
                        block = keys + j * size * 4
                        multiply(
                            queries + i * stride, stride, block, columns * 4, size, scores + j * 4, score_stride, 0
                        )
                    softmax(scores, score_stride, count, inverses)
                    for d in range(0, size, columns):
                        multiply_scaled(
                            scores,
                            score_stride,
                            values + d * 4,
                            stride,
                            count,
                            out + i * out_stride + d * 4,
                            out_stride,
                            inverses,
                        )
        return largest < _INFINITE

    return attend


@njit(cache=bool(config.CACHE_DIR), nogil=True, **_FAST)
def hidden_states(ids, starts, encoder, scratch):
    """Leave the last layer's state of every token in scratch.hidden; returns False where a number overflowed or was none.

    ids: int64 (tokens,), of all texts, each between 0 and the number of words; starts: int64 (texts + 1,), where each text begins, and the end.
    """
    hidden, update, wide, activations, scales = (
        scratch.hidden,
        scratch.update,
        scratch.wide,
        scratch.activations,
        scratch.scales,
    )
    tokens, width, inner = len(ids), encoder.words.shape[1], encoder.widened.bias.shape[1]
    kind, epsilon, zero = encoder.attended, encoder.epsilon, encoder.zero
    for text in range(len(starts) - 1):
        for row in range(starts[text], starts[text + 1]):
            hidden[row, :width] = encoder.words[ids[row]]
            update[row, :width] = encoder.positions[row - starts[text]]
    usable = _add_and_norm(kind, update, hidden, encoder.embedding_norm, epsilon, tokens, activations, scales, zero)
    for layer in range(encoder.attention_norms.shape[0]):
        _multiply(activations, scales, tokens, encoder.query_key_value, layer, wide)
        usable &= _attend(kind, wide, width, starts, encoder.heads, scratch)
        usable &= _quantize(kind, update, tokens, width, activations, scales, zero)
        _multiply(activations, scales, tokens, encoder.attended, layer, update)
        usable &= _add_and_norm(
            kind, update, hidden, encoder.attention_norms[layer], epsilon, tokens, activations, scales, zero
        )
        _multiply(activations, scales, tokens, encoder.widened, layer, wide)
        usable &= _gelu(kind, wide, tokens, inner, activations, scales, zero)
        _multiply(activations, scales, tokens, encoder.narrowed, layer, update)
        usable &= _add_and_norm(
            kind, update, hidden, encoder.output_norms[layer], epsilon, tokens, activations, scales, zero
        )
    return usable


def new_scratch(tokens: int, window_tokens: int, sizes: BertConfig, activation: str) -> Scratch:
    """Return room for a chunk of up to `tokens` tokens, in texts of up to `window_tokens`. activation: the dtype of the kernel's activations."""
    rows, longest = tokens + ROWS, -(-window_tokens // 32) * 32

    def floats(*shape: int) -> NDArray[np.float32]:
        return packing.aligned(shape, np.float32)

    return Scratch(
        hidden=floats(rows, sizes.width),
        update=floats(rows, sizes.width),
        wide=floats(
            rows, max(3 * sizes.width, sizes.inner) + 16
        ),  # rows a power of 2 apart would share a few sets of the cache
        activations=packing.aligned((rows, max(sizes.width, sizes.inner)), activation),
        scales=floats(rows),
        keys=floats(sizes.width // sizes.heads, longest),
        scores=floats(ROWS, longest),
    )
