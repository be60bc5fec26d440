"""Whatever bytes of a document change, each of our parsers gives what it promises or says why not: all that tests/fuzz/targets.py names."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import seeds_of, targets
from tests.unit.changed_bytes import cut, cuts_of


@pytest.mark.slow
@pytest.mark.parametrize("name", targets())
def test_whatever_bytes_change(name: str) -> None:
    read, seeds = targets()[name], seeds_of(name)

    @settings(derandomize=True, deadline=None, max_examples=60)
    @given(st.data())
    def change(data: st.DataObject) -> None:
        seed = data.draw(st.sampled_from(seeds))
        read(cut(seed, data.draw(cuts_of(seed))))

    change()
