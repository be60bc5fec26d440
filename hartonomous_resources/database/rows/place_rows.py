"""Rows of statements about where embeddings lie in 3-D."""

from typing import TypedDict

from hartonomous_core.vocabulary import Modality
from hartonomous_resources.database.rows.atom_rows import AtomId
from hartonomous_resources.database.statements import Statement


class PlaceOnCurve(TypedDict):
    """An embedding, and its place on the Hilbert curve."""

    atomEmbeddingId: int
    hilbertValue: int


class Position(AtomId):
    """Where the embedding of an atom lies; coordinates in [-1, 1]."""

    atomEmbeddingId: int
    x: float
    y: float
    z: float


class PlacedAtom(Position):
    """An atom and where it lies, with the first of the current sources that hold it, if any does; `isShown` is 1 where a search may show it."""

    contentHash: bytes
    modality: Modality
    text: str | None
    hilbertValue: int
    sourceId: int | None
    sourceUri: str | None
    isShown: int


PLACES_BESIDE = Statement("places_beside", PlaceOnCurve)
PLACES_IN_RANGES = Statement("places_in_ranges", PlaceOnCurve)
POSITIONS = Statement("positions", Position)
POSITIONS_OF_ATOMS = Statement("positions_of_atoms", Position)
PLACED_ATOMS = Statement("placed_atoms", PlacedAtom)
