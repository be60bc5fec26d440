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
    """Room for one chunk of texts; `hidden` holds the result. Rows beyond the chunk's are touched."""

    hidden: NDArray[np.float32]
    update: NDArray[np.float32]
    wide: NDArray[np.float32]
    activations: NDArray[Any]
    scales: NDArray[np.float32]
    keys: NDArray[np.float32]
    scores: NDArray[np.float32]


def _row_intrinsic(matrix: Any, make: Callable[[Any], Any]) -> Any:
    return make(ir.IntType(8 * np.dtype(_KERNELS[matrix.instance_class].activation).itemsize))


def _quantize(
    matrix, values, rows, width, activations, scales, zero
):  # pragma: no cover - numba compiles what `_quantize_with` returns
    """Round each row to [-127, 127] times a scale of its own; returns False where a value is infinite or not a number."""


@overload(_quantize, jit_options=_FAST)
def _quantize_with(matrix, values, rows, width, activations, scales, zero):
    quantize_one = _row_intrinsic(matrix, quantize_row)

    def quantize(matrix, values, rows, width, activations, scales, zero):
        usable = True
        for row in range(rows):
            largest = quantize_one(
                values.ctypes.data + row * values.strides[0],
                width,
                activations.ctypes.data + row * activations.strides[0],
                scales.ctypes.data + row * 4,
                zero,
            )
            usable &= largest < _INFINITE
        return usable

    return quantize


def _gelu(matrix, values, rows, width, activations, scales, zero):  # pragma: no cover - as `_quantize`
    """Replace each value by its GELU, then as `_quantize`."""


@overload(_gelu, jit_options=_FAST)
def _gelu_with(matrix, values, rows, width, activations, scales, zero):
    gelu_one = _row_intrinsic(matrix, gelu_row)

    def gelu(matrix, values, rows, width, activations, scales, zero):
        usable = True
        for row in range(rows):
            largest = gelu_one(
                values.ctypes.data + row * values.strides[0],
                width,
                activations.ctypes.data + row * activations.strides[0],
                scales.ctypes.data + row * 4,
                zero,
            )
            usable &= largest < _INFINITE
        return usable

    return gelu


def _add_and_norm(
    matrix, update, hidden, norm, epsilon, rows, activations, scales, zero
):  # pragma: no cover - as `_quantize`
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


def _multiply(activations, scales, rows, matrix, layer, out):  # pragma: no cover - as `_quantize`
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


def _attend(matrix, wide, width, starts, heads, scratch):  # pragma: no cover - as `_quantize`
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
    rows, wide = tokens + ROWS, max(3 * sizes.width, sizes.inner)
    columns = window_tokens + 2 * max(kernel.shape.lanes for kernel in KERNELS.values())
    return Scratch(
        hidden=np.zeros((rows, sizes.width), np.float32),
        update=np.zeros((rows, sizes.width), np.float32),
        wide=np.zeros((rows, wide), np.float32),
        activations=np.zeros((rows, max(sizes.width, sizes.inner)), activation),
        scales=np.zeros(rows, np.float32),
        keys=np.zeros((sizes.width // sizes.heads, columns), np.float32),
        scores=np.zeros((ROWS, columns), np.float32),
    )
