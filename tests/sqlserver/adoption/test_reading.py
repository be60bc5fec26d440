"""What the catalog says becomes an OldSchema; rows are read only where their columns are there."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import sqlglot

from hartonomous_resources.database.protocol import Row
from hartonomous_resources.database.sqlserver.adoption.old_schema import adoption_statements, read_old_schema
from hartonomous_resources.database.sqlserver.adoption.plan import plan_adoption
from hartonomous_resources.database.sqlserver.scripts import in_schema

_COLUMN = {
    "scale": 0,
    "collationName": None,
    "isNullable": 0,
    "isIdentity": 0,
    "generatedAlways": 0,
    "computedAs": None,
    "defaultName": None,
}


def catalog_column(table: str, name: str, type_name: str, length: int, **more: Any) -> Row:
    return {"tableName": table, "columnName": name, "typeName": type_name, "maxLength": length, **_COLUMN, **more}


CATALOG: Mapping[str, list[Row]] = {
    "old_tables": [{"tableName": "Atom", "temporalType": 2, "tableRows": 12}],
    "old_columns": [
        catalog_column("Atom", "AtomId", "bigint", 8, isIdentity=1),
        catalog_column("Atom", "TenantId", "int", 4, isNullable=1),
        catalog_column("Atom", "Modality", "nvarchar", 100),
        catalog_column("Atom", "CanonicalText", "nvarchar", -1, isNullable=1),
        catalog_column("Atom", "CreatedAt", "datetime2", 8, scale=7, generatedAlways=1, defaultName="DF_1"),
    ],
    "old_index_columns": [
        {
            "tableName": "Atom",
            "indexName": "IX",
            "isUnique": 0,
            "isPrimaryKey": 0,
            "isConstraint": 0,
            "columnName": name,
        }
        | {"filterDefinition": "([TenantId]=(1))", "isIncluded": included}
        for name, included in (("TenantId", 0), ("Modality", 0), ("AtomId", 1))
    ],
    "old_foreign_keys": [
        {"tableName": "Link", "keyName": "FK", "columnName": name, "referencedTable": "Atom", "referencedColumn": name}
        | {"onDelete": "CASCADE"}
        for name in ("AtomId", "TenantId")
    ],
    "old_checks": [{"tableName": "Atom", "checkName": "CK", "definition": "([TenantId]>(0))"}],
    "old_bound_columns": [{"tableName": "Atom", "columnName": "Modality", "boundBy": "View"}],
    "old_objects": [{"objectName": "Atom", "objectType": "U ", "parentName": None, "isBound": 1}],
    "set_aside_schema": [{"schemaId": 9}],
}


def server(schema: str, asked: list[str]) -> Callable[[str], list[Row]]:
    """A query function that answers the catalog's statements and counts nothing for the others."""
    answers = {in_schema(text, schema): CATALOG.get(name) for name, text in adoption_statements().items()}

    def query(text: str) -> list[Row]:
        asked.append(text)
        rows = answers.get(text)
        return [{"n": 0}] if rows is None and "AS value" not in text else rows or []

    return query


def test_the_catalog_is_read_as_it_says() -> None:
    old = read_old_schema(server("dbo", []), "dbo")
    atom = old.tables["atom"]

    assert atom.versioned and atom.rows == 12
    assert [one.type_text for one in atom.columns.values()] == [
        "bigint",
        "int",
        "nvarchar(50)",
        "nvarchar(max)",
        "datetime2(7)",
    ]
    assert (atom.columns["atomid"].identity, atom.columns["createdat"].generated) == (True, True)
    assert (atom.indexes[0].columns, atom.indexes[0].included) == (("TenantId", "Modality"), ("AtomId",))
    assert atom.checks == {"CK": "([TenantId]>(0))"} and atom.bound == {"modality": ("View",)}
    assert old.foreign_keys[0].columns == ("AtomId", "TenantId") and old.foreign_keys[0].cascades
    assert old.objects["atom"].kind == "U" and old.objects["atom"].bound
    assert old.has_set_aside_schema


def test_rows_are_read_only_where_their_columns_are_there() -> None:
    asked: list[str] = []
    old = read_old_schema(server("dbo", asked), "dbo")

    assert set(old.contents) == {"atom_modalities"}
    assert old.empty_values == {("Atom", "TenantId"): 0}
    assert not any("AtomEmbedding AS" in text or "ContentHash" in text for text in asked)


def test_only_the_schema_that_is_asked_for_is_read() -> None:
    asked: list[str] = []
    read_old_schema(server("hart", asked), "hart")

    assert asked
    assert not any("dbo" in text for text in asked)
    assert any("SCHEMA_ID(N'hart')" in text for text in asked)


def test_a_plan_can_be_made_of_what_was_read() -> None:
    plan = plan_adoption(read_old_schema(server("dbo", []), "dbo"))
    assert any("Atom is system-versioned" in sentence for sentence in plan.refusals)


@pytest.mark.parametrize("name", sorted(adoption_statements()))
def test_every_named_statement_is_one_that_a_parser_of_tsql_accepts(name: str) -> None:
    assert len([one for one in sqlglot.parse(adoption_statements()[name], read="tsql") if one]) == 1


def test_reading_changes_nothing() -> None:
    asked: list[str] = []
    read_old_schema(server("dbo", asked), "dbo")
    assert all(text.split("\n")[-1] and "SELECT" in text for text in asked)
    assert not any(
        word in text.upper().split() for text in asked for word in ("INSERT", "UPDATE", "ALTER", "DELETE", "CREATE")
    )
