"""A slip in the T-SQL cannot pass: each of these small changes to the files makes a check fail."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.sqlserver.functions import expectations
from tests.sqlserver.functions.conftest import server_with
from tests.tools.tsql_evaluator.server import Server
from tests.tools.tsql_evaluator.values import SqlError

Check = Callable[[Server], Any]


def float32(server: Server) -> None:
    expectations.float32_is_decoded(server, 300)


def hilbert(server: Server) -> None:
    expectations.hilbert_values_are_those_of_python(server, bits=21, count=60)
    expectations.hilbert_values_are_those_of_python(server, bits=3, count=60)


def axes(server: Server) -> None:
    expectations.axes_are_those_of_python(server, 5)


def position(server: Server) -> None:
    expectations.positions_are_those_of_python(server, 12)


SLIPS: list[tuple[str, str, Check]] = [
    ("POWER(2.0E0, -149)", "POWER(2.0E0, -148)", float32),
    ("(8388608 + ", "(8388607 + ", float32),
    ("/ 128 - 150)", "/ 128 - 127)", float32),
    ("WHEN 255 THEN NULL", "WHEN 254 THEN NULL", float32),
    ("& 128 = 0 THEN 1.0E0", "& 64 = 0 THEN 1.0E0", float32),
    ("SUM(a.Value * b.Value)", "SUM(a.Value * a.Value)", expectations.cosine_is_that_of_numpy),
    ("< 1998;", "< 1997;", expectations.cosine_is_that_of_numpy),
    ("4 * n.Component + 1, 4", "4 * n.Component, 4", expectations.cosine_is_that_of_numpy),
    ("@line - @below > 0.5E0", "@line - @below >= 0.5E0", hilbert),
    ("CONVERT(bigint, @below) % 2 = 1", "CONVERT(bigint, @below) % 2 = 0", hilbert),
    ("(@coordinate + 1.0E0) / 2.0E0", "(@coordinate + 1.0E0) / 2.1E0", hilbert),
    ("WHILE @bit > 1\n", "WHILE @bit > 2\n", hilbert),
    ("SET @c = @c ^ @swapped;", "SET @c = @b ^ @swapped;", hilbert),
    ("SET @c = @c ^ @b;", "SET @c = @c ^ @a;", hilbert),
    ("@parity) * 4 +", "@parity) * 2 +", hilbert),
    ("@parity ^ ((@c / @bit) % 2)", "@parity ^ ((@b / @bit) % 2)", hilbert),
    ("'hartonomous-landmark-v1|', @axis", "'hartonomous-landmark-v2|', @axis", axes),
    ("1, 7)) / 8)", "1, 7)) / 4)", axes),
    ("* 2.0E0 - 1.0E0;", "* 2.0E0;", axes),
    ("CONVERT(varchar(64), CONCAT(", "CONVERT(nvarchar(64), CONCAT(", axes),
    ("SUM(c.Drawn2 * c.Drawn1)", "SUM(c.Drawn2 * c.Drawn0 + c.Drawn1)", axes),
    ("g.G21 - f.On20 * g.G10", "g.G21 + f.On20 * g.G10", axes),
    ("(s.On21 * f.On10 - f.On20)", "(s.On21 * f.On10 + f.On20)", axes),
    ("SELECT 4.0E0 / SQRT", "SELECT 3.0E0 / SQRT", position),
    ("WHEN p.Y < -1.0E0 THEN -1.0E0", "WHEN p.Y < -2.0E0 THEN -1.0E0", position),
    ("d.C20 * s.D0 + d.C21 * s.D1", "d.C20 * s.D0 - d.C21 * s.D1", position),
]


@pytest.mark.parametrize(("right", "wrong", "check"), SLIPS, ids=[wrong for _, wrong, _ in SLIPS])
def test_a_slip_is_noticed(right: str, wrong: str, check: Check) -> None:
    with pytest.raises((AssertionError, SqlError)):
        check(server_with((right, wrong)))


def test_the_same_checks_pass_on_the_files_as_they_are(functions: Server) -> None:
    for check in (float32, hilbert, axes, position, expectations.cosine_is_that_of_numpy):
        check(functions)
