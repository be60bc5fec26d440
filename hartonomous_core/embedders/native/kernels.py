"""The encoder's forward pass over texts laid end to end, compiled by numba. Import it through compiling.py, which says where the result is cached.

Each text's rows are worked on by themselves: no sum crosses a text, so a vector does not depend, to the last bit, on what it is computed with.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import config, njit, types
from numba.extending import intrinsic, overload
from numpy.typing import NDArray

from hartonomous_core.embedders.native import packing
from hartonomous_core.embedders.native.bert_files import BertConfig
from hartonomous_core.embedders.native.processor import KERNELS
from hartonomous_core.embedders.native.tiles import ROWS, float_tile, product_tile

_TILES = {kernel.kind: product_tile(kernel.shape) for kernel in KERNELS.values()}
_FLOAT_TILES = {kernel.kind: float_tile(kernel.shape.lanes) for kernel in KERNELS.values()}
_COLUMNS = {kernel.kind: kernel.shape.columns for kernel in KERNELS.values()}
_LANES = {kernel.kind: kernel.shape.lanes for kernel in KERNELS.values()}

_FAST: dict[str, Any] = {"fastmath": True, "error_model": "numpy"}
_f32 = np.float32


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


@intrinsic
def _float_of_bits(_typing: Any, bits: Any) -> Any:
    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(types.float32))

    return types.float32(types.int32), generate


@njit(**_FAST)
def _exponential(x):
    """e^x for x <= 0, relative error below 3e-6: a power of two times a polynomial; 0 below -87."""
    x = max(x, _f32(-87.0))
    power = np.floor(x * _f32(1.44269504) + _f32(0.5))
    r = x - power * _f32(0.693147181)
    near = _f32(1) + r * (
        _f32(1) + r * (_f32(0.5) + r * (_f32(0.1666666) + r * (_f32(0.0416666) + r * _f32(0.0083333))))
    )
    return near * _float_of_bits((np.int32(power) + np.int32(127)) << np.int32(23))


@njit(**_FAST)
def _quantize(values, rows, width, activations, scales, zero):
    """Round each row to [-127, 127] times a scale of its own; returns False where a value is infinite or not a number."""
    bits = values.view(np.int32)
    usable = True
    for row in range(rows):
        largest = np.int32(0)
        for k in range(width):
            largest = max(largest, bits[row, k] & np.int32(0x7FFFFFFF))
        usable &= largest < np.int32(0x7F800000)
        magnitude = _float_of_bits(largest) + _f32(1e-20)
        scales[row] = magnitude / _f32(127)
        inverse = _f32(127) / magnitude
        for k in range(width):
            activations[row, k] = np.int32(values[row, k] * inverse + _f32(128.5)) - np.int32(128) + zero
    return usable


@njit(**_FAST)
def _gelu(values, rows, width):
    """x * Phi(x), erf by Abramowitz and Stegun 7.1.26: absolute error below 1.5e-7."""
    for row in range(rows):
        for k in range(width):
            x = values[row, k]
            z = abs(x) * _f32(0.70710678)
            t = _f32(1) / (_f32(1) + _f32(0.3275911) * z)
            tail = t * (
                _f32(0.254829592)
                + t * (_f32(-0.284496736) + t * (_f32(1.421413741) + t * (_f32(-1.453152027) + t * _f32(1.061405429))))
            )
            erf = _f32(1) - tail * _exponential(-z * z)
            values[row, k] = _f32(0.5) * x + _f32(0.5) * abs(x) * erf


@njit(**_FAST)
def _add_and_norm(update, hidden, norm, rows, epsilon):
    """hidden = LayerNorm(hidden + update)."""
    width = norm.shape[1]
    for row in range(rows):
        total = _f32(0)
        for k in range(width):
            both = update[row, k] + hidden[row, k]
            hidden[row, k] = both
            total += both
        mean = total / _f32(width)
        squares = _f32(0)
        for k in range(width):
            distance = hidden[row, k] - mean
            squares += distance * distance
        inverse = _f32(1) / np.sqrt(squares / _f32(width) + epsilon)
        for k in range(width):
            hidden[row, k] = (hidden[row, k] - mean) * inverse * norm[0, k] + norm[1, k]


def _multiply(
    activations, scales, rows, matrix, layer, out
):  # pragma: no cover - numba compiles what `_multiply_with` returns
    """out = activations @ matrices of the layer, with bias, float32."""


@overload(_multiply, jit_options=_FAST)
def _multiply_with(activations, scales, rows, matrix, layer, out):
    tile, columns = _TILES[matrix.instance_class], _COLUMNS[matrix.instance_class]

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


def _attend(matrix, wide, starts, heads, keys, scores, out):  # pragma: no cover - as `_multiply`
    """Softmax attention of each text and head; `wide` holds queries (scaled), keys and values side by side."""


@overload(_attend, jit_options=_FAST)
def _attend_with(matrix, wide, starts, heads, keys, scores, out):
    tile, lanes = _FLOAT_TILES[matrix.instance_class], _LANES[matrix.instance_class]
    columns = 2 * lanes

    def attend(matrix, wide, starts, heads, keys, scores, out):
        width = out.shape[1]
        size = width // heads
        stride, out_stride = wide.strides[0], out.strides[0]
        for text in range(len(starts) - 1):
            first = starts[text]
            count = starts[text + 1] - first
            padded = (count + columns - 1) // columns * columns
            for head in range(heads):
                at = head * size
                for j in range(count):
                    for d in range(size):
                        keys[d, j] = wide[first + j, width + at + d]
                queries = wide.ctypes.data + first * stride + at * 4
                values = queries + 8 * width
                for i in range(0, count, ROWS):
                    for j in range(0, padded, columns):
                        tile(
                            queries + i * stride,
                            stride,
                            keys.ctypes.data + j * 4,
                            keys.strides[0],
                            size,
                            scores.ctypes.data + j * 4,
                            scores.strides[0],
                        )
                    for row in range(min(ROWS, count - i)):
                        largest = _f32(-3e38)
                        for j in range(count):
                            largest = max(largest, scores[row, j])
                        total = _f32(0)
                        for j in range(count):
                            weight = _exponential(scores[row, j] - largest)
                            scores[row, j] = weight
                            total += weight
                        inverse = _f32(1) / total
                        for j in range(count):
                            scores[row, j] *= inverse
                    for d in range(0, size, columns):
                        tile(
                            scores.ctypes.data,
                            scores.strides[0],
                            values + d * 4,
                            stride,
                            count,
                            out.ctypes.data + (first + i) * out_stride + (at + d) * 4,
                            out_stride,
                        )

    return attend


@njit(cache=bool(config.CACHE_DIR), nogil=True, **_FAST)
def hidden_states(ids, starts, encoder, scratch):
    """Leave the last layer's state of every token in scratch.hidden; returns False where a number overflowed or was none.

    ids: int64 (tokens,), of all texts, each between 0 and the number of words; starts: int64 (texts + 1,), where each text begins, and the end.
    """
    hidden, update, wide, activations, scales, keys, scores = scratch
    tokens, width = len(ids), encoder.words.shape[1]
    for text in range(len(starts) - 1):
        for row in range(starts[text], starts[text + 1]):
            for k in range(width):
                hidden[row, k] = encoder.words[ids[row], k]
                update[row, k] = encoder.positions[row - starts[text], k]
    _add_and_norm(update, hidden, encoder.embedding_norm, tokens, encoder.epsilon)
    usable = True
    for layer in range(encoder.attention_norms.shape[0]):
        usable &= _quantize(hidden, tokens, width, activations, scales, encoder.zero)
        _multiply(activations, scales, tokens, encoder.query_key_value, layer, wide)
        _attend(encoder.attended, wide, starts, encoder.heads, keys, scores, update)
        usable &= _quantize(update, tokens, width, activations, scales, encoder.zero)
        _multiply(activations, scales, tokens, encoder.attended, layer, update)
        _add_and_norm(update, hidden, encoder.attention_norms[layer], tokens, encoder.epsilon)
        usable &= _quantize(hidden, tokens, width, activations, scales, encoder.zero)
        _multiply(activations, scales, tokens, encoder.widened, layer, wide)
        inner = encoder.widened.bias.shape[1]
        _gelu(wide, tokens, inner)
        usable &= _quantize(wide, tokens, inner, activations, scales, encoder.zero)
        _multiply(activations, scales, tokens, encoder.narrowed, layer, update)
        _add_and_norm(update, hidden, encoder.output_norms[layer], tokens, encoder.epsilon)
    return usable


def new_scratch(tokens: int, window_tokens: int, sizes: BertConfig, activation: str) -> Scratch:
    """Return room for a chunk of up to `tokens` tokens, in texts of up to `window_tokens`. activation: the dtype of the kernel's activations."""
    rows, wide = tokens + ROWS, max(3 * sizes.width, sizes.inner)
    columns = window_tokens + 2 * max(_LANES.values())
    return Scratch(
        hidden=np.zeros((rows, sizes.width), np.float32),
        update=np.zeros((rows, sizes.width), np.float32),
        wide=np.zeros((rows, wide), np.float32),
        activations=np.zeros((rows, max(sizes.width, sizes.inner)), activation),
        scales=np.zeros(rows, np.float32),
        keys=np.zeros((sizes.width // sizes.heads, columns), np.float32),
        scores=np.zeros((ROWS, columns), np.float32),
    )
