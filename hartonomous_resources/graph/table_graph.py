"""The provenance graph as the database's own views say it: no copy, so nothing that could disagree."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from hartonomous_core.vocabulary import LABELS, Label
from hartonomous_resources.database.graph_views import (
    EDGE_VIEWS,
    EdgeView,
    Way,
    counts_by_kind,
    row_properties,
)
from hartonomous_resources.database.protocol import Database, Row, UnitOfWork
from hartonomous_resources.database.rows.graph_rows import GRAPH_COUNTS
from hartonomous_resources.database.transactions import ask, query
from hartonomous_resources.graph.protocol import Edge, Name, Node, NodeId
from hartonomous_resources.graph.walked_graph import Answer, WalkedGraph
from hartonomous_resources.graph.walks import View

_WAYS: Final[tuple[Way, ...]] = ("upstream", "downstream")
_LABELS: Final = tuple(sorted(LABELS))

Numbers = Mapping[Label, Collection[int]]
"""Nodes by label."""


class TableGraph(WalkedGraph):
    """Asks the views of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def name(self) -> str:
        return f"graph of {self._database.name}"

    def close(self) -> None:
        """Leave the database open: it belongs to whoever opened it."""

    def counts(self, tenant_id: int | None) -> tuple[dict[str, int], dict[str, int]]:
        rows = query(self._database, GRAPH_COUNTS, tenant_id=tenant_id)
        return counts_by_kind({row["view"]: row["n"] for row in rows})

    def _look(
        self, tenant_id: int, as_of: str | None, starts: Sequence[NodeId], question: Callable[[View], Answer]
    ) -> Answer:
        def work(unit_of_work: UnitOfWork) -> Answer:
            view = TableView(unit_of_work, tenant_id, as_of)
            for label, number in starts:
                if not view.there(label, [number]):
                    raise KeyError((label, number))
            return question(view)

        return ask(self._database, work)


@dataclass(frozen=True, slots=True)
class TableView:
    """One tenant's graph as it was at a time, in one transaction."""

    unit_of_work: UnitOfWork
    tenant_id: int
    as_of: str | None
    names: dict[NodeId, Name] = field(default_factory=dict)
    """Of the nodes that were read."""

    def there(self, label: Label, numbers: Sequence[int]) -> list[int]:
        """Return those of the nodes that were there at the time."""
        rows = self.unit_of_work.graph_nodes(self.tenant_id, label, numbers)
        return [
            row["Number"] for row in rows if self.as_of is None or row["Since"] is None or row["Since"] <= self.as_of
        ]

    def atoms_only_here(self, start: NodeId) -> int:
        label, number = start
        if label != "Source":
            return 0
        [row] = self.unit_of_work.query("graph_atoms_only_here", tenant_id=self.tenant_id, number=number)
        return int(row["n"])

    def nodes(self, nodes: Sequence[NodeId]) -> list[Node]:
        """See `View.nodes`; the end of an edge that is no node, a broken invariant, is left out, too."""
        found = {}
        for label, numbers in _by_label(nodes).items():
            for row in self.unit_of_work.graph_nodes(self.tenant_id, label, numbers):
                node = Node(self.tenant_id, label, row["Number"], row["Key"], row_properties(row))
                found[label, node.number] = node
                self.names[label, node.number] = (label, node.key)
        return [found[node] for node in nodes if node in found]

    def levels(
        self,
        frontiers: Mapping[Way, Collection[NodeId]],
        *,
        after: NodeId | None = None,
        until: NodeId | None = None,
        limit: int | None = None,
    ) -> Mapping[Way, Sequence[NodeId]]:
        return {way: self._level(way, _by_label(nodes), after, until, limit) for way, nodes in frontiers.items()}

    def _level(
        self, way: Way, frontier: Numbers, after: NodeId | None, until: NodeId | None, limit: int | None
    ) -> list[NodeId]:
        level: list[NodeId] = []
        for label in _LABELS:
            if (after and label < after[0]) or (until and label > until[0]) or len(level) == limit:
                continue
            steps = [
                (view, way, frontier[view.here(way)])
                for view in EDGE_VIEWS
                if view.there(way) == label and view.is_followed(way) and view.here(way) in frontier
            ]
            numbers = self._ends(
                label,
                steps,
                after[1] if after and after[0] == label else None,
                until[1] if until and until[0] == label else None,
                None if limit is None else limit - len(level),
            )
            level += ((label, number) for number in numbers)
        return level

    def _ends(
        self,
        label: Label,
        steps: Sequence[tuple[EdgeView, Way, Collection[int]]],
        after: int | None,
        until: int | None,
        limit: int | None,
    ) -> list[int]:
        """Return the nodes of a label that these steps lead to and that were there, the first `limit`, in order."""
        found: list[int] = []
        while steps:
            wanted = None if limit is None else limit - len(found)
            ends = [
                self.unit_of_work.graph_ends(
                    self.tenant_id, *step, as_of=self.as_of, after=after, until=until, limit=wanted
                )
                for step in steps
            ]
            numbers = sorted(set().union(*ends))[:wanted]
            # An edge may be older than a node at its end: bytes are received before their atoms are made.
            found += self.there(label, numbers) if self.as_of is not None and numbers else numbers
            if wanted is None or len(found) == limit or all(len(part) < wanted for part in ends):
                break
            after = numbers[-1]
        return found

    def neighbours(self, nodes: Collection[NodeId], most: int) -> set[NodeId] | None:
        by_label = _by_label(nodes)
        found: set[NodeId] = set()
        for label in _LABELS:
            steps = [
                (view, way, by_label[view.here(way)])
                for view in EDGE_VIEWS
                for way in _WAYS
                if view.there(way) == label and view.here(way) in by_label
            ]
            found.update((label, number) for number in self._ends(label, steps, None, None, most + 1))
            if len(found) > most:
                return None
        return found

    def joined(self, nodes: Collection[NodeId], among: Collection[NodeId]) -> set[NodeId]:
        one, other = _by_label(nodes), _by_label(among)
        ends = {(view.end, row["ToNumber"]) for view, row in self._rows(one, other)}
        starts = {(view.start, row["FromNumber"]) for view, row in self._rows(other, one)}
        return ends | starts

    def edge_between(self, a: NodeId, b: NodeId) -> Edge:
        one, other = _by_label([a]), _by_label([b])
        found = [*self._rows(one, other), *self._rows(other, one)]
        return self._edges([min(found, key=lambda edge: edge[0].type)])[0]

    def page(self, nodes: Sequence[NodeId], earlier: Sequence[NodeId]) -> tuple[list[Node], list[Edge]]:
        on_page, before = _by_label(nodes), _by_label(earlier)
        held = self.nodes(nodes)
        found = [*self._rows(on_page, _by_label([*nodes, *earlier])), *self._rows(before, on_page)]
        return held, sorted(self._edges(found), key=lambda edge: (edge.start, edge.type, edge.end))

    def _rows(self, starts: Numbers, ends: Numbers) -> Iterator[tuple[EdgeView, Row]]:
        """Yield the edges from one of these nodes to another. They are looked up from their start, where they are few, and of a start
        that has very many those up to the numbers of the ends: a run or a model may be the end of a million."""
        for view in EDGE_VIEWS:
            if (here := starts.get(view.start)) and (there := ends.get(view.end)):
                rows = self.unit_of_work.graph_edges(
                    self.tenant_id,
                    view,
                    "upstream",
                    here,
                    as_of=self.as_of,
                    after=min(there) - 1,
                    until=max(there),
                    among=there,
                )
                yield from ((view, row) for row in rows)

    def _edges(self, found: Sequence[tuple[EdgeView, Row]]) -> list[Edge]:
        self.nodes(list({end for view, row in found for end in _ends_of(view, row)} - self.names.keys()))
        edges = []
        for view, row in found:
            start, end = map(self.names.get, _ends_of(view, row))
            if start and end:
                edges.append(Edge(self.tenant_id, start, view.type, end, row_properties(row)))
        return edges


def _ends_of(view: EdgeView, row: Row) -> tuple[NodeId, NodeId]:
    return (view.start, row["FromNumber"]), (view.end, row["ToNumber"])


def _by_label(nodes: Iterable[NodeId]) -> dict[Label, list[int]]:
    numbers: defaultdict[Label, list[int]] = defaultdict(list)
    for label, number in nodes:
        numbers[label].append(number)
    return dict(numbers)
