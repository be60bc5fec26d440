"""What people may read of addresses and connection strings: everything but the credentials."""

import re

_USER_INFO = re.compile(r"://(?:[^/\s?#]*|[^/\s:@]+:(?!\d+(?:[/?#]|$))[^\s@]*)@")
"""`user:password@` of an address, also where a password holds a slash that should have been escaped; not a port and a path with an @."""
_KEYWORD = re.compile(
    r"""(?i)\b((?:password|pwd|passwd|secret|token|access_?token|api[-_]?key|sig)\s*=\s*)(?:\{(?:[^}]|\}\})*\}|"[^"]*"|'[^']*'|[^&;\s,]+?(?=:?(?:[&;\s,]|$)))"""
)
_PASSWORD = re.compile(r"(?:^|;)\s*(?:pwd|password)\s*=\s*(?:\{(?:[^}]|\}\})*\}|[^;]*)", re.IGNORECASE)


def without_credentials(text: str) -> str:
    """`text` without user and password of every address in it, and with `***` for the value of every `Password=` and its like."""
    return _KEYWORD.sub(r"\1***", _USER_INFO.sub("://", text))


def without_password(connection_string: str) -> str:
    """An ODBC connection string without its password: the same after a change of password.

    In a whole connection string a value ends at the semicolon and may hold spaces; `without_credentials` reads sentences, where none does.
    """
    return _PASSWORD.sub("", connection_string)
