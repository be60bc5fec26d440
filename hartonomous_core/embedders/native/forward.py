"""The encoder's forward pass over texts laid end to end, as LLVM IR for one kernel.

Each text's rows are worked on by themselves: no sum crosses a text, so a vector does not depend, to the last bit, on what it is computed with.
Every part returns the largest of the bits of the magnitudes that it met, int32: 0x7F800000 or more where one was infinite or not a number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from hartonomous_core.embedders.native.attention import attention
from hartonomous_core.embedders.native.ir_values import (
    F32,
    I32,
    I64,
    Value,
    claiming_loop,
    define,
    for_each,
    load,
    loop,
    read,
)
from hartonomous_core.embedders.native.processor import Kernel
from hartonomous_core.embedders.native.records import JOB, MODEL, ROWS, SCRATCH
from hartonomous_core.embedders.native.rows import (
    Rounded,
    add_rows,
    copy_row,
    gelu_row,
    norm_row,
    quantize_row,
)
from hartonomous_core.embedders.native.tiles import product_tile


def encoder_module(kernel: Kernel) -> Any:
    """Return the module: `encode(model, scratch, job)`, addresses of the records above, works on chunks of the job until none is left."""
    module = ir.Module("encoder")
    encode_chunk = define(module, _encode_chunk(module, kernel))

    def encode(model: Value, scratch: Value, job: Value) -> Value:
        of_job = read(JOB, job)
        return claiming_loop(
            of_job["next_chunk"],
            of_job["chunk_count"],
            _no_bits(model),
            lambda chunk, worst: worst.at_least(encode_chunk(model, scratch, job, chunk)),
        )

    define(module, encode, exported=True)
    return module


def _encode_chunk(module: Any, kernel: Kernel) -> Callable[..., Value]:
    multiply, attend = define(module, _multiply(kernel)), define(module, attention(kernel.shape.lanes))
    add_and_norm, gelu, quantize = (define(module, make(kernel)) for make in (_add_and_norm, _gelu, _quantize))
    width_of_weight = 4 // kernel.weights_a_step

    def encode_chunk(model: Value, scratch: Value, job: Value, chunk: Value) -> Value:
        of, room, work = read(MODEL, model), read(SCRATCH, scratch), read(JOB, job)
        width, inner, epsilon = of["width"], of["inner"], of["epsilon"]
        hidden, update, wide = room["hidden"], room["update"], room["wide"]
        rounded = (room["activations"], room["activation_stride"], room["scales"])
        row_bytes = width * 4
        first_text, after_text = (load(work["chunks"] + chunk * 8, I64, 8 * at) for at in (0, 1))
        first_start = work["starts"] + first_text * 8
        first_token, texts = load(first_start, I64), after_text - first_text
        tokens = load(work["starts"] + after_text * 8, I64) - first_token

        def each_text(body: Callable[[Value, Value, Value], None]) -> None:
            """`body` takes the text, the first of its rows, and how many there are."""

            def text(index: Value) -> None:
                start, end = (load(first_start + index * 8, I64, 8 * at) for at in (0, 1))
                body(first_text + index, start - first_token, end - start)

            for_each(texts, text)

        def look_up(_text: Value, first: Value, count: Value) -> None:
            def token(index: Value) -> None:
                row = first + index
                word = load(work["ids"] + (first_token + row) * 8, I64)
                copy_row(of["words"] + word * row_bytes, hidden + row * row_bytes, width)
                copy_row(of["positions"] + index * row_bytes, update + row * row_bytes, width)

            for_each(count, token)

        def product(name: str, layer: Value, columns: Value, inputs: Value, out: Value, out_stride: Value) -> Value:
            weights = of[f"{name}_weights"] + layer * (columns * inputs * width_of_weight)
            others = [of[f"{name}_{part}"] + layer * (columns * 4) for part in ("correction", "scale", "bias")]
            steps = inputs // kernel.weights_a_step
            return multiply(*rounded, tokens, weights, *others, columns, steps, out, out_stride)

        def step(layer: Value, now: list[Value]) -> list[Value]:
            norm_at = layer * (row_bytes * 2)
            product("query_key_value", layer, width * 3, width, wide, room["wide_stride"])
            worst = attend(wide, room["wide_stride"], width, of["heads"], first_start, texts, update, scratch)
            worst = worst.at_least(quantize(update, row_bytes, tokens, width, *rounded))
            product("attended", layer, width, width, update, row_bytes)
            norm = of["attention_norms"] + norm_at
            worst = worst.at_least(add_and_norm(update, hidden, norm, epsilon, tokens, width, *rounded))
            product("widened", layer, inner, width, wide, room["wide_stride"])
            worst = worst.at_least(gelu(wide, room["wide_stride"], tokens, inner, *rounded))
            product("narrowed", layer, width, inner, update, row_bytes)
            norm = of["output_norms"] + norm_at
            return [
                now[0].at_least(worst.at_least(add_and_norm(update, hidden, norm, epsilon, tokens, width, *rounded)))
            ]

        def pool(text: Value, first: Value, count: Value) -> None:
            summed = (count - 1).if_not_zero(work["sums_rows"]) + 1
            add_rows(hidden + first * row_bytes, row_bytes, summed, work["pooled"] + text * row_bytes, width)

        each_text(look_up)
        worst = add_and_norm(update, hidden, of["embedding_norm"], epsilon, tokens, width, *rounded)
        [worst] = loop(of["layers"], [worst], step)
        each_text(pool)
        copy_row(hidden, work["states"] + first_token * row_bytes, (width * tokens).if_not_zero(work["states"]))
        return worst

    return encode_chunk


def _multiply(kernel: Kernel) -> Callable[..., Value]:
    shape = kernel.shape

    def multiply(
        activations: Value,
        stride: Value,
        scales: Value,
        rows: Value,
        weights: Value,
        correction: Value,
        scale: Value,
        bias: Value,
        columns: Value,
        steps: Value,
        out: Value,
        out_stride: Value,
    ) -> Value:
        """out = activations @ weights, with bias, float32."""

        def block(index: Value) -> None:
            first = index * (4 * shape.columns)
            block_weights = weights + first * steps

            def some_rows(row: Value) -> None:
                product_tile(
                    shape,
                    activations + row * stride,
                    stride,
                    block_weights,
                    steps,
                    correction + first,
                    scales + row * 4,
                    scale + first,
                    bias + first,
                    out + row * out_stride + first,
                    out_stride,
                )

            for_each(rows, some_rows, by=ROWS)

        for_each(columns // shape.columns, block)
        return _no_bits(rows)

    return multiply


def _quantize(kernel: Kernel) -> Callable[..., Value]:
    def quantize(
        values: Value, stride: Value, rows: Value, width: Value, activations: Value, a_stride: Value, scales: Value
    ) -> Value:
        """Round each row to [-127, 127] times a scale of its own."""

        def row(index: Value, target: Rounded) -> Value:
            return quantize_row(values + index * stride, width, target)

        return _each_row(kernel, rows, activations, a_stride, scales, row)

    return quantize


def _gelu(kernel: Kernel) -> Callable[..., Value]:
    def gelu(
        values: Value, stride: Value, rows: Value, width: Value, activations: Value, a_stride: Value, scales: Value
    ) -> Value:
        """Replace each value by its GELU, then as `quantize`."""

        def row(index: Value, target: Rounded) -> Value:
            return gelu_row(values + index * stride, width, target)

        return _each_row(kernel, rows, activations, a_stride, scales, row)

    return gelu


def _add_and_norm(kernel: Kernel) -> Callable[..., Value]:
    def add_and_norm(
        update: Value,
        hidden: Value,
        norm: Value,
        epsilon: Value,
        rows: Value,
        width: Value,
        activations: Value,
        a_stride: Value,
        scales: Value,
    ) -> Value:
        """hidden = LayerNorm(hidden + update), then as `quantize`."""

        def row(index: Value, target: Rounded) -> Value:
            at = index * (width * 4)
            return norm_row(update + at, hidden + at, norm, load(epsilon, F32), width, target)

        return _each_row(kernel, rows, activations, a_stride, scales, row)

    return add_and_norm


def _each_row(
    kernel: Kernel,
    rows: Value,
    activations: Value,
    stride: Value,
    scales: Value,
    one: Callable[[Value, Rounded], Value],
) -> Value:
    element = ir.IntType(8 * (4 // kernel.weights_a_step))

    def step(index: Value, now: list[Value]) -> list[Value]:
        target = Rounded(element, kernel.zero, activations + index * stride, scales + index * 4)
        return [now[0].at_least(one(index, target))]

    return loop(rows, [_no_bits(rows)], step)[0]


def _no_bits(beside: Value) -> Value:
    return Value(beside.builder, ir.Constant(I32, 0))
