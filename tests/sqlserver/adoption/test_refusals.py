"""What cannot be mapped is refused in a sentence that says what to do."""

from dataclasses import replace
from typing import Any

import pytest

from hartonomous_resources.database.sqlserver.adoption.old_schema import (
    OldForeignKey,
    OldIndex,
    OldObject,
    OldSchema,
    OldTable,
)
from hartonomous_resources.database.sqlserver.adoption.plan import plan_adoption
from hartonomous_resources.database.sqlserver.adoption.target import later_names
from tests.sqlserver.adoption.schemas import (
    ATOM,
    ATOM_EMBEDDING,
    BACKGROUND_JOB,
    column,
    old_schema,
    old_table,
    our_schema,
    primary_key,
    with_columns,
    without,
)


def refusals(*tables: OldTable, **more: Any) -> str:
    return "\n".join(plan_adoption(old_schema(*tables, **more)).refusals)


def indexed(table: OldTable, *indexes: OldIndex) -> OldTable:
    return replace(table, indexes=(*table.indexes, *indexes))


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (
            without(ATOM, "ContentHash"),
            "Atom has no column ContentHash binary(32), and nothing says its values: add and fill it",
        ),
        (with_columns(ATOM, column("AtomId", "bigint", 8)), "Atom.AtomId is not numbered by the server"),
        (
            with_columns(ATOM, column("AtomId", "int", 4, identity=True)),
            "Atom.AtomId has to become bigint NOT NULL, but [PK_Atom] depend",
        ),
        (with_columns(ATOM, column("ContentHash", "char", 64)), "Atom.ContentHash is char(64), here it is binary(32)"),
        (
            with_columns(ATOM, column("ContentHash", "varbinary", 20)),
            "Atom.ContentHash is varbinary(20), here it is binary(32)",
        ),
        (with_columns(ATOM, column("TenantId", "bigint", 8)), "Atom.TenantId is bigint, here it is int"),
        (
            with_columns(ATOM, column("CreatedAt", "datetimeoffset", 7)),
            "Atom.CreatedAt is datetimeoffset(7), here it is datetime2(3)",
        ),
        (with_columns(ATOM, column("Modality", "int", 4)), "Atom.Modality is int, here it is varchar(32)"),
        (with_columns(ATOM, column("Note", "int", 4)), "Atom.[Note] must have a value and has no default"),
        (replace(ATOM, versioned=True), "Atom is system-versioned"),
        (
            with_columns(ATOM, column("CreatedAt", "datetime2", 7, generated=True)),
            "Atom.CreatedAt is written by the server",
        ),
        (
            with_columns(ATOM, column("Subtype", "varchar", 64, null=True, computed_as="('x')")),
            "Atom.Subtype is written by the server",
        ),
        (replace(ATOM, indexes=()), "the primary key of Atom is not (AtomId)"),
        (
            indexed(ATOM, OldIndex("UX_H", True, False, True, ("ContentHash",))),
            "Atom allows one row for each ([ContentHash])",
        ),
        (indexed(ATOM, OldIndex("UX_H", True, False, False, ("ContentHash",))), "DROP INDEX [UX_H] ON Atom"),
        (
            with_columns(ATOM_EMBEDDING, column("EmbeddingVector", "vector", 8000)),
            "AtomEmbedding.EmbeddingVector is vector, here it is",
        ),
        (
            with_columns(ATOM_EMBEDDING, column("SpatialKey", "geometry", -1)),
            "AtomEmbedding.SpatialKey must have a value, and new rows",
        ),
        (
            with_columns(ATOM_EMBEDDING, column("AdoptedSpatialKey", "geometry", -1, null=True)),
            "AtomEmbedding has a column AdoptedSpatialKey already",
        ),
        (
            with_columns(
                ATOM_EMBEDDING, column("SpatialBucketX", "int", 4, null=True, computed_as="([SpatialKey].[STX]*(10))")
            ),
            "AtomEmbedding.SpatialBucketX is not computed from X as here",
        ),
        (
            with_columns(
                ATOM_EMBEDDING, column("Shown", "nvarchar", 100, null=True, computed_as="([SpatialKey].ToString())")
            ),
            "AtomEmbedding.SpatialKey has to be renamed, but [Shown] depend on it",
        ),
        (
            replace(ATOM_EMBEDDING, bound={"spatialkey": ("OldView",)}),
            "AtomEmbedding.SpatialKey has to be renamed, but [OldView] depend on it",
        ),
        (
            with_columns(
                ATOM_EMBEDDING,
                column("SpatialKey", "geometry", -1, null=True, computed_as="([geometry]::Point([X],[Y],(0)))"),
            ),
            "AtomEmbedding.SpatialKey is computed, so it cannot be renamed, and here it follows from X, Y, Z",
        ),
        (
            with_columns(BACKGROUND_JOB, column("ModelId", "int", 4)),
            "BackgroundJob.ModelId must have a value, and new rows will have none",
        ),
        (
            with_columns(BACKGROUND_JOB, column("JobId", "bigint", 8, identity=True)),
            "BackgroundJob.JobId is an IDENTITY column",
        ),
        (
            indexed(
                with_columns(ATOM, column("Subtype", "varchar", 20, null=True)),
                OldIndex("IX_F", False, False, False, ("TenantId",), filter="([Subtype] IS NOT NULL)"),
            ),
            "Atom.Subtype has to become varchar(64) NULL, but [IX_F] depend on it",
        ),
        (
            with_columns(ATOM, column("CreatedAt", "datetime", 8, default="DF_Old")),
            "Atom.CreatedAt has to become datetime2(3) NOT NULL, but [DF_Old] depend on it",
        ),
    ],
)
def test_a_table_that_cannot_be_mapped(table: OldTable, said: str) -> None:
    assert said in refusals(table)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("journal_lines", "3 migrations of ours ran in this schema already"),
        ("duplicate_atoms", "3 pairs of TenantId and ContentHash occur more than once"),
        ("wrong_hashes", "not 32 bytes long in 3 rows"),
        ("vectors_of_wrong_length", "not 4 * Dimension bytes long in 3 rows"),
        ("embeddings_without_atom", "3 rows of AtomEmbedding name an atom that is not there"),
        ("duplicate_embeddings", "3 atoms have several embeddings of one dimension"),
        ("duplicate_embeddings_of_a_type", "3 atoms have several embeddings of one dimension and EmbeddingTypeId"),
        ("embeddings_of_another_tenant", "3 rows of AtomEmbedding belong to another tenant"),
        ("jobs_without_json", "BackgroundJob.Parameters is not JSON in 3 rows"),
    ],
)
def test_rows_that_would_break_an_invariant(name: str, said: str) -> None:
    assert said in refusals(contents={name: ({"n": 3},)})
    assert refusals(contents={name: ({"n": 0},)}) == ""


def test_values_that_our_checks_do_not_list() -> None:
    found = {
        "atom_modalities": ({"value": "text", "n": 5}, {"value": "weight", "n": 2}),
        "job_statuses": ({"value": "Running", "n": 1}, {"value": "Pending", "n": 4}),
    }
    said = refusals(contents=found)

    assert "Atom.Modality is [weight] in 2 rows, here it is one of audio, binary, code" in said
    assert "BackgroundJob.Status is [Running] in 1 rows" in said
    assert "[text]" not in said and "[Pending]" not in said


def test_values_that_are_missing() -> None:
    loose = with_columns(ATOM, column("TenantId", "int", 4, null=True))
    assert "Atom.TenantId is NULL in 2 rows" in refusals(loose, empty_values={("Atom", "TenantId"): 2})


@pytest.mark.parametrize(
    "key",
    [
        OldForeignKey("FK_Model", "AtomEmbedding", ("ModelId",), "Model", ("ModelId",), False),
        OldForeignKey("FK_Atom", "AtomEmbedding", ("AtomId",), "Atom", ("AtomId",), False),
    ],
)
def test_a_foreign_key_to_something_else_or_without_cascade(key: OldForeignKey) -> None:
    table = with_columns(ATOM_EMBEDDING, column("ModelId", "int", 4))
    assert f"DROP CONSTRAINT [{key.name}]" in refusals(table, foreign_keys=(key,))


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (OldObject("MessageSequence", "U"), "the name MessageSequence, which a sequence needs, is taken"),
        (OldObject("PathGrant", "V"), "the name PathGrant, which a table needs, is taken"),
        (OldObject("PK_Source", "P"), "the name PK_Source, which a constraint needs, is taken"),
        (OldObject("Atom_NeedsEmbedding", "TR", "Atom"), "the name Atom_NeedsEmbedding is needed for a trigger"),
    ],
)
def test_a_name_that_is_taken(there: OldObject, said: str) -> None:
    assert said in refusals(objects={there.name.lower(): there})


def test_a_procedure_that_something_is_bound_to() -> None:
    name = next(name for name, kind in later_names(()).items() if kind == "PROCEDURE")
    assert "something bound to it depends on it" in refusals(objects={name.lower(): OldObject(name, "FN", bound=True)})


def test_a_table_of_our_name_that_is_not_ours() -> None:
    source = old_table("Source", [column("SourceId", "int", 4)], primary_key("Source", "SourceId"))
    assert "table Source is there and is not ours (SourceId differs)" in refusals(source)


def test_a_table_like_ours_with_a_column_that_a_migration_would_add() -> None:
    tables = our_schema().tables
    inference = with_columns(tables["inference"], column("IngestHour", "char", 16))
    assert "table Inference is there and is not ours (IngestHour differs)" in refusals(inference)
    assert "Inference" not in refusals(tables["inference"])


def test_a_schema_without_any_old_table() -> None:
    plan = plan_adoption(OldSchema({}))
    assert any("nothing to adopt" in sentence for sentence in plan.refusals)


HOSTILE = ["x]; DROP TABLE dbo.Atom; --", "a'b", 'q"q', "new\nline\tand \x1b[31mred", "]]]", "naïve 名前"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stays_within_its_brackets_and_out_of_every_statement(name: str) -> None:
    extra = column(name, "int", 4)
    check = {name: "(1=1)"}
    plan = plan_adoption(old_schema(replace(with_columns(ATOM, extra), checks=check, bound={"subtype": (name,)})))
    shown = "".join(one if one.isprintable() else "?" for one in name).replace("]", "]]")

    assert any(f"Atom.[{shown}] must have a value" in one for one in plan.refusals)
    assert any(f"has a check of its own, [{shown}]:" in one for one in plan.differences)
    assert all(one.isprintable() for one in (*plan.differences, *plan.refusals))
    assert not any(name in statement for statement in plan.statements)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_collation_is_not_copied_into_a_statement(name: str) -> None:
    plan = plan_adoption(old_schema(with_columns(ATOM, column("Modality", "varchar", 9, collation=name))))
    assert any("ALTER COLUMN Modality varchar(32) NOT NULL" in one for one in plan.statements)
    assert not any(name in one for one in plan.statements)


def test_embeddings_whose_atoms_are_not_there() -> None:
    plan = plan_adoption(OldSchema({"atomembedding": ATOM_EMBEDDING}))
    assert any("no Atom that its rows belong to" in sentence for sentence in plan.refusals)
