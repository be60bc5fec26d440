"""Removes credentials from addresses and connection strings before people read them."""

import re

_USER_INFO = re.compile(r"://(?:[^/\s?#]*|[^/\s:@]+:(?!\d+(?:[/?#]|$))[^\s@]*)@")
"""`user:password@` of an address, also where a password holds a slash that should have been escaped; not a port and a path with an @."""
_KEYWORD = re.compile(
    r"""(?i)\b((?:password|pwd|passwd|secret|token|access_?token|api[-_]?key|sig)\s*=\s*)(?:\{(?:[^}]|\}\})*\}|"[^"]*"|'[^']*'|[^&;\s,]+?(?=:?(?:[&;\s,]|$)))"""
)
_PASSWORD = re.compile(r"(?:^|;)\s*(?:pwd|password)\s*=\s*(?:\{(?:[^}]|\}\})*\}|[^;]*)", re.IGNORECASE)


def without_credentials(text: str) -> str:
    """Return `text` without user and password in its addresses, and with `***` for the value of every `Password=` and the like."""
    return _KEYWORD.sub(r"\1***", _USER_INFO.sub("://", text))


def without_password(connection_string: str) -> str:
    """Return an ODBC connection string without its password, so that a change of password leaves it the same.

    In a whole connection string a value ends at the semicolon and may hold spaces; `without_credentials` reads sentences, where none does.
    """
    return _PASSWORD.sub("", connection_string)
