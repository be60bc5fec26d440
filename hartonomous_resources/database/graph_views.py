"""The names of the views that are the provenance graph, the same in every store, and what is asked of them.

A node's view is named after its label, an edge's after what it joins: `Atom_INGESTED_FROM_Source`. An end is a label and a number; only
the names that are made here from the vocabulary ever get into a statement.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

from hartonomous_core.vocabulary import EDGE_KINDS, LABELS, EdgeType, Label

Way = Literal["upstream", "downstream"]
"""Along edges, from what was made to what it was made from, or against them."""

NODE_VIEWS: Final[dict[Label, str]] = {label: f"Graph{label}" for label in LABELS}

WITHOUT_HOUR: Final[tuple[Label, ...]] = ("Run", "Model", "Tenant")
"""Labels whose nodes have no hour, and of which no event tells: they come and go with what is joined to them. All edges have one."""


@dataclass(frozen=True, slots=True)
class EdgeView:
    """A view of edges of one type between two labels."""

    start: Label
    type: EdgeType
    end: Label

    @property
    def name(self) -> str:
        """The name of the view."""
        return f"{self.start}_{self.type}_{self.end}"

    def here(self, way: Way) -> Label:
        """The label that the view is entered from."""
        return self.start if way == "upstream" else self.end

    def there(self, way: Way) -> Label:
        """The label that it leads to."""
        return self.end if way == "upstream" else self.start

    def is_followed(self, way: Way) -> bool:
        """Return whether lineage follows edges of this type that way."""
        kind = EDGE_KINDS[self.type]
        return kind.is_followed_upstream if way == "upstream" else kind.is_followed_downstream


EDGE_VIEWS: Final[tuple[EdgeView, ...]] = tuple(
    EdgeView(start, name, end) for name, kind in EDGE_KINDS.items() for start, end in kind.joins
)

_HELD: Final = {name: f"{label} nodes" for label, name in NODE_VIEWS.items()} | {
    view.name: f"{view.type} edges ({view.start} to {view.end})" for view in EDGE_VIEWS
}


def what_it_holds(view_name: str) -> str:
    """Return what the rows of a view are, in words: `Model nodes`, `INGESTED_FROM edges (Atom to Source)`."""
    return _HELD[view_name]


def counts_by_kind(of_views: Mapping[str, int]) -> tuple[dict[str, int], dict[str, int]]:
    """Return what views have as how many nodes of each label and edges of each type there are; what there are none of is left out."""
    nodes = Counter[str]({label: of_views.get(name, 0) for label, name in NODE_VIEWS.items()})
    edges = Counter[str]()
    for view in EDGE_VIEWS:
        edges[view.type] += of_views.get(view.name, 0)
    return dict(+nodes), dict(+edges)


_ENDS: Final = ("Label", "Number", "Key", "FromLabel", "FromNumber", "ToLabel", "ToNumber")


def row_properties(row: Mapping[str, object]) -> dict[str, object]:
    """Return what the graph shows of a row of a view: its other columns, in camelCase and in order; what is NULL is left out.

    The tenant of an edge is that of its ends.
    """
    return next(properties_of([row]))


def properties_of(rows: Sequence[Mapping[str, object]]) -> Iterator[dict[str, object]]:
    """Yield what the graph shows of each row of one view, as `row_properties` returns it."""
    names = _names(tuple(rows[0])) if rows else []
    for row in rows:
        yield {name: value for column, name in names if (value := row[column]) is not None}


@cache
def _names(columns: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return the columns of a view that are properties, with what those are called. Cached: few views, asked very often."""
    others = (*_ENDS, "TenantId") if "FromNumber" in columns else _ENDS
    return [(column, column[0].lower() + column[1:]) for column in sorted(columns) if column not in others]
