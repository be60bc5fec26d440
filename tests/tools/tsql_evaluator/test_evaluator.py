"""The evaluator itself: where T-SQL differs from what one expects, it does what the server does."""

from typing import Any

import pytest

from tests.tools.tsql_evaluator.server import Server
from tests.tools.tsql_evaluator.values import SqlError, Unsupported


def value(expression: str, type_: str = "float") -> Any:
    """What a function returns that is nothing but this expression."""
    server = Server()
    server.load(f"CREATE FUNCTION dbo.f () RETURNS {type_} AS BEGIN RETURN {expression}; END;")
    return server.call("f")()


@pytest.mark.parametrize(
    ("expression", "type_", "expected"),
    [
        ("7 / 2", "int", 3),
        ("-7 / 2", "int", -3),
        ("-7 % 4", "int", -3),
        ("7 / 2 * 2.0E0", "float", 6.0),
        ("7 / 2.0E0", "float", 3.5),
        ("1 + 6 & 4", "int", 4),  # & binds as + does, from left to right
        ("POWER(2, -1)", "int", 0),
        ("POWER(2.0E0, -1)", "float", 0.5),
        ("POWER(CONVERT(bigint, 2), 62)", "bigint", 2**62),
        ("CONVERT(int, 2.9E0)", "int", 2),
        ("CONVERT(int, -2.9E0)", "int", -2),
        ("CONVERT(int, 0xFF)", "int", 255),
        ("CONVERT(int, 0xFFFFFFFF)", "int", -1),
        ("CONVERT(bigint, 0xFFFFFFFF)", "bigint", 2**32 - 1),
        ("CONVERT(bigint, 0x01FFFFFFFFFFFFFFFF)", "bigint", -1),
        ("CONVERT(binary(4), 0x0102)", "binary(4)", b"\x01\x02\0\0"),
        ("SUBSTRING(0x010203, 2, 5)", "varbinary(8)", b"\x02\x03"),
        ("SUBSTRING(0x010203, 0, 2)", "varbinary(8)", b"\x01"),
        ("CONCAT('a', NULL, 3)", "varchar(8)", "a3"),
        ("CONVERT(varchar(32), 0.1E0, 3)", "varchar(32)", "1.0000000000000001e-001"),
        ("CASE WHEN NULL = NULL THEN 1 ELSE 2 END", "int", 2),
        ("CASE WHEN 'A ' = 'a' THEN 1 ELSE 2 END", "int", 1),
        ("1 + NULL", "int", None),
        ("CASE 1 WHEN 2 THEN 1 ELSE 0.5E0 END", "float", 0.5),
    ],
)
def test_an_expression_has_the_servers_value(expression: str, type_: str, expected: Any) -> None:
    result = value(expression, type_)
    assert (result, type(result)) == (expected, type(expected))


def test_text_is_hashed_in_its_own_encoding() -> None:
    assert value("HASHBYTES('SHA2_256', 'a')", "binary(32)") != value("HASHBYTES('SHA2_256', N'a')", "binary(32)")


@pytest.mark.parametrize(
    ("expression", "number"),
    [
        ("2147483647 + 1", 8115),
        ("POWER(2, 31)", 8115),
        ("CONVERT(bigint, 9.3E18)", 8115),
        ("1E308 * 10.0E0", 8115),
        ("1 / 0", 8134),
        ("1.0E0 / 0.0E0", 8134),
        ("SQRT(-1.0E0)", 3623),
        ("1.0E0 & 1", 402),
    ],
)
def test_an_expression_fails_as_on_the_server(expression: str, number: int) -> None:
    with pytest.raises(SqlError) as raised:
        value(expression, "bigint")
    assert raised.value.number == number


def test_decimal_arithmetic_is_refused_and_not_guessed() -> None:
    with pytest.raises(Unsupported, match="exponent"):
        value("1.5 * 2")


def test_what_the_parser_refuses_is_an_error() -> None:
    with pytest.raises(SqlError, match="syntax"):
        value("1 +")
