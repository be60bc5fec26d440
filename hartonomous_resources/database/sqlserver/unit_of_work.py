"""A transaction on SQL Server: named statements are procedures, rows go in as table-valued parameters."""

import json
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, overload

from hartonomous_core.clock import time_ordered_uuid
from hartonomous_core.vocabulary import Label
from hartonomous_resources.database.graph_views import EdgeView, Way
from hartonomous_resources.database.protocol import Row, WrittenAtoms
from hartonomous_resources.database.rows.atom_rows import AtomRow
from hartonomous_resources.database.sqlserver.procedures import (
    Parameter,
    Procedure,
    column_values,
    input_sizes,
    load_procedures,
    load_table_types,
    to_driver_rows,
    to_driver_value,
)
from hartonomous_resources.database.sqlserver.table_rows import message_row
from hartonomous_resources.database.statements import RowT, Statement, Write, name_of
from hartonomous_resources.project_files import project_file

if TYPE_CHECKING:
    import pyodbc

ATOMS_PER_CALL = 4000
"""From about 5,000 locks of one statement on, SQL Server locks the whole table, also for other tenants."""


class Session:
    """A connection with the cursor that is used for all calls: closing one would be a message to the server each time."""

    def __init__(self, connection: "pyodbc.Connection") -> None:
        self.connection = connection
        self.cursor = connection.cursor()
        self.used_at = time.monotonic()
        self.broken = False
        self.procedure: str | None = None
        """The procedure called last."""

    def renew_cursor(self) -> None:
        """Take another cursor; the old one goes with its last reference."""
        self.cursor = self.connection.cursor()


class SqlServerUnitOfWork:
    """One transaction on a connection."""

    def __init__(self, session: Session, schema: str) -> None:
        self._session = session
        self._schema = schema
        self._procedures = load_procedures(project_file("sql") / "sqlserver")
        self._table_types = load_table_types(project_file("sql") / "sqlserver")

    @overload
    def query(self, statement: Statement[RowT], **parameters: object) -> list[RowT]: ...
    @overload
    def query(self, statement: str, **parameters: object) -> list[Row]: ...
    def query(self, statement: Statement[Any] | str, **parameters: object) -> list[Any]:
        procedure = self._procedures[f"usp_{statement}"]
        return self._call(procedure, procedure.arguments(parameters))

    def execute(self, statement: str, **parameters: object) -> int:
        return int(self.query(statement, **parameters)[0]["rowsChanged"])

    def execute_many(self, statement: Write | str, rows: Iterable[Sequence[object]]) -> None:
        given = [tuple(row) for row in rows]
        if given:  # the driver cannot send an empty table
            self._call(self._procedures[f"usp_{name_of(statement)}"], [given])

    def write_atoms(self, tenant_id: int, ingest_hour: str, atoms: Mapping[int, Sequence[AtomRow]]) -> WrittenAtoms:
        [table] = [each.type for each in self._procedures["usp_write_atoms"].parameters if each.is_table]
        values_of = column_values(self._table_types[table])
        new_atoms = new_bytes = 0
        for source_id, part in _parts(atoms):
            rows = [values_of(atom) for atom in part]
            written = self.query(
                "write_atoms", tenant_id=tenant_id, source_id=source_id, ingest_hour=ingest_hour, atoms=rows
            )
            new = {row["contentHash"] for row in written if row["isNew"]}
            sizes = {atom.content_hash: atom.byte_length for atom in part if atom.content_hash in new}
            new_atoms += len(new)
            new_bytes += sum(sizes.values())
        return WrittenAtoms(new_atoms, new_bytes)

    def match_words(
        self, tenant_id: int, terms: Sequence[str], n: int, wanted: Collection[int] | None = None
    ) -> list[tuple[int, float]]:
        ids = None if wanted is None else json.dumps(list(wanted))
        rows = self.query("lexical_matches", terms=json.dumps(list(terms)), tenant_id=tenant_id, wanted=ids, n=n)
        return [(row["atomId"], row["score"]) for row in rows]

    def match_unread(self, tenant_id: int, terms: Sequence[str], n: int, sources: Mapping[str, object]) -> list[int]:
        return []  # no row waits here

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
        bounds = {"as_of": as_of, "after": after, "until": until, "n": limit}
        rows = self.query(
            "graph_ends", tenant_id=tenant_id, view=view.name, way=way, numbers=_each_once(numbers), **bounds
        )
        return [row["number"] for row in rows]

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
        wanted = None if among is None else frozenset(among)
        if wanted:  # the server reads from the first to the last of them
            after = max(min(wanted) - 1, min(wanted) - 1 if after is None else after)
            until = min(max(wanted), max(wanted) if until is None else until)
        bounds = {"as_of": as_of, "after": after, "until": until}
        rows = self.query(
            "graph_edges", tenant_id=tenant_id, view=view.name, way=way, numbers=_each_once(numbers), **bounds
        )
        there = "ToNumber" if way == "upstream" else "FromNumber"
        return rows if wanted is None else [row for row in rows if row[there] in wanted]

    def graph_nodes(self, tenant_id: int, label: Label, numbers: Collection[int]) -> list[Row]:
        return self.query("graph_nodes", tenant_id=tenant_id, label=label, numbers=_each_once(numbers))

    def enqueue(self, queue: str, messages: Iterable[tuple[str, bytes]]) -> list[str]:
        sent = [(time_ordered_uuid(), *message) for message in messages]
        rows = [
            message_row(ordinal=ordinal, message_id=message_id, ordering_key=key, body=body)
            for ordinal, (message_id, key, body) in enumerate(sent)
        ]
        if rows:
            self.query("enqueue", queue=queue, messages=rows)
        return [message_id for message_id, _, _ in sent]

    def _call(self, procedure: Procedure, arguments: Sequence[object]) -> list[Row]:
        """One call, one message to the server: the procedure's rows."""
        cursor = self._session.cursor
        self._session.procedure = procedure.name
        marks = ", ".join("?" * len(arguments))
        values = [self._bound(*pair) for pair in zip(procedure.parameters, arguments, strict=True)]
        try:
            cursor.setinputsizes(input_sizes(procedure.parameters))
            cursor.execute(f"{{CALL [{self._schema}].{procedure.name} ({marks})}}", values)
            rows = _rows(cursor)
            while cursor.nextset():  # an error after the first rows arrives here
                rows = rows or _rows(cursor)
            return rows
        except Exception:
            self._session.renew_cursor()  # after a binding error the old one is of no more use
            raise

    def _bound(self, parameter: Parameter, value: Any) -> object:
        if not parameter.is_table:
            return to_driver_value(parameter.type, value)
        return [parameter.type, self._schema, *to_driver_rows(self._table_types[parameter.type], value)]


def _parts(atoms: Mapping[int, Sequence[AtomRow]]) -> Iterator[tuple[int, Sequence[AtomRow]]]:
    """The atoms of each source in turn, as many at a time as the server takes in a call."""
    for source_id, of_source in atoms.items():
        for start in range(0, len(of_source), ATOMS_PER_CALL):
            yield source_id, of_source[start : start + ATOMS_PER_CALL]


def _each_once(numbers: Collection[int]) -> str:
    return json.dumps(sorted(set(numbers)))


def _rows(cursor: "pyodbc.Cursor") -> list[Row]:
    if cursor.description is None:
        return []
    names = [column[0] for column in cursor.description]
    moments = [place for place, column in enumerate(cursor.description) if column[1] is datetime]
    rows: list[Row] = []
    for row in cursor.fetchall():
        values = list(row)
        for place in moments:
            if values[place] is not None:
                values[place] = values[place].isoformat(timespec="milliseconds") + "Z"
        rows.append(dict(zip(names, values, strict=True)))
    return rows
