"""What a database of the old system holds: its catalog and what its rows would do to us, read once, before anything changes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hartonomous_resources.database.protocol import Row
from hartonomous_resources.database.sqlserver.adoption.target import Table, target_definitions, type_text
from hartonomous_resources.database.sqlserver.scripts import in_schema
from hartonomous_resources.database.statements import load_statements
from hartonomous_resources.project_files import project_file

ADOPTED_TABLES = ("Atom", "AtomEmbedding", "BackgroundJob")
"""Tables of the old system whose rows we keep, in the order in which they depend on one another."""

_BINARY = ("binary", "varbinary", "image")
_TEXT = ("char", "varchar", "nchar", "nvarchar")

# The statements of contents.sql, the columns that each reads, and their types where another would make it fail.
_CONTENTS: dict[str, tuple[tuple[str, str, tuple[str, ...]], ...]] = {
    "journal_lines": (("SchemaVersion", "Feature", _TEXT),),
    "duplicate_atoms": (("Atom", "TenantId", ()), ("Atom", "ContentHash", _BINARY[:2])),
    "wrong_hashes": (("Atom", "ContentHash", _BINARY[:2]),),
    "atom_modalities": (("Atom", "Modality", _TEXT),),
    "vectors_of_wrong_length": (("AtomEmbedding", "EmbeddingVector", _BINARY), ("AtomEmbedding", "Dimension", ())),
    "embeddings_without_atom": (("AtomEmbedding", "AtomId", ()), ("Atom", "AtomId", ())),
    "embeddings_of_another_tenant": (
        ("AtomEmbedding", "AtomId", ()),
        ("AtomEmbedding", "TenantId", ()),
        ("Atom", "AtomId", ()),
        ("Atom", "TenantId", ()),
    ),
    "job_statuses": (("BackgroundJob", "Status", _TEXT),),
    "jobs_without_json": (("BackgroundJob", "Parameters", _TEXT),),
}


@dataclass(frozen=True, slots=True)
class OldColumn:
    """A column as it is there. `length` counts as in a definition: characters, not bytes."""

    name: str
    type: str
    length: int
    nullable: bool
    collation: str | None = None
    identity: bool = False
    computed_as: str | None = None
    generated: bool = False
    default: str | None = None

    @property
    def type_text(self) -> str:
        return type_text(self.type, self.length)


@dataclass(frozen=True, slots=True)
class OldIndex:
    """An index or key. `columns` are those of the key, `included` the others."""

    name: str
    unique: bool
    primary: bool
    constraint: bool
    columns: tuple[str, ...]
    included: tuple[str, ...] = ()
    filter: str | None = None


@dataclass(frozen=True, slots=True)
class OldForeignKey:
    """A foreign key of `table` over one or more columns."""

    name: str
    table: str
    columns: tuple[str, ...]
    references: str
    referenced_columns: tuple[str, ...]
    cascades: bool


@dataclass(frozen=True, slots=True)
class OldTable:
    """A table as it is there; columns by their names in lower case, as most databases compare them."""

    name: str
    columns: Mapping[str, OldColumn]
    indexes: tuple[OldIndex, ...] = ()
    checks: Mapping[str, str] = field(default_factory=dict)
    bound: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    versioned: bool = False
    rows: int = 0

    def column(self, name: str) -> OldColumn | None:
        return self.columns.get(name.lower())


@dataclass(frozen=True, slots=True)
class OldObject:
    """Anything with a name of its own: `kind` as in sys.objects, `parent` the table it belongs to."""

    name: str
    kind: str
    parent: str | None = None
    bound: bool = False


@dataclass(frozen=True, slots=True)
class OldSchema:
    """All that planning needs to know. `contents` holds the rows of contents.sql, `empty_values` counts NULLs that may not be."""

    tables: Mapping[str, OldTable]
    foreign_keys: tuple[OldForeignKey, ...] = ()
    objects: Mapping[str, OldObject] = field(default_factory=dict)
    contents: Mapping[str, tuple[Row, ...]] = field(default_factory=dict)
    empty_values: Mapping[tuple[str, str], int] = field(default_factory=dict)
    has_set_aside_schema: bool = False

    def table(self, name: str) -> OldTable | None:
        return self.tables.get(name.lower())

    def column(self, table: str, name: str) -> OldColumn | None:
        found = self.table(table)
        return found.column(name) if found else None


def adoption_statements() -> dict[str, str]:
    """The named statements of an adoption, written for dbo."""
    return load_statements(project_file("sql") / "sqlserver" / "adoption")


def read_old_schema(query: Callable[[str], list[Row]], schema: str = "dbo") -> OldSchema:
    """Read the catalog of `schema`, and the rows of the old tables where their columns allow it.

    `query` runs one statement of T-SQL and returns its rows by column name. Nothing is changed.
    """
    statements = adoption_statements()

    def rows(name: str) -> list[Row]:
        return query(in_schema(statements[name], schema))

    tables = _tables(rows)
    old = OldSchema(
        tables=tables,
        foreign_keys=_foreign_keys(rows("old_foreign_keys")),
        objects={
            row["objectName"].lower(): OldObject(
                row["objectName"], row["objectType"].strip(), row["parentName"], bool(row["isBound"])
            )
            for row in rows("old_objects")
        },
        has_set_aside_schema=rows("set_aside_schema")[0]["schemaId"] is not None,
    )
    contents = {name: tuple(rows(name)) for name in _readable(old)}
    return OldSchema(
        old.tables, old.foreign_keys, old.objects, contents, _empty_values(old, query, schema), old.has_set_aside_schema
    )


def _tables(rows: Callable[[str], list[Row]]) -> dict[str, OldTable]:
    columns: dict[str, dict[str, OldColumn]] = {}
    for row in rows("old_columns"):
        columns.setdefault(row["tableName"], {})[row["columnName"].lower()] = _column(row)
    checks: dict[str, dict[str, str]] = {}
    for row in rows("old_checks"):
        checks.setdefault(row["tableName"], {})[row["checkName"]] = row["definition"]
    bound: dict[str, dict[str, tuple[str, ...]]] = {}
    for row in rows("old_bound_columns"):
        of_table = bound.setdefault(row["tableName"], {})
        of_table[row["columnName"].lower()] = (*of_table.get(row["columnName"].lower(), ()), row["boundBy"])
    indexes = _indexes(rows("old_index_columns"))
    return {
        row["tableName"].lower(): OldTable(
            name=row["tableName"],
            columns=columns.get(row["tableName"], {}),
            indexes=indexes.get(row["tableName"], ()),
            checks=checks.get(row["tableName"], {}),
            bound=bound.get(row["tableName"], {}),
            versioned=row["temporalType"] == 2,
            rows=int(row["tableRows"] or 0),
        )
        for row in rows("old_tables")
    }


def _column(row: Row) -> OldColumn:
    length = row["maxLength"]
    if row["typeName"] in ("nchar", "nvarchar") and length > 0:
        length //= 2
    if row["typeName"] in ("datetime2", "datetimeoffset"):
        length = row["scale"]
    return OldColumn(
        name=row["columnName"],
        type=row["typeName"],
        length=length,
        nullable=bool(row["isNullable"]),
        collation=row["collationName"],
        identity=bool(row["isIdentity"]),
        computed_as=row["computedAs"],
        generated=bool(row["generatedAlways"]),
        default=row["defaultName"],
    )


def _indexes(rows: list[Row]) -> dict[str, tuple[OldIndex, ...]]:
    grouped: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        grouped.setdefault((row["tableName"], row["indexName"]), []).append(row)
    found: dict[str, tuple[OldIndex, ...]] = {}
    for (table, name), parts in grouped.items():
        index = OldIndex(
            name=name,
            unique=bool(parts[0]["isUnique"]),
            primary=bool(parts[0]["isPrimaryKey"]),
            constraint=bool(parts[0]["isConstraint"] or parts[0]["isPrimaryKey"]),
            columns=tuple(part["columnName"] for part in parts if not part["isIncluded"]),
            included=tuple(part["columnName"] for part in parts if part["isIncluded"]),
            filter=parts[0]["filterDefinition"],
        )
        found[table] = (*found.get(table, ()), index)
    return found


def _foreign_keys(rows: list[Row]) -> tuple[OldForeignKey, ...]:
    grouped: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        grouped.setdefault((row["tableName"], row["keyName"]), []).append(row)
    return tuple(
        OldForeignKey(
            name=name,
            table=table,
            columns=tuple(part["columnName"] for part in parts),
            references=parts[0]["referencedTable"],
            referenced_columns=tuple(part["referencedColumn"] for part in parts),
            cascades=parts[0]["onDelete"] == "CASCADE",
        )
        for (table, name), parts in grouped.items()
    )


def _readable(old: OldSchema) -> list[str]:
    """The statements of contents.sql whose columns are there, with types that they can read."""

    def there(table: str, name: str, types: tuple[str, ...]) -> bool:
        column = old.column(table, name)
        return column is not None and (not types or column.type in types)

    names = [name for name, needed in _CONTENTS.items() if all(there(*column) for column in needed)]
    if all(old.column("AtomEmbedding", name) for name in ("AtomId", "Dimension")):
        of_a_type = old.column("AtomEmbedding", "EmbeddingTypeId") is not None
        names.append("duplicate_embeddings_of_a_type" if of_a_type else "duplicate_embeddings")
    return names


def _empty_values(old: OldSchema, query: Callable[[str], list[Row]], schema: str) -> dict[tuple[str, str], int]:
    """How many rows have no value in a column that we need one in. Names are ours, from our own file."""
    counts: dict[tuple[str, str], int] = {}
    for table in target_definitions():
        if not isinstance(table, Table) or table.name not in ADOPTED_TABLES:
            continue
        for column in table.columns:
            there = old.column(table.name, column.name)
            if there and there.nullable and not column.nullable and not column.computed_as:
                text = f"SELECT COUNT_BIG(*) AS n FROM dbo.{table.name} AS t WHERE t.{column.name} IS NULL"  # noqa: S608
                counts[table.name, column.name] = int(query(in_schema(text, schema))[0]["n"])
    return counts
