"""Rows of statements that a search asks."""

from typing import TypedDict

from hartonomous_core.vocabulary import Modality, Role
from hartonomous_resources.database.rows.atom_rows import AtomId, AtomOfTenant
from hartonomous_resources.database.statements import Statement


class LexicalRanking(TypedDict):
    """How the store ranks by words: bm25, fulltext (SQL Server's index) or matches (how many of the words a text holds)."""

    ranking: str


class AtomToShow(AtomOfTenant):
    """An atom as people see it; `atomHash` in hex. What was inserted by hand may lack what it was not given."""

    modality: Modality
    subtype: str | None
    atomHash: str
    text: str | None
    contentType: str | None
    ingestHour: str
    createdAt: str


class Occurrence(TypedDict):
    """Where an atom stands in a source; what is derived has no offset. `locator` is JSON."""

    atomId: int
    sourceId: int
    sourceUri: str
    role: Role
    ordinal: int
    byteOffset: int | None
    byteLength: int | None
    locator: str | None


class SourceOfAtom(TypedDict):
    """A source in which an atom stands."""

    atomId: int
    sourceId: int


class TextAround(TypedDict):
    """A text near a place in a source: `distance` rows after it, or before it where that is negative; `place` is the place's number."""

    place: int
    distance: int
    text: str
    byteOffset: int | None
    byteLength: int | None
    locator: str | None


class OccurrenceCount(TypedDict):
    """In how many places, and in how many sources, an atom stands."""

    atomId: int
    placeCount: int
    sourceCount: int


LEXICAL_RANKING = Statement("lexical_ranking", LexicalRanking)
SEARCHABLE_ATOMS = Statement("searchable_atoms", AtomId)
ATOMS_OF_WANTED_SOURCES = Statement("atoms_of_wanted_sources", AtomId)
ATOMS_BY_ID = Statement("atoms_by_id", AtomToShow)
OCCURRENCES = Statement("occurrences", Occurrence)
PLACES_AFTER = Statement("places_after", Occurrence)
OCCURRENCE_COUNTS = Statement("occurrence_counts", OccurrenceCount)
SOURCES_OF_ATOMS = Statement("sources_of_atoms", SourceOfAtom)
TEXTS_AROUND = Statement("texts_around", TextAround)
