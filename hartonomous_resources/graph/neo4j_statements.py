"""Cypher statements by name, from sql/neo4j/statements, with labels and types put in.

Cypher binds values, never labels and types. So these come from the vocabulary, and a name that is in neither never gets
into a statement.
"""

from functools import cache

from hartonomous_core.vocabulary import DOWNSTREAM_TYPES, EDGE_TYPES, LABELS, UPSTREAM_TYPES
from hartonomous_resources.database.statements import load_statements
from hartonomous_resources.project_files import project_file

_TYPES_OF_PLACEHOLDER = {
    "__TYPES__": EDGE_TYPES,
    "__UPSTREAM__": UPSTREAM_TYPES,
    "__DOWNSTREAM__": DOWNSTREAM_TYPES,
}


@cache
def statement(name: str, *, label: str = "", start: str = "", type: str = "", end: str = "") -> str:
    """The text of a named statement for these labels and this type; it needs those that the template names.

    Raises ValueError for a label or type that the graph does not have.
    """
    text = load_statements(project_file("sql") / "neo4j" / "statements")[name]
    known_labels, known_types = set(LABELS), set(EDGE_TYPES)
    for placeholder, chosen, known in (
        ("__LABEL__", label, known_labels),
        ("__START__", start, known_labels),
        ("__TYPE__", type, known_types),
        ("__END__", end, known_labels),
    ):
        if placeholder in text or chosen:
            if chosen not in known:
                kind = "relationship type" if known is known_types else "label"
                raise ValueError(f"the graph has no {kind} {chosen!r}: it has {', '.join(sorted(known))}")
            text = text.replace(placeholder, chosen)
    for placeholder, types in _TYPES_OF_PLACEHOLDER.items():
        text = text.replace(placeholder, "|".join(types))
    return text
