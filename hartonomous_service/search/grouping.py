"""Makes one hit a source of a ranking: the best of each."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from hartonomous_resources.database.searchable_atoms import AtomFilter
from hartonomous_service.search.fusing import Found

Find = Callable[[int, AtomFilter], Sequence[Found]]
"""Ranks at least so many atoms that a filter wants, if there are so many, the best first."""
SourcesOf = Callable[[Sequence[int], AtomFilter], Mapping[int, set[int]]]
"""The sources that a filter wants in which atoms stand; none for one that was inserted by hand."""


def best_of_each_source(
    find: Find, sources_of: SourcesOf, k: int, atom_filter: AtomFilter
) -> Iterator[tuple[list[Found], AtomFilter]]:
    """Yield hits, k of them together if there are so many sources, with the filter under which they are each source's best.

    Sources that have their hit are wanted no more, and the others are asked for again: so none is missed behind many hits of a few. An atom
    that stands in several sources is the hit of all those that had none.
    """
    taken: set[int] = set()
    by_hand: set[int] = set()
    count = 0
    while count < k:
        wanted = replace(atom_filter, other_than=tuple(sorted(taken)))
        found = [each for each in find(k + len(by_hand), wanted) if each.atom_id not in by_hand]
        sources = sources_of([each.atom_id for each in found], wanted)
        hits: list[Found] = []
        for each in found[: k - count]:
            of_hit = sources.get(each.atom_id, set())
            if of_hit & taken:
                if of_hit <= taken:
                    continue
                break  # It is the best of some source, but is shown in that one only: under the next filter.
            hits.append(each)
            taken |= of_hit
            if not of_hit:
                by_hand.add(each.atom_id)
        if not hits:
            return
        count += len(hits)
        yield hits, wanted
