"""Batches of rows: whole rows, 2 to 8 KiB, and what a changed export shares with the one before."""

import io
import random
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hartonomous_core.atomizers import Atom, atomizer_for
from hartonomous_core.atomizers.rows.row_batches import LEAST_BYTES, MOST_BYTES, Batch, RowBatches


def batches(rows: list[bytes], together: int) -> list[bytes]:
    """Those of rows that are given so many at a time."""
    taken = RowBatches()
    found: list[Batch] = []
    for start in range(0, len(rows), together):
        some = rows[start : start + together]
        ends = [sum(map(len, some[: n + 1])) for n in range(len(some))]
        found += taken.add(b"".join(some), ends)
    return [batch.content for batch in (*found, *taken.finish())]


@given(st.lists(st.integers(1, 3000), max_size=40), st.integers(0, 9), st.integers(1, 9))
def test_they_are_whole_rows_however_these_come(lengths: list[int], seed: int, together: int) -> None:
    draw = random.Random(seed)
    rows = [draw.randbytes(length) for length in lengths]
    found = batches(rows, together)
    assert b"".join(found) == b"".join(rows)
    assert found == batches(rows, 1000)
    ends = {sum(lengths[: n + 1]) for n in range(len(rows))}
    assert {sum(map(len, found[: n + 1])) for n in range(len(found))} <= ends
    assert all(LEAST_BYTES <= len(batch) <= MOST_BYTES for batch in found[:-1])


def test_a_long_row_is_a_batch_by_itself_and_one_beyond_64_kib_several() -> None:
    rows = [b"short\n", b"x" * 20_000 + b"\n", b"short\n", random.Random(1).randbytes(200_000), b"end\n"]
    sizes = [len(batch) for batch in batches(rows, 2)]
    assert (sizes[:3], sizes[-1]) == ([6, 20_001, 6], 4)
    assert len(sizes) > 6 and max(sizes) <= 64 * 1024


def table(rows: int, changed: range, seed: int) -> list[bytes]:
    """A table of customers; the changed rows have another amount."""
    draw = random.Random(1)
    other = random.Random(seed)
    lines = [b"id,customer,city,amount,remark\n"]
    for n in range(rows):
        amount, words = draw.randrange(10**6), " ".join(str(draw.randrange(10**5)) for _ in range(6))
        if n in changed:
            amount = other.randrange(10**6)
        lines.append(f"{n},customer {n},Leeds,{amount},{words}\n".encode())
    return lines


@pytest.mark.parametrize("what", ["changed", "put in", "taken out"])
def test_a_second_export_with_a_run_of_a_hundredth_changed_stores_two_hundredths(what: str) -> None:
    rows, run = 40_000, range(20_000, 20_400)
    first, second = table(rows, range(0), 0), table(rows, run, 1)
    if what == "put in":
        second = first[:20_000] + [b"new " + row for row in first[3000:3400]] + first[20_000:]
    elif what == "taken out":
        second = first[:20_000] + first[20_400:]

    def atoms(lines: list[bytes]) -> list[Atom]:
        return list(atomizer_for("text/csv").atomize(io.BytesIO(b"".join(lines)), "text/csv"))

    stored = {sha256(atom.content).digest(): len(atom.content) for atom in atoms(first)}
    more = {sha256(atom.content).digest(): len(atom.content) for atom in atoms(second)}
    new = sum(size for key, size in more.items() if key not in stored)
    assert new <= 0.02 * sum(stored.values())
