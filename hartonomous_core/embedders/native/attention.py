"""Softmax attention, float32, as LLVM IR: scores of ROWS queries at a time, so that they stay in the fastest cache."""

from __future__ import annotations

from collections.abc import Callable

from hartonomous_core.embedders.native.ir_values import I32, I64, Value, for_each, load, loop, read
from hartonomous_core.embedders.native.records import ROWS, SCRATCH
from hartonomous_core.embedders.native.rows import softmax_rows
from hartonomous_core.embedders.native.tiles import float_tile, transposing_tile


def attention(lanes: int) -> Callable[..., Value]:
    """Return what emits the function `attend`."""
    columns = 2 * lanes

    def attend(
        wide: Value,
        stride: Value,
        width: Value,
        heads: Value,
        starts: Value,
        texts: Value,
        update: Value,
        scratch: Value,
    ) -> Value:
        """Softmax attention of each text and head into `update`; `wide` holds queries (scaled), keys and values side by side.

        Returns the bits of keys: a weight of 0 could hide that one is infinite. Queries and values show in the result.
        """
        room = read(SCRATCH, scratch)
        keys, scores, score_stride, inverses = room["keys"], room["scores"], room["score_stride"], room["scales"]
        size, row_bytes = width // heads, width * 4
        begin = load(starts, I64)

        def one_head(queries: Value, count: Value, out: Value, now: Value) -> Value:
            keys_at, values = queries + row_bytes, queries + row_bytes * 2

            def turn_keys(j: Value, now: list[Value]) -> list[Value]:
                """Of a block of `columns` keys, each dimension's come side by side; `lanes` of them are a half of it."""
                half = j // lanes
                block = keys + (half // 2) * (size * (4 * columns)) + (half & 1) * (4 * lanes)

                def turn(d: Value, now: list[Value]) -> list[Value]:
                    source = keys_at + j * stride + d * 4
                    bits = transposing_tile(
                        lanes, source, stride, count - j, block + d * (4 * columns), j.like(4 * columns)
                    )
                    return [now[0].at_least(bits)]

                return loop(size, now, turn, by=lanes)

            [worst] = loop(count, [now], turn_keys, by=lanes)

            def some_rows(i: Value) -> None:
                def some_scores(j: Value) -> None:
                    block = keys + j * (size * 4)
                    float_tile(
                        lanes,
                        queries + i * stride,
                        stride,
                        block,
                        j.like(4 * columns),
                        size,
                        scores + j * 4,
                        score_stride,
                    )

                def mix(d: Value) -> None:
                    target = out + i * row_bytes + d * 4
                    float_tile(lanes, scores, score_stride, values + d * 4, stride, count, target, row_bytes, inverses)

                for_each(count, some_scores, by=columns)
                softmax_rows(ROWS, scores, score_stride, count, inverses)
                for_each(size, mix, by=columns)

            for_each(count, some_rows, by=ROWS)
            return worst

        def text(index: Value, now: list[Value]) -> list[Value]:
            start, end = (load(starts + index * 8, I64, 8 * at) for at in (0, 1))
            first = start - begin

            def head(number: Value, now: list[Value]) -> list[Value]:
                at = number * (size * 4)
                return [one_head(wide + first * stride + at, end - start, update + first * row_bytes + at, now[0])]

            return loop(heads, now, head)

        [worst] = loop(texts, [wide.constant(I32, lanes, 0)], text)
        return worst.reduce(Value.at_least)

    return attend
