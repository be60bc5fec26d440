"""Reads connection strings of ADO.NET's SqlClient as values of our settings."""

import re
from collections.abc import Iterator

_PAIR = re.compile(r"""\s*([^=;]+?)\s*=\s*(?:"((?:[^"]|"")*)"|'((?:[^']|'')*)'|([^;"'][^;]*?|))\s*(?:;|$)""")
_LOCAL = re.compile(r"^(tcp:)?(?:\.|\(local\))(?=$|[\\,])", re.IGNORECASE)
_KEYWORDS = {
    "server": "server",
    "datasource": "server",
    "address": "server",
    "addr": "server",
    "networkaddress": "server",
    "database": "database",
    "initialcatalog": "database",
    "user": "user",
    "userid": "user",
    "uid": "user",
    "password": "password",
    "pwd": "password",
    "encrypt": "encrypt",
    "trustservercertificate": "trust_certificate",
    "connecttimeout": "login_seconds",
    "connectiontimeout": "login_seconds",
    "timeout": "login_seconds",
    "commandtimeout": "query_seconds",
}
"""Keywords in lower case and without spaces; each is a setting `sqlserver_…`."""
_INTEGRATED = ("trusted_connection", "integratedsecurity")
_AUTHENTICATION = "authentication"
_TOKENS = {"activedirectorydefault", "activedirectorymanagedidentity", "activedirectorymsi"}
_ENCRYPT = {"true": "yes", "mandatory": "yes", "false": "no", "optional": "no"}


def settings_of_connection_string(text: str) -> tuple[dict[str, str], list[str]]:
    """Return the settings in a connection string, by field name, and its keywords that have no counterpart here.

    Raises ValueError, which quotes no value, for a text that is no connection string, or that asks for a kind of login that we do not have.
    """
    given = {re.sub(r"\s", "", keyword).lower(): (keyword, value) for keyword, value in _pairs(text) if value}
    settings = {f"sqlserver_{_KEYWORDS[name]}": value for name, (_, value) in given.items() if name in _KEYWORDS}
    if "sqlserver_server" not in settings:
        raise ValueError("names no Server")
    settings["sqlserver_server"] = _LOCAL.sub(r"\1localhost", settings["sqlserver_server"])
    if encrypt := settings.get("sqlserver_encrypt"):
        settings["sqlserver_encrypt"] = _ENCRYPT.get(encrypt.lower(), encrypt.lower())
    if any(given.get(name, ("", ""))[1].lower() in ("true", "yes", "sspi") for name in _INTEGRATED):
        settings.pop("sqlserver_user", None)  # as in .NET: the operating system's login wins
        settings.pop("sqlserver_password", None)
    if _AUTHENTICATION in given:
        settings |= _login(given[_AUTHENTICATION][1])
    known = {*_KEYWORDS, *_INTEGRATED, _AUTHENTICATION}
    return settings, [keyword for name, (keyword, _) in given.items() if name not in known]


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    text = text.strip().rstrip(";")
    at = 0
    while at < len(text):
        found = _PAIR.match(text, at)
        if found is None:
            raise ValueError(f"is no connection string: keyword=value is expected at character {at + 1}")
        keyword, double, single, plain = found.groups()
        if double is not None:
            plain = double.replace('""', '"')
        elif single is not None:
            plain = single.replace("''", "'")
        yield keyword, plain
        at = found.end()


def _login(authentication: str) -> dict[str, str]:
    method = re.sub(r"\s", "", authentication).lower()
    if method in _TOKENS:
        return {"sqlserver_entra_token": "true"}
    if method == "sqlpassword":
        return {}
    raise ValueError("asks for an Authentication that is not known here: give HARTONOMOUS_SQLSERVER_DSN instead")
