"""What events of ProvenanceQueue point at, put together so that it is read and written at once."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from hartonomous_core.messages import DeletionEvent, InferenceEvent, ProvenanceEvent

_ATOMS_AT_ONCE = 2_500
"""An atom is about five rows, and a transaction of 10,000 atoms takes a third of a gigabyte of Neo4j's memory. A part is read while the one
before it is written: the smaller they are, the less time passes before the first is written, and after the last is read.
"""


@dataclass
class Pointers:
    """What events of one tenant point at."""

    of_sources: defaultdict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    """Atoms by the source that they came with."""
    atoms: set[int] = field(default_factory=set)
    """Atoms whose sources are not named."""
    embedded: set[int] = field(default_factory=set)
    projected: set[int] = field(default_factory=set)
    inferences: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    """Hashes of atoms."""

    def add(self, event: ProvenanceEvent) -> None:
        """Add what an event points at."""
        if isinstance(event, InferenceEvent):
            self.inferences.add(event.inference_id)
        elif isinstance(event, DeletionEvent):
            self.deleted.update(event.atom_hashes)
        elif event.event_type == "AtomsEmbedded":
            self.embedded.update(event.atom_ids)
        elif event.event_type == "AtomsProjected":
            self.projected.update(event.atom_ids)
        elif event.source_id is not None:
            self.of_sources[event.source_id].update(event.atom_ids)
        else:
            self.atoms.update(event.atom_ids)


def pointers_of(events: Iterable[ProvenanceEvent]) -> Iterator[tuple[int, Pointers]]:
    """Put events of a tenant together, as long as they point at no more than one transaction of the graph takes easily.

    Yields the tenant with what its events point at.
    """
    gathered: dict[int, tuple[Pointers, int]] = {}
    for event in events:
        pointed, size = gathered.pop(event.tenant_id, (Pointers(), 0))
        size += _size(event)
        pointed.add(event)
        if size < _ATOMS_AT_ONCE:
            gathered[event.tenant_id] = pointed, size
        else:
            yield event.tenant_id, pointed
    yield from ((tenant_id, pointed) for tenant_id, (pointed, _) in gathered.items())


def _size(event: ProvenanceEvent) -> int:
    if isinstance(event, InferenceEvent):
        return 1 + len(event.input_atoms) + len(event.output_atoms)
    return 1 + len(event.atom_hashes if isinstance(event, DeletionEvent) else event.atom_ids)
