"""Where code is cut between lines, and what that costs."""

import sys
from hashlib import sha256
from types import FrameType

from hypothesis import given, settings
from hypothesis import strategies as st

from hartonomous_core.atomizers.cutting import Limits, weight
from hartonomous_core.atomizers.line_groups import line_groups

LIMITS = Limits(40, 160)
LINES = st.lists(
    st.sampled_from(["\n", " \n", "a = 1\n", "größe = 2\n", "潮 = 3\n"])
    | st.text("ab ö潮", max_size=60).map(lambda line: f"{line}\n"),
    max_size=90,
)


def groups_by_the_rule(lines: list[str]) -> list[list[str]]:
    """What the docstring says of lines that are not too long, each group looked at anew."""
    groups: list[list[str]] = []
    group: list[str] = []
    for line in lines:
        while group and weight("".join(group)) + weight(line) > LIMITS.most:
            places = [
                (not group[at].isspace(), sha256("".join(group[max(0, at - 1) : at + 1]).encode()).digest(), at + 1)
                for at in range(len(group))
                if weight("".join(group[: at + 1])) >= LIMITS.least
            ]
            count = min(places)[2] if places else len(group)
            groups.append(group[:count])
            group = group[count:]
        group.append(line)
    return [*groups, group] if group else groups


@settings(derandomize=True, deadline=None, max_examples=300)
@given(LINES)
def test_a_group_ends_after_a_blank_line_or_where_two_lines_have_the_least_hash(lines: list[str]) -> None:
    short = [line for line in lines if weight(line) <= LIMITS.most]
    assert list(line_groups(short, LIMITS)) == ["".join(group) for group in groups_by_the_rule(short)]


def test_each_line_is_hashed_once_however_short_it_is() -> None:
    """Of blank lines a group holds as many as it may have bytes, four times those that it is cut after."""
    hashed = 0

    def count(frame: FrameType, event: str, function: object) -> None:
        nonlocal hashed
        hashed += event == "c_call" and function is sha256

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        groups = list(line_groups(["\n"] * 20_000, LIMITS))
    finally:
        sys.setprofile(before)
    assert 19_000 < hashed <= 20_000 + len(groups)
