"""Makes of events the changes by which a copy of the graph comes to hold what the views say.

Events are pointers: what is written is read from the views now, so an event that comes late, twice or out of order does no harm. An edge
is read by each event that brings one of its ends; the copy leaves out what leads to an end that it does not have yet. What an event
names and the views no longer have goes.

What an event reads does not grow with what was there before it. Of the atoms of a source, models and inferences are read for the atom's
first source, and runs for the first source of the run that holds it: an atom that stands in very many sources costs what any other does.
"""

import json
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from hartonomous_core.messages import ProvenanceEvent
from hartonomous_core.vocabulary import Label
from hartonomous_resources.database.graph_views import EDGE_VIEWS, WITHOUT_HOUR, EdgeView, Way
from hartonomous_resources.database.protocol import Database, UnitOfWork
from hartonomous_resources.database.rows.graph_rows import GRAPH_NODE_BY_KEY
from hartonomous_resources.database.rows.provenance_rows import FIRST_ATOMS_OF_SOURCE, SOURCES_OF_ATOM_AFTER
from hartonomous_resources.database.transactions import ask
from hartonomous_resources.graph.materialized import EdgeRow, Gone, GraphChange, MaterializedGraph, Replaced
from hartonomous_resources.graph.protocol import Node
from hartonomous_resources.work.event_pointers import Pointers, pointers_of
from hartonomous_resources.work.graph_reading import (
    BEFORE_ALL,
    NODES_AT_ONCE,
    edges_of,
    ends_of,
    nodes_of,
    page_of_copy,
)

S = TypeVar("S")
T = TypeVar("T")

INGESTED_FROM: Final = EdgeView("Atom", "INGESTED_FROM", "Source")
_MADE_BY_RUN: Final = EdgeView("Atom", "GENERATED_BY", "Run")
_MADE_OF_ATOM: Final = EdgeView("Atom", "DERIVED_FROM", "Atom")
_SUPERSEDES: Final = EdgeView("Source", "SUPERSEDES", "Source")
_EMBEDDED_BY: Final = EdgeView("Atom", "EMBEDDED_BY", "Model")
_PROJECTED_BY: Final = EdgeView("Atom", "PROJECTED_BY", "Model")


def views_from(label: Label) -> tuple[EdgeView, ...]:
    """Return the views whose edges start at a label, but for INGESTED_FROM: an atom may have very many of these."""
    return tuple(view for view in EDGE_VIEWS if view.start == label and view != INGESTED_FROM)


def _views_to(label: Label) -> tuple[EdgeView, ...]:
    return tuple(view for view in EDGE_VIEWS if view.end == label)


class _Reading:
    """What is read of a tenant in one snapshot, to be written at once."""

    def __init__(self, unit_of_work: UnitOfWork, tenant_id: int) -> None:
        self._unit_of_work, self._tenant_id = unit_of_work, tenant_id
        self._nodes: list[Node] = []
        self._edges: list[EdgeRow] = []
        self._replaced: list[Replaced] = []
        self._gone: list[Gone] = []

    def nodes(self, label: Label, numbers: Collection[int]) -> set[int]:
        """Read nodes; returns the numbers of those that the views have."""
        found = nodes_of(self._unit_of_work, self._tenant_id, label, numbers)
        self._nodes += found
        return {node.number for node in found}

    def nodes_or_gone(self, label: Label, numbers: Collection[int]) -> set[int]:
        """Read nodes; those that the views lack go. Returns the numbers of the others."""
        found = self.nodes(label, numbers)
        self._let_go(label, set(numbers) - found)
        return found

    def gone_if_unknown(self, label: Label, numbers: set[int]) -> None:
        """Let go of those of the nodes that the views lack."""
        rows = self._unit_of_work.graph_nodes(self._tenant_id, label, numbers) if numbers else []
        self._let_go(label, numbers - {row["Number"] for row in rows})

    def _let_go(self, label: Label, numbers: Collection[int]) -> None:
        if numbers:
            self._gone.append(Gone(self._tenant_id, label, sorted(numbers)))

    def edges(self, view: EdgeView, way: Way, numbers: Collection[int]) -> list[EdgeRow]:
        """Read edges of a view."""
        found = edges_of(self._unit_of_work, self._tenant_id, view, way, numbers)
        self._edges += found
        return found

    def edges_instead(self, view: EdgeView, starts: Collection[int]) -> list[EdgeRow]:
        """Read the edges of a view from nodes; the copy keeps no others from these."""
        if starts:
            self._replaced.append(Replaced(self._tenant_id, view, starts))
        return self.edges(view, "upstream", starts)

    def apart(self, view: EdgeView, starts: Collection[int], ends: Collection[int]) -> None:
        """Keep no edges of a view between nodes."""
        self._replaced.append(Replaced(self._tenant_id, view, starts, ends))

    def atoms(self, numbers: Collection[int]) -> set[int]:
        """Read atoms with all their edges but those to their sources; returns the numbers of those that the views have."""
        found = self.nodes_or_gone("Atom", numbers)
        for view in views_from("Atom"):
            self.edges_instead(view, found)
        for view in _views_to("Atom"):
            self.edges(view, "downstream", found)
        return found

    def atoms_of_source(self, source_id: int, numbers: Collection[int]) -> None:
        """Read the edges of atoms, which are there, that they have with their source: see above."""
        ids = sorted(numbers)
        which = {"tenant_id": self._tenant_id, "source_id": source_id, "atom_ids": json.dumps(ids)}
        rows = self._unit_of_work.query(FIRST_ATOMS_OF_SOURCE, **which) if ids else []
        first = [row["atomId"] for row in rows if row["isFirst"]]
        self._edges += edges_of(
            self._unit_of_work, self._tenant_id, INGESTED_FROM, "upstream", ids, after=source_id - 1, until=source_id
        )
        self.edges(_MADE_BY_RUN, "upstream", [row["atomId"] for row in rows if row["isFirstOfRun"]])
        for view in views_from("Atom"):
            if view not in (_MADE_BY_RUN, _MADE_OF_ATOM):
                self.edges(view, "upstream", first)
        for view in _views_to("Atom"):
            self.edges(view, "downstream", ids if view == _MADE_OF_ATOM else first)
        self.edges(_MADE_OF_ATOM, "upstream", ids)

    def sources(self, numbers: Collection[int]) -> set[int]:
        """Read sources with their edges but those of their atoms; returns the numbers of those that the views have."""
        found = self.nodes("Source", numbers)
        for view in views_from("Source"):
            of_view = self.edges_instead(view, found)
            if view == _SUPERSEDES:  # the older versions say by what they are superseded
                self.nodes("Source", {edge.end for edge in of_view} - found)
        for view in _views_to("Source"):
            if view != INGESTED_FROM:
                self.edges(view, "downstream", found)
        return found

    def inferences(self, keys: Collection[str]) -> None:
        """Read inferences with their edges."""
        which = {"tenant_id": self._tenant_id, "label": "Inference"}
        rows = [row for key in sorted(keys) for row in self._unit_of_work.query(GRAPH_NODE_BY_KEY, **which, key=key)]
        found = self.nodes("Inference", [row["number"] for row in rows])
        for view in views_from("Inference"):
            self.edges_instead(view, found)
        for view in _views_to("Inference"):
            self.edges(view, "downstream", found)

    def change(self) -> GraphChange:
        """Return all of it, with the nodes that come with the edges."""
        ends = ends_of(self._unit_of_work, self._tenant_id, self._edges)
        return GraphChange([*self._nodes, *ends], self._edges, self._replaced, self._gone)


@dataclass(frozen=True, slots=True)
class _Found:
    change: GraphChange
    whole: Sequence[int] = ()
    """Atoms of which all sources are still to be read."""
    gone_sources: Sequence[int] = ()


def changes_of(
    database: Database, graph: MaterializedGraph, events: Iterable[ProvenanceEvent]
) -> Iterator[GraphChange]:
    """Yield what the graph, which nobody else writes to meanwhile, must be changed in for events; to be written one after the other.

    While a change is written, the next one is read. Raises GraphUnavailable.
    """

    def find(of_tenant: tuple[int, Pointers]) -> _Found:
        tenant_id, pointed = of_tenant
        return ask(database, partial(_find, tenant_id=tenant_id, pointed=pointed))

    unused: dict[int, Sequence[Label]] = {}
    for (tenant_id, pointed), found in _one_ahead(find, pointers_of(events)):
        yield found.change
        yield from _occurrences(database, tenant_id, found.whole)
        for source_id in found.gone_sources:
            yield from _without_source(database, graph, tenant_id, source_id)
        deleted = _without_deleted(database, graph, tenant_id, pointed.deleted)
        if deleted.gone:
            yield deleted
        if (
            found.gone_sources or found.change.gone or pointed.deleted
        ):  # not what was still held: an event may come again
            unused[tenant_id] = WITHOUT_HOUR
        elif pointed.embedded or pointed.projected:
            unused.setdefault(tenant_id, ("Model",))
    for tenant_id, labels in unused.items():
        yield from _without_unused(database, graph, tenant_id, labels)


def _one_ahead(read: Callable[[S], T], of: Iterable[S]) -> Iterator[tuple[S, T]]:
    """Yield each with what is read of it. A thread reads the next one meanwhile: what it reads is told of again if it changes before its turn."""
    with ThreadPoolExecutor(1) as pool:
        ahead: deque[tuple[S, Future[T]]] = deque()
        for each in of:
            ahead.append((each, pool.submit(read, each)))
            if len(ahead) > 1:
                this, future = ahead.popleft()
                yield this, future.result()
        for this, future in ahead:
            yield this, future.result()


def _find(unit_of_work: UnitOfWork, tenant_id: int, pointed: Pointers) -> _Found:
    reading = _Reading(unit_of_work, tenant_id)
    sources = reading.sources(pointed.of_sources.keys())
    gone_sources = pointed.of_sources.keys() - sources
    of_gone = {atom for source_id in gone_sources for atom in pointed.of_sources[source_id]}
    whole = reading.atoms(pointed.atoms | of_gone) & pointed.atoms
    of_sources = {source_id: pointed.of_sources[source_id] for source_id in sorted(sources)}
    brought = reading.nodes_or_gone("Atom", {atom for atoms in of_sources.values() for atom in atoms})
    for source_id, atoms in of_sources.items():
        reading.atoms_of_source(source_id, atoms & brought)
    for view, numbers in ((_EMBEDDED_BY, pointed.embedded), (_PROJECTED_BY, pointed.projected)):
        reading.gone_if_unknown("Atom", numbers - {edge.start for edge in reading.edges_instead(view, numbers)})
    reading.inferences(pointed.inferences)
    return _Found(reading.change(), sorted(whole), sorted(gone_sources))


def _occurrences(database: Database, tenant_id: int, atoms: Sequence[int]) -> Iterator[GraphChange]:
    """Join atoms to all their sources, some at a time."""

    def page(unit_of_work: UnitOfWork, left: Sequence[int], after: int) -> tuple[Sequence[int], int, list[EdgeRow]]:
        edges: list[EdgeRow] = []
        while left and len(edges) < NODES_AT_ONCE:
            atom = left[0]
            which = {"tenant_id": tenant_id, "atom_id": atom, "after": after}
            rows = unit_of_work.query(SOURCES_OF_ATOM_AFTER, **which, n=NODES_AT_ONCE)
            if rows:
                only = {"after": after, "until": rows[-1]["sourceId"]}
                edges += edges_of(unit_of_work, tenant_id, INGESTED_FROM, "upstream", [atom], **only)
                after = rows[-1]["sourceId"]
            else:
                left, after = left[1:], BEFORE_ALL
        return left, after, edges

    left, after = atoms, BEFORE_ALL
    while left:
        left, after, edges = ask(database, partial(page, left=left, after=after))
        if edges:
            yield GraphChange(edges=edges)


def _without_source(
    database: Database, graph: MaterializedGraph, tenant_id: int, source_id: int
) -> Iterator[GraphChange]:
    """Look again at the atoms that a source held which is gone, then let it go.

    Each part leaves it at once: no transaction, and no look at what is left, grows with what it held.
    """

    def look(unit_of_work: UnitOfWork, atoms: Sequence[int]) -> GraphChange:
        reading = _Reading(unit_of_work, tenant_id)
        reading.atoms(atoms)
        reading.apart(INGESTED_FROM, atoms, [source_id])
        return reading.change()

    after = BEFORE_ALL
    while atoms := graph.starts(tenant_id, INGESTED_FROM, source_id, after, NODES_AT_ONCE):
        yield ask(database, partial(look, atoms=atoms))
        after = atoms[-1]
    yield GraphChange(gone=[Gone(tenant_id, "Source", [source_id])])


def _without_deleted(
    database: Database, graph: MaterializedGraph, tenant_id: int, hashes: Collection[str]
) -> GraphChange:
    """Let go of the atoms with these hashes that the views lack: no number of theirs is told."""
    held = set(graph.atoms_by_hash(tenant_id, sorted(hashes)) if hashes else [])

    def look(unit_of_work: UnitOfWork) -> GraphChange:
        reading = _Reading(unit_of_work, tenant_id)
        reading.gone_if_unknown("Atom", held)
        return reading.change()

    return ask(database, look) if held else GraphChange()


def _without_unused(
    database: Database, graph: MaterializedGraph, tenant_id: int, labels: Iterable[Label]
) -> Iterator[GraphChange]:
    """Let go of runs, models and the tenant, of which no event tells, where nothing that is left was made by them."""
    for label in labels:
        after = BEFORE_ALL
        while (page := page_of_copy(database, graph, tenant_id, label, after))[0]:
            held, unknown = page
            if unknown:
                yield GraphChange(gone=[Gone(tenant_id, label, unknown)])
            after = held[-1]
