"""Rows of statements that the sync of the graph asks beside its views."""

from typing import TypedDict

from hartonomous_resources.database.rows.source_rows import SourceId
from hartonomous_resources.database.statements import Statement


class FirstAtom(TypedDict):
    """An atom of a source that is the first one to hold it, of all sources or of a run's."""

    atomId: int
    isFirst: int
    isFirstOfRun: int


class RunOfSource(TypedDict):
    """A run that wrote atoms of a source."""

    sourceId: int
    runId: str


class SourceAtomAfter(TypedDict):
    """An occurrence in a source, which the next ones come after."""

    atomId: int
    role: str
    ordinal: int


FIRST_ATOMS_OF_SOURCE = Statement("first_atoms_of_source", FirstAtom)
SOURCE_RUNS = Statement("source_runs", RunOfSource)
SOURCES_OF_ATOM_AFTER = Statement("sources_of_atom_after", SourceId)
SOURCE_ATOMS_AFTER = Statement("source_atoms_after", SourceAtomAfter)
