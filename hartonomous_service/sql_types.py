"""Adds and converts values as T-SQL does, where SQLite differs: + of texts, and CAST and CONVERT with their lengths."""

# utinyint is what sqlglot calls TINYINT.
_SIZES = {"bigint": 8, "int": 4, "smallint": 2, "tinyint": 1, "utinyint": 1}
_INT32 = 2**31

Value = bytes | str | int | float | None


def add(a: Value, b: Value) -> Value:
    """Do what T-SQL's + does: join texts and bytes, add numbers; a text beside a number must be a number.

    Raises ValueError for a text that is not a number, and for bytes beside something else.
    """
    if a is None or b is None:
        return None
    if isinstance(a, str) and isinstance(b, str):
        return a + b
    if isinstance(a, bytes) and isinstance(b, bytes):
        return a + b
    return _to_number(a) + _to_number(b)


def cast(value: Value, kind: str, length: int, style: int, safe: int) -> Value:
    """Do what CAST and CONVERT do for types of text, bytes and whole numbers. What is too long is cut off; `length` -1 is MAX.

    Text has the bytes of its UTF-8, as HASHBYTES has them here. Styles 1 and 2 read and write bytes as hex, with 0x and without.

    Raises ValueError for what cannot be converted; if it is `safe` (TRY_CAST, TRY_CONVERT), that is NULL instead.
    """
    if value is None:
        return None
    try:
        if kind in _SIZES:
            return _to_integer(value, kind)
        if kind.endswith("binary"):
            data = _to_bytes(value, length, style)
            return data.ljust(length, b"\0") if kind == "binary" else data
        text = _to_text(value, kind, length, style)
        return text.ljust(length) if kind in ("char", "nchar") else text
    except ValueError:
        if safe:
            return None
        raise


def _to_number(value: Value) -> int | float:
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, bytes) or value is None:
        raise ValueError("bytes can only be joined to bytes: CAST one of the two")
    if not value.strip():
        return 0
    try:
        return float(value) if any(mark in value for mark in ".eE") else int(value)
    except ValueError as error:
        raise ValueError(f"{value[:40]!r} is no number: CAST the number to join it to a text") from error


def _to_integer(value: Value, kind: str) -> int:
    size = _SIZES[kind]
    number = (
        int.from_bytes(value[-size:], "big", signed=size > 1) if isinstance(value, bytes) else int(_to_number(value))
    )
    least, most = (0, 255) if size == 1 else (-(2 ** (8 * size - 1)), 2 ** (8 * size - 1) - 1)
    if not least <= number <= most:
        raise ValueError(f"{number} is out of the range of {kind.removeprefix('u')}")
    return number


def _to_bytes(value: Value, length: int, style: int) -> bytes:
    if isinstance(value, int):  # as a number has its low end last, that is what stays
        data = value.to_bytes(4 if -_INT32 <= value < _INT32 else 8, "big", signed=True)
        return data[-length:] if 0 <= length < len(data) else data
    if isinstance(value, float) or value is None:
        raise ValueError("a number with a fraction has no bytes here")
    if isinstance(value, str):
        value = bytes.fromhex(value[2:] if style == 1 else value) if style in (1, 2) else value.encode()
    return value if length < 0 else value[:length]


def _to_text(value: Value, kind: str, length: int, style: int) -> str:
    if isinstance(value, bytes):
        text = {1: f"0x{value.hex().upper()}", 2: value.hex().upper()}.get(style) or value.decode(errors="replace")
    else:
        text = str(value)
    if length < 0 or (len(text) <= length and not kind.startswith("n")):
        return text
    if isinstance(value, (int, float)) and len(text) > length:
        raise ValueError(f"{text} does not fit into {kind}({length})")
    if kind.startswith("n"):  # its length counts UTF-16 units; half a character is none
        return text.encode("utf-16-le", "surrogatepass")[: 2 * length].decode("utf-16-le", "ignore")
    return text[:length]
