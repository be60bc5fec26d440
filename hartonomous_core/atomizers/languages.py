"""The programming languages whose symbols are told: which content types each has, and which package brings its grammar."""

from dataclasses import dataclass

from hartonomous_core.atomizers.charset_names import media_type


@dataclass(frozen=True, slots=True)
class Language:
    """A language.

    name: as people write it.
    content_types: media types in lower case.
    grammar: the module of a distribution `tree-sitter-…`, and its function that returns the grammar; None: our own code tells them.
    query: of `symbol_queries.py`, which says what in its trees is a symbol; in lower case, its name in the version of an atomizer.
    kin: name of a language whose grammar is tried where its own meets errors: headers of C may be C++.
    """

    name: str
    content_types: tuple[str, ...]
    grammar: str | None
    query: str
    kin: str | None = None

    @property
    def distributions(self) -> tuple[str, ...]:
        """What brings the parser and the grammar, as it is installed."""
        return ("tree-sitter", self.grammar.partition(":")[0].replace("_", "-")) if self.grammar else ()


LANGUAGES = (
    Language("Python", ("text/x-python",), "tree_sitter_python:language", "PYTHON"),
    Language(
        "JavaScript", ("text/javascript", "application/javascript"), "tree_sitter_javascript:language", "JAVASCRIPT"
    ),
    Language("TypeScript", ("text/x-typescript",), "tree_sitter_typescript:language_typescript", "TYPESCRIPT"),
    Language("TSX", ("text/x-tsx",), "tree_sitter_typescript:language_tsx", "TYPESCRIPT"),
    Language("Java", ("text/x-java",), "tree_sitter_java:language", "JAVA"),
    Language("C", ("text/x-c",), "tree_sitter_c:language", "C", kin="C++"),
    Language("C++", ("text/x-c++",), "tree_sitter_cpp:language", "CPP"),
    Language("C#", ("text/x-csharp",), "tree_sitter_c_sharp:language", "C_SHARP"),
    Language("Go", ("text/x-go",), "tree_sitter_go:language", "GO"),
    Language("Rust", ("text/x-rust",), "tree_sitter_rust:language", "RUST"),
    Language("SQL", ("text/x-sql", "application/sql"), None, "SQL"),
    Language("shell", ("text/x-shellscript", "application/x-sh"), "tree_sitter_bash:language", "SHELL"),
)


def language_of(content_type: str) -> Language:
    """Return the language of a content type that one of them has."""
    kind = media_type(content_type)
    return next(language for language in LANGUAGES if kind in language.content_types)


def language_named(name: str) -> Language:
    """Return the language of a name."""
    return next(language for language in LANGUAGES if language.name == name)
