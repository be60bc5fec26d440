"""Packed numbers: any bytes come back, weights are smaller, and damaged ones take no more memory than they may."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hartonomous_core import byte_planes
from hartonomous_core.byte_planes import MOST_BYTES, NotPlanes, pack, unpack
from tests.unit.weight_files import drawn

modest = settings(derandomize=True, deadline=None, max_examples=200)


@modest
@given(st.binary(max_size=4000), st.sampled_from([2, 4, 8]), st.integers(1, 50))
def test_any_bytes_come_back(content: bytes, width: int, times: int) -> None:
    packed = pack(content * times, width)
    if packed is not None:
        assert len(packed) < len(content * times)
        assert unpack(packed) == content * times


@pytest.mark.parametrize(("dtype", "width", "most"), [("BF16", 2, 0.68), ("F16", 2, 0.9), ("F32", 4, 0.85)])
def test_weights_are_smaller(dtype: str, width: int, most: float) -> None:
    content = drawn(4, 512, 513, dtype=dtype).data + b"odd"
    packed = pack(content, width)
    assert packed is not None and len(packed) < most * len(content)
    assert unpack(packed) == content


def test_numbers_that_were_rounded_lose_their_empty_bytes() -> None:
    wide = np.frombuffer(drawn(4, 512, 512, dtype="BF16").data, "<u2").astype("<u4") << 16
    packed = pack(wide.tobytes(), 4)
    assert packed is not None and len(packed) < 0.35 * wide.nbytes
    assert unpack(packed) == wide.tobytes()


def test_what_is_no_smaller_is_not_packed() -> None:
    assert pack(np.random.default_rng(1).bytes(100_000), 2) is None
    assert pack(b"", 2) is None
    assert pack(b"a", 8) is None


def test_without_the_option_of_the_library_it_is_smaller_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(byte_planes, "_LITERALS_BY_HUFFMAN", 999_999)
    content = drawn(4, 512, 512, dtype="BF16").data
    packed = pack(content, 2)
    assert packed is not None and len(packed) < 0.75 * len(content)
    assert unpack(packed) == content


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"HBP\x01",
        b"HBP\x02" + bytes(20),
        b"HBP\x01" + struct.pack("<BI", 3, 9) + bytes(30),
        b"HBP\x01" + struct.pack("<BI", 2, MOST_BYTES + 1),
        b"HBP\x01" + struct.pack("<BI", 2, MOST_BYTES) + bytes(8),
        b"HBP\x01" + struct.pack("<BI", 2, 8) + struct.pack("<I", 2**32 - 1) + b"abcd",
    ],
)
def test_what_is_not_packed_is_refused(packed: bytes) -> None:
    with pytest.raises(NotPlanes):
        unpack(packed)


def test_a_plane_that_unpacks_to_more_than_it_should_is_refused() -> None:
    from backports import zstd

    bomb = zstd.compress(bytes(100_000_000))
    packed = b"HBP\x01" + struct.pack("<BI", 2, 16) + (struct.pack("<I", len(bomb)) + bomb) * 2
    with pytest.raises(NotPlanes, match="another length"):
        unpack(packed)


@modest
@given(st.data())
def test_damaged_ones_are_refused_or_give_other_bytes(data: st.DataObject) -> None:
    content = drawn(4, 100, 30, dtype="BF16").data
    packed = pack(content, 2)
    assert packed is not None
    changed = bytearray(packed)
    place = data.draw(st.integers(0, len(changed) - 1))
    changed[place] ^= data.draw(st.integers(1, 255))
    try:
        found = unpack(bytes(changed))
    except NotPlanes:
        return
    assert len(found) <= MOST_BYTES
