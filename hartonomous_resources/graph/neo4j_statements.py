"""Cypher statements by name, from sql/neo4j/statements, with labels and types put in.

Cypher binds values, never labels and types. So these come from the fixed sets here, and a name that is in neither never gets
into a statement.
"""

from functools import cache

from hartonomous_resources.database.statements import load_statements
from hartonomous_resources.project_files import project_file

LABELS = ("Atom", "Source", "Run", "Model", "Inference", "Tenant")
TYPES = (
    "INGESTED_FROM",
    "DERIVED_FROM",
    "GENERATED_BY",
    "EMBEDDED_BY",
    "PROJECTED_BY",
    "USED_ATOM",
    "PRODUCED_ATOM",
    "USED_MODEL",
    "BELONGS_TO",
    "SUPERSEDES",
)

# The graph's protocol says why.
_LEFT_OUT = {
    "__TYPES__": (),
    "__UPSTREAM__": ("PRODUCED_ATOM",),
    "__DOWNSTREAM__": ("PRODUCED_ATOM", "SUPERSEDES"),
}


@cache
def statement(name: str, *, label: str = "", start: str = "", type: str = "", end: str = "") -> str:
    """The text of a named statement for these labels and this type; it needs those that the template names.

    Raises ValueError for a label or type that the graph does not have.
    """
    text = load_statements(project_file("sql") / "neo4j" / "statements")[name]
    known_labels, known_types = set(LABELS), set(TYPES)
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
    for placeholder, left_out in _LEFT_OUT.items():
        text = text.replace(placeholder, "|".join(type for type in TYPES if type not in left_out))
    return text
