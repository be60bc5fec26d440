"""Databases to adopt, as data: the old system's as its documents describe it, and one that is ours already."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from hartonomous_resources.database.sqlserver.adoption.old_schema import (
    OldColumn,
    OldForeignKey,
    OldIndex,
    OldObject,
    OldSchema,
    OldTable,
)
from hartonomous_resources.database.sqlserver.adoption.target import Index, Sequence, Table, target_definitions


def column(name: str, type_name: str, length: int = 0, *, null: bool = False, **more: Any) -> OldColumn:
    return OldColumn(name, type_name, length, null, **more)


def old_table(name: str, columns: Iterable[OldColumn], *indexes: OldIndex, rows: int = 7, **more: Any) -> OldTable:
    return OldTable(name, {one.name.lower(): one for one in columns}, indexes, rows=rows, **more)


def primary_key(table: str, name: str) -> OldIndex:
    return OldIndex(f"PK_{table}", unique=True, primary=True, constraint=True, columns=(name,))


ATOM = old_table(
    "Atom",
    [
        column("AtomId", "bigint", 8, identity=True),
        column("TenantId", "int", 4),
        column("Modality", "varchar", 50),
        column("Subtype", "varchar", 50, null=True),
        column("ContentHash", "binary", 32),
        column("CanonicalText", "nvarchar", -1, null=True),
        column("AtomicValue", "varbinary", 64, null=True),
        column("CreatedAt", "datetime2", 7),
    ],
    primary_key("Atom", "AtomId"),
)
ATOM_EMBEDDING = old_table(
    "AtomEmbedding",
    [
        column("AtomEmbeddingId", "bigint", 8, identity=True),
        column("AtomId", "bigint", 8),
        column("Dimension", "int", 4),
        column("EmbeddingVector", "varbinary", -1),
        column("SpatialKey", "geometry", -1, null=True),
        column("HilbertValue", "bigint", 8, null=True),
        column("SpatialBucketX", "int", 4, null=True),
        column("SpatialBucketY", "int", 4, null=True),
        column("SpatialBucketZ", "int", 4, null=True),
        column("CreatedAt", "datetime2", 7),
    ],
    primary_key("AtomEmbedding", "AtomEmbeddingId"),
)
BACKGROUND_JOB = old_table(
    "BackgroundJob",
    [
        column("JobId", "uniqueidentifier", 16),
        column("JobType", "nvarchar", 100),
        column("Parameters", "nvarchar", -1),
        column("TenantId", "int", 4),
        column("Status", "nvarchar", 50),
        column("CreatedAt", "datetime2", 7),
        column("Result", "nvarchar", -1, null=True),
        column("CompletedAt", "datetime2", 7, null=True),
    ],
    primary_key("BackgroundJob", "JobId"),
)


def old_schema(*tables: OldTable, **more: Any) -> OldSchema:
    """The old system's three tables, some of them replaced by those given."""
    found = {one.name.lower(): one for one in (ATOM, ATOM_EMBEDDING, BACKGROUND_JOB, *tables)}
    return OldSchema(found, **more)


def with_columns(table: OldTable, *columns: OldColumn) -> OldTable:
    """The table with columns added or replaced."""
    return replace(table, columns={**table.columns, **{one.name.lower(): one for one in columns}})


def without(table: OldTable, name: str) -> OldTable:
    return replace(table, columns={key: one for key, one in table.columns.items() if key != name.lower()})


def our_schema() -> OldSchema:
    """What a server would report after our own migration, brackets and all."""
    definitions = target_definitions()
    indexes = [one for one in definitions if isinstance(one, Index)]
    tables: dict[str, OldTable] = {}
    keys: list[OldForeignKey] = []
    objects: dict[str, OldObject] = {}
    for table in definitions:
        if isinstance(table, Sequence):
            objects[table.name.lower()] = OldObject(table.name, "SO")
        if not isinstance(table, Table):
            continue
        tables[table.name.lower()] = _reported(table, indexes)
        objects[table.name.lower()] = OldObject(table.name, "U")
        kinds = {"DEFAULT": "D", "CHECK": "C", "REFERENCES": "F", "PRIMARY KEY": "PK", "UNIQUE": "UQ"}
        for constraint in table.constraints:
            objects[constraint.name.lower()] = OldObject(constraint.name, kinds[constraint.kind], table.name)
            if constraint.kind == "REFERENCES":
                to, to_column, cascades = constraint.reference
                keys.append(OldForeignKey(constraint.name, table.name, constraint.columns, to, (to_column,), cascades))
    return OldSchema(tables, tuple(keys), objects)


def _reported(table: Table, indexes: list[Index]) -> OldTable:
    columns = {}
    for one in table.columns:
        inputs = "".join(f"[{each.name}]" for each in table.columns if each.name in (one.computed_as or ""))
        columns[one.name.lower()] = OldColumn(
            name=one.name,
            type="timestamp" if one.type == "rowversion" else one.type,
            length=one.length,
            nullable=one.nullable,
            collation=one.collation,
            identity=one.identity,
            computed_as=f"(CONVERT([int],{inputs}))" if one.computed_as else None,
            default=one.default.name if one.default else None,
        )
    keys = [
        OldIndex(one.name, unique=True, primary=one.kind == "PRIMARY KEY", constraint=True, columns=one.columns)
        for one in table.constraints
        if one.kind in ("PRIMARY KEY", "UNIQUE")
    ]
    keys += [
        OldIndex(one.name, one.unique, False, False, one.columns, filter="([IngestHour]='x')" if one.filtered else None)
        for one in indexes
        if one.table == table.name
    ]
    checks = {one.name: f"({one.text})" for one in table.constraints if one.kind == "CHECK"}
    return OldTable(table.name, columns, tuple(keys), checks)
