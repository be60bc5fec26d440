"""The interface of database backends. One behaviour, several backends: the contract tests run against each of them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, overload

from hartonomous_core.vocabulary import Label
from hartonomous_resources.database.graph_views import EdgeView, Way
from hartonomous_resources.database.rows.atom_rows import AtomRow
from hartonomous_resources.database.statements import RowT, Statement, Write

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class WrittenAtoms:
    """What one `write_atoms` changed: atoms that were new in this tenant and their bytes."""

    new_atoms: int
    new_bytes: int


@dataclass(frozen=True, slots=True)
class Message:
    """A message as received. `sequence` is its place in the queue, and unique; `attempt_count` says how often it was received and failed before."""

    sequence: int
    message_id: str
    queue: str
    ordering_key: str
    body: bytes
    attempt_count: int


class UnitOfWork(Protocol):
    """One transaction. Statements are named (see statements.py); parameters are always bound."""

    @overload
    def query(self, statement: Statement[RowT], **parameters: object) -> list[RowT]:
        """Return all rows of a named statement."""

    @overload
    def query(self, statement: str, **parameters: object) -> list[Row]: ...

    def execute(self, statement: str, **parameters: object) -> int:
        """Run a named statement; returns the number of rows changed."""

    def execute_many(self, statement: Write | str, rows: Iterable[Sequence[object]]) -> None:
        """Run a statement once per row, as one batch; it is given as the function for its rows (see rows/)."""

    def write_atoms(self, tenant_id: int, ingest_hour: str, atoms: Mapping[int, Sequence[AtomRow]]) -> WrittenAtoms:
        """Write the next occurrences of sources of one tenant, by SourceId: atoms that it lacks, SourceAtom rows, reference counts.

        What several of them hold is one atom, and new once.
        The job of an atom that needs an embedding is written by the database's trigger. An atom that was inserted by hand under the hash
        of one of these, but does not hold its bytes, is set aside: it keeps its content and gets a hash that is nobody's.
        """

    def match_words(
        self, tenant_id: int, terms: Sequence[str], n: int, wanted: Collection[int] | None = None
    ) -> list[tuple[int, float]]:
        """Return the tenant's `n` best atoms that hold one of these terms (`words.question_terms`) with their scores, the best first.

        Words that stand in very many texts count for little or nothing beside others. The statement `lexical_ranking` says how the store
        ranks. Where `wanted` is given, only these atoms count.
        """

    def match_unread(self, tenant_id: int, terms: Sequence[str], n: int, sources: Mapping[str, object]) -> list[int]:
        """Return the ids of the tenant's `n` best batches of rows that nobody has read yet and that hold one of these terms, the best first.

        `sources` says of which sources (`AtomFilter.of_sources`).
        """

    def graph_ends(
        self,
        tenant_id: int,
        view: EdgeView,
        way: Way,
        numbers: Collection[int],
        *,
        as_of: str | None = None,
        after: int | None = None,
        until: int | None = None,
        limit: int | None = None,
    ) -> list[int]:
        """Follow the edges of a view from nodes one way; returns the numbers of the nodes that they lead to, each once, in order.

        Those above `after` and up to `until`, the first `limit`; with `as_of`, along edges that were there then. An index answers, whatever
        the tenant holds.
        """

    def graph_edges(
        self,
        tenant_id: int,
        view: EdgeView,
        way: Way,
        numbers: Collection[int],
        *,
        as_of: str | None = None,
        after: int | None = None,
        until: int | None = None,
        among: Collection[int] | None = None,
    ) -> list[Row]:
        """Return the edges of a view that lead one way from nodes: rows as the view has them, with the columns' names.

        Those to numbers above `after` and up to `until`, and to one of `among`: of a node with very many edges, only these are read.
        """

    def graph_nodes(self, tenant_id: int, label: Label, numbers: Collection[int]) -> list[Row]:
        """Return those of the nodes that are in the graph, in order of their numbers: rows as the view has them, with the columns' names."""

    def enqueue(self, queue: str, messages: Iterable[tuple[str, bytes]]) -> list[str]:
        """Put messages, each an ordering key and a body, on a queue; they exist when the transaction commits. Returns their ids."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Messages received in a unit of work that is still open: committing acknowledges them, rolling back returns them."""

    messages: Sequence[Message]
    unit_of_work: UnitOfWork


class Database(Protocol):
    """Tables and queues behind one transaction."""

    reads_rows_later: bool
    """Whether it finds batches of rows by their words before the rows have atoms: see work/rows_read_later.py, whose statements it then has."""

    @property
    def name(self) -> str:
        """The name of this store in messages to people."""

    def migrate(self, to: int | None = None) -> list[str]:
        """Bring the schema up to the program's (or to version `to`); returns the names of the migrations that ran."""

    def pending_migrations(self, to: int | None = None) -> list[str]:
        """Return the names of the migrations that `migrate` would run."""

    def migration_status(self) -> list[Row]:
        """Return every known migration: feature, version, name, appliedAt (None while pending)."""

    def unit_of_work(self, patience: float | None = None) -> AbstractContextManager[UnitOfWork]:
        """Begin a write transaction: commits at the end, rolls back on any exception.

        Where a store has one writer at a time, `patience` is how many seconds to wait for another one; else it waits as long as it does.
        Raises DatabaseError where that was not enough.
        """

    def read(self) -> AbstractContextManager[UnitOfWork]:
        """Begin a read transaction: one consistent snapshot, never waits for a writer."""

    def await_messages(self, queue: str, timeout: float = 0.0) -> bool:
        """Wait up to `timeout` seconds until a message can be received; True if one can."""

    def receive(self, queue: str, limit: int, timeout: float = 0.0) -> AbstractContextManager[Delivery]:
        """Receive up to `limit` messages in order, inside a unit of work of their own, waiting up to `timeout` seconds for the first."""

    def change_token(self) -> int:
        """Return a number that differs once anybody has committed a change."""

    def wait_for_change(self, since: int, timeout: float) -> bool:
        """Wait until `change_token` differs from `since`, at most `timeout` seconds; True if it does."""

    def index_texts(self) -> None:
        """Make findable by words what other clients wrote, if the store does not do so by itself and can be written to."""

    def bytes_on_disk(self) -> int:
        """Bytes that the store occupies."""

    def close(self) -> None:
        """Close all connections; no thread may be using one. The next use opens another."""
