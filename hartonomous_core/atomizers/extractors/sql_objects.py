"""Where the objects begin that a script of SQL creates, such as procedures and tables, in whichever dialect.

No grammar knows them all, and a symbol needs little of one: what is a string, a comment or a quoted name, and where a statement or a batch
ends. That of SQL Server is ended by a line that holds only GO, of Oracle by a slash, of MySQL by what DELIMITER says.
"""

import re
from collections.abc import Iterator
from typing import BinaryIO

from hartonomous_core.atomizers.extractors.symbol_starts import Symbol, in_utf8, part_starts
from hartonomous_core.atomizers.sections import Partial, Section, shorten
from hartonomous_core.vocabulary import GAP

_FLAGS = re.IGNORECASE | re.MULTILINE | re.DOTALL | re.VERBOSE
_STARTS = "CREATE|ALTER|DROP|INSERT|UPDATE|MERGE|TRUNCATE|EXEC|EXECUTE|PRINT|IF|DECLARE|SET|GRANT|DENY|REVOKE|USE|COMMIT|RAISERROR|GO"
"""Words that begin another statement where they stand first in a line, for SQL Server needs no semicolons."""
_TOKEN = rf"""
    (?P<comment>--[^\n]*+|/\*)
    | (?P<quoted>STRING|"[^"]*+(?:""[^"]*+)*+"?|\[[^]\n]{{0,260}}+\]|`[^`\n]{{0,260}}+`)
    | (?P<dollars>DOLLARS)
    | (?P<batch>^[ \t]*+(?:GO(?:[ \t]++\d++)?|/)[ \t]*+;?[ \t]*+(?:--[^\n]*+)?\r?$)
    | ^[ \t]*+DELIMITER[ \t]++(?P<delimiter>\S++)[^\n]*+
    | (?P<mark>[;()])
    | (?P<first>^(?:\xef\xbb\xbf)?[ \t]*+)?+(?<![\w@#$.])(?P<word>BEGIN|CASE|END(?:\s++(?:IF|LOOP|WHILE|REPEAT|FOR))?+|{_STARTS})
        (?![\w@#$\x80-\xff])
"""
_NEVER = r"(?!)"


def _tokens(string: str, dollars: str = _NEVER) -> re.Pattern[bytes]:
    return re.compile(_TOKEN.replace("STRING", string).replace("DOLLARS", dollars).encode("latin-1"), _FLAGS)


_STRING = r"'[^']*+(?:''[^']*+)*+'?"
_SQL_SERVER = _tokens(_STRING)
_MYSQL = _tokens(r"'[^'\\]*+(?:(?:''|\\.)[^'\\]*+)*+'?|\#[^\n]*+")
_OTHERS = _tokens(_STRING, r"\$(?:[A-Za-z_]\w*+)?+\$")
_GO = re.compile(rb"^[ \t]*+GO[ \t]*+\r?$", _FLAGS)
_SLASH = re.compile(rb"^/[ \t]*+\r?$", _FLAGS)
_IS_SQL_SERVER = re.compile(
    rb"\bCREATE\s++OR\s++ALTER\b|\bSET\s++NOCOUNT\b|\bdbo\s*+\.|\[[A-Za-z_]\w*+\]\s*+\.|\bVARCHAR\s*+\(\s*+MAX\b",
    _FLAGS,
)
_IS_MYSQL = re.compile(rb"^[ \t]*+DELIMITER\b|`\w++`|\bENGINE\s*+=", _FLAGS)
_ODD_QUOTES = re.compile(rb"\\['\"]|^[ \t]*+\#", re.MULTILINE)
"""A quotation mark behind a backslash, and a comment after #: what they mean, differs by dialect."""
_COMMENT_MARKS = re.compile(rb"/\*|\*/")

_NAME = r'(?:\[[^]\n]{1,260}+\]|"[^"\n]{1,260}+"|`[^`\n]{1,260}+`|[\w\#@$\x80-\xff]++)'
_OBJECT = re.compile(
    rf"""(?:CREATE(?:\s++OR\s++(?:REPLACE|ALTER))?+|ALTER(?!\s++(?:TABLE|TYPE)))\s++
    (?:(?:TEMP|TEMPORARY|GLOBAL|LOCAL|PUBLIC|UNLOGGED|VIRTUAL|MATERIALIZED|CONSTRAINT|EXTERNAL|FOREIGN|NO|FORCE|EDITIONABLE|NONEDITIONABLE
        |AGGREGATE|RECURSIVE|MESSAGE|DEFINER\s*+=\s*+\S++|ALGORITHM\s*+=\s*+\w++|SQL\s++SECURITY\s++\w++)\s++){{0,5}}+
    (?:(?P<routine>PROC(?:EDURE)?|FUNCTION|TRIGGER|PACKAGE(?:\s++BODY)?+)|(?P<view>VIEW)|TABLE|TYPE)\s++
    (?:IF\s++NOT\s++EXISTS\s++)?+(?!TO\b)(?P<name>{_NAME}(?:\s*+\.\s*+{_NAME}){{0,3}}+)""".encode("latin-1"),
    _FLAGS,
)
_PARTS = re.compile(_NAME.encode("latin-1"), _FLAGS)


def extract(stream: BinaryIO, content_type: str) -> Iterator[Section]:
    """Yield, without any text, what begins where: the `byte_offset` in UTF-8, the subtype, and {"symbol": [schema, name]}.

    Raises Partial at the end where a comment or a parenthesis is opened and never closed.
    """
    data = in_utf8(stream, content_type)
    script = _Script(data)
    script.read()
    yield from part_starts(data, script.objects, script.comments)
    if script.is_cut_off():
        raise Partial("its end is missing: something in it is opened and never closed")


class _Script:
    """One pass over a script: the object at hand is ended by a semicolon, by the end of its batch, or by what comes next."""

    def __init__(self, data: bytes) -> None:
        self.objects: list[Symbol] = []
        self.comments: list[tuple[int, int]] = []
        self._data = data
        self._has_batches = bool(_GO.search(data))
        self._is_sql_server = self._has_batches or bool(_IS_SQL_SERVER.search(data))
        is_mysql = not self._is_sql_server and bool(_IS_MYSQL.search(data))
        self._tokens = _SQL_SERVER if self._is_sql_server else _MYSQL if is_mysql else _OTHERS
        self._has_batches = self._has_batches or bool(_SLASH.search(data))
        self._delimiter = b";"
        self._object: Symbol | None = None
        self._is_routine = self._takes_batch = False
        self._parentheses = self._blocks = 0
        self._open_in_statement = 0
        self._ends_in_comment = False

    def is_cut_off(self) -> bool:
        """Tell, of a script that was read, whether it surely ends in a comment or a parenthesis: not where its strings may be told wrongly."""
        return self._ends_in_comment or (self._open_in_statement > 0 and not _ODD_QUOTES.search(self._data))

    def read(self) -> None:
        """Find the objects and the comments."""
        at, begins = 0, True
        while token := self._tokens.search(self._data, at):
            at = token.end()
            match token.lastgroup:
                case "comment":
                    at = self._comment_end(token)
                    self.comments.append((token.start(), at))
                    continue
                case "dollars":
                    end = self._data.find(token["dollars"], at)
                    at = len(self._data) if end < 0 else end + len(token["dollars"])
                case "batch":
                    self._end_batch(token)
                case "delimiter":
                    self._end(token.start())
                    self._delimiter = token["delimiter"]
                case "mark":
                    self._take_mark(token)
                case "word":
                    self._take_word(token, begins or token["first"] is not None)
            begins = token.lastgroup in ("batch", "delimiter") or token["mark"] == b";"
        self._end(len(self._data))

    def _comment_end(self, token: re.Match[bytes]) -> int:
        """Return where a comment ends; those of SQL Server nest."""
        if token[0] != b"/*":
            return token.end()
        depth, at = 1, token.end()
        while depth and (mark := _COMMENT_MARKS.search(self._data, at)):
            at = mark.end()
            depth = 0 if not self._is_sql_server and mark[0] == b"*/" else depth + (1 if mark[0] == b"/*" else -1)
        self._ends_in_comment = self._data.find(b"*/", token.end()) < 0
        return len(self._data) if depth else at

    def _end_batch(self, token: re.Match[bytes]) -> None:
        if self._object:
            self._end(token.start(), keep_comments=True)
            self.objects.append(Symbol(token.start(), token.end(), GAP, named_at=token.start()))
        self._parentheses = self._open_in_statement = 0

    def _take_mark(self, token: re.Match[bytes]) -> None:
        if token[0] != b";":
            step = 1 if token[0] == b"(" else -1
            self._parentheses = max(0, self._parentheses + step)
            self._open_in_statement = max(0, self._open_in_statement + step)
            return
        self._open_in_statement = 0
        if not self._parentheses and not self._blocks and not self._takes_batch and self._delimiter == b";":
            self._end(token.end(), keep_comments=True)

    def _take_word(self, token: re.Match[bytes], begins: bool) -> None:
        word = token["word"].upper()
        if self._parentheses:
            return
        if word in (b"BEGIN", b"CASE"):
            self._blocks += self._object is not None and self._is_routine
        elif word == b"END" and self._is_routine:
            self._blocks = max(0, self._blocks - 1)
            end = token.end()
            if self._delimiter != b";" and self._data[end : end + 99].lstrip().startswith(self._delimiter):
                self._end(self._data.index(self._delimiter, end) + len(self._delimiter), keep_comments=True)
        elif begins:
            created = _OBJECT.match(self._data, token.start("word")) if word in (b"CREATE", b"ALTER") else None
            if self._object and self._is_routine and not (created and (created["routine"] or created["view"])):
                return  # a table or a statement within it
            self._end(token.start())
            if created:
                self._begin(created)

    def _begin(self, created: re.Match[bytes]) -> None:
        names = [
            shorten(name.decode(errors="replace").strip('[]"`')) for name in _PARTS.findall(created["name"]) if name
        ]
        kind = "function" if created["routine"] else "class"
        self._object = Symbol(created.start(), created.end(), kind, tuple(names), created.start("name"))
        self._is_routine = bool(created["routine"] or (created["view"] and self._has_batches))
        self._takes_batch = self._is_routine and (
            self._has_batches or (self._is_sql_server and created["routine"].upper() != b"TRIGGER")
        )
        self._blocks = 0

    def _end(self, at: int, *, keep_comments: bool = False) -> None:
        """End the object at hand here; comments before the next one are the next one's."""
        if self._object is None:
            return
        at = self._without_space(at)
        for begin, end in reversed([] if keep_comments else self.comments):
            if end != at or begin < self._object.end:
                break
            at = self._without_space(begin)
        self._object.end = max(at, self._object.end)
        self.objects.append(self._object)
        self._object, self._is_routine, self._takes_batch, self._blocks = None, False, False, 0

    def _without_space(self, at: int) -> int:
        while at and self._data[at - 1 : at].isspace():
            at -= 1
        return at
