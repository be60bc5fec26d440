"""What is planned for a database that can be adopted."""

import re
from dataclasses import replace

import pytest
import sqlglot

from hartonomous_resources.database.sqlserver.adoption.old_schema import (
    OldForeignKey,
    OldIndex,
    OldObject,
    OldSchema,
)
from hartonomous_resources.database.sqlserver.adoption.plan import AdoptionPlan, plan_adoption
from hartonomous_resources.database.sqlserver.adoption.target import later_names, target_definitions
from hartonomous_resources.database.sqlserver.scripts import in_schema
from tests.sqlserver.adoption.schemas import (
    ATOM,
    ATOM_EMBEDDING,
    BACKGROUND_JOB,
    column,
    old_schema,
    our_schema,
    with_columns,
)


def position(plan: AdoptionPlan, text: str) -> int:
    """Where in the plan the only statement with this text stands."""
    [found] = [number for number, statement in enumerate(plan.statements) if text in statement]
    return found


def test_the_old_schema_of_the_seed_is_adopted_without_a_refusal() -> None:
    plan = plan_adoption(old_schema())

    assert plan.refusals == ()
    assert plan.rows == {"Atom": 7, "AtomEmbedding": 7, "BackgroundJob": 7}
    assert "Atom: 7 rows are kept" in plan.report()


def test_a_database_that_lacks_nothing_gets_an_empty_plan() -> None:
    plan = plan_adoption(our_schema())

    assert (plan.differences, plan.refusals, plan.statements) == ((), (), ())
    assert plan.report() == ["nothing differs"]


def test_an_adopted_database_would_get_what_ours_has() -> None:
    """Every column, constraint and index of our tables is either there before or made by the plan."""
    text = "\n".join(plan_adoption(old_schema()).statements)
    ours = our_schema()

    for name, old in (("Atom", ATOM), ("AtomEmbedding", ATOM_EMBEDDING), ("BackgroundJob", BACKGROUND_JOB)):
        table = ours.tables[name.lower()]
        made = set(re.findall(rf"ALTER TABLE \[dbo\]\.{name} ADD (\w+)", text))
        aside = {one for one in ("SpatialKey", "SpatialBucketX", "SpatialBucketY", "SpatialBucketZ") if old.column(one)}
        kept = {one.name for one in old.columns.values()} - aside
        assert {one.name for one in table.columns.values()} <= made | kept
        for index in table.indexes:
            assert index.primary or index.name in text
        for check in table.checks:
            assert f"CONSTRAINT {check} " in text


@pytest.mark.parametrize(
    ("statement", "meaning"),
    [
        (
            "ADD ReferenceCount bigint NOT NULL CONSTRAINT DF_Atom_ReferenceCount DEFAULT (0)",
            "no source holds them yet",
        ),
        ("ADD InsertedByHand bit NOT NULL CONSTRAINT DF_Atom_InsertedByHand DEFAULT (1)", "they are never removed"),
        ("ADD IngestHour char(16) NOT NULL CONSTRAINT DF_Atom_IngestHour", "the hour of the adoption"),
        ("ALTER COLUMN Subtype varchar(64) NULL", "widened"),
        ("ADD CONSTRAINT UQ_Atom_ContentHash UNIQUE NONCLUSTERED (TenantId, ContentHash)", "deduplication"),
        ("ADD CONSTRAINT DF_Atom_CreatedAt DEFAULT (SYSUTCDATETIME()) FOR CreatedAt", "a default"),
        (
            "ADD CONSTRAINT FK_AtomEmbedding_Atom FOREIGN KEY (AtomId) REFERENCES [dbo].Atom (AtomId) ON DELETE CASCADE",
            "key",
        ),
        ("BackgroundJob ADD ChangeToken rowversion NOT NULL", "what readers wait for"),
        ("ADD CONSTRAINT DF_BackgroundJob_JobId DEFAULT (NEWSEQUENTIALID()) FOR JobId", "the trigger gives no id"),
    ],
)
def test_old_rows_get_what_is_right_for_them(statement: str, meaning: str) -> None:
    assert position(plan_adoption(old_schema()), statement) >= 0, meaning


def test_embeddings_keep_a_model_of_their_own_that_is_not_active() -> None:
    plan = plan_adoption(old_schema())
    made = position(plan, "INSERT INTO [dbo].EmbeddingModel")

    assert "'adopted', 'fp32'" in plan.statements[made] and ", 0, SYSUTCDATETIME()" in plan.statements[made]
    assert position(plan, "CREATE TABLE [dbo].EmbeddingModel") < made < position(plan, "SET e.ModelId = m.ModelId")
    assert position(plan, "SET e.ModelId = m.ModelId") < position(plan, "ALTER COLUMN ModelId int NOT NULL")
    assert position(plan, "ALTER COLUMN ModelId int NOT NULL") < position(plan, "FK_AtomEmbedding_Model")


def test_the_type_of_an_old_embedding_is_part_of_its_model() -> None:
    typed = with_columns(ATOM_EMBEDDING, column("EmbeddingTypeId", "int", 4, null=True))
    plan = plan_adoption(old_schema(typed))

    assert plan.refusals == ()
    assert "embeddingTypeId" in plan.statements[position(plan, "INSERT INTO [dbo].EmbeddingModel")]


def test_positions_move_to_the_columns_from_which_buckets_are_computed() -> None:
    plan = plan_adoption(old_schema())
    filled = position(plan, "e.AdoptedSpatialKey.STX")

    assert position(plan, "@newname = N'AdoptedSpatialKey'") < position(plan, "AtomEmbedding ADD Z float NULL") < filled
    assert position(plan, "@newname = N'AdoptedSpatialBucketX'") < position(
        plan, "ADD SpatialBucketX AS CONVERT(int, X / 0.1E0)"
    )


def test_no_position_is_read_from_a_key_that_is_no_geometry() -> None:
    plan = plan_adoption(old_schema(with_columns(ATOM_EMBEDDING, column("SpatialKey", "nvarchar", 200, null=True))))
    assert not any("STX" in statement for statement in plan.statements)


def test_an_old_reference_count_is_kept_under_another_name() -> None:
    counted = with_columns(ATOM, column("ReferenceCount", "bigint", 8, default="DF__Atom__1"))
    plan = plan_adoption(old_schema(counted))

    assert plan.refusals == ()
    renamed = position(plan, "@objname = N'[dbo].Atom.ReferenceCount', @newname = N'AdoptedReferenceCount'")
    assert renamed < position(plan, "ADD ReferenceCount bigint NOT NULL")


def test_a_model_of_jobs_that_is_none_of_ours_makes_room_for_it() -> None:
    plan = plan_adoption(old_schema(with_columns(BACKGROUND_JOB, column("ModelId", "uniqueidentifier", 16, null=True))))

    assert plan.refusals == ()
    assert position(plan, "@objname = N'[dbo].BackgroundJob.ModelId', @newname = N'AdoptedModelId'") >= 0
    assert any("(here it is a row of EmbeddingModel): it becomes AdoptedModelId" in line for line in plan.report())


def test_a_job_that_was_allowed_no_attempt_gets_one_before_that_is_checked() -> None:
    plan = plan_adoption(old_schema(with_columns(BACKGROUND_JOB, column("MaxAttempts", "int", 4, default="DF_Old"))))

    assert position(plan, "SET j.MaxAttempts = 1") < position(plan, "ADD CONSTRAINT CK_BackgroundJob_MaxAttempts")


def test_jobs_find_their_atom_and_atoms_without_a_job_get_one_at_the_very_end() -> None:
    plan = plan_adoption(old_schema())

    assert position(plan, "BackgroundJob ADD AtomId") < position(plan, "JSON_VALUE(j.Parameters, N'$.AtomId')")
    assert position(plan, "SET j.LeaseUntil = j.CreatedAt") < len(plan.changes)
    assert (
        position(plan, "JSON_VALUE") < position(plan, "its parameters name no atom of its tenant") < len(plan.changes)
    )
    assert "INSERT INTO [dbo].BackgroundJob" in plan.statements[-1] and plan.new_jobs == plan.statements[-1:]


def test_tables_that_are_missing_are_made_in_the_order_of_the_migration() -> None:
    plan = plan_adoption(old_schema())
    made = [match[1] for one in plan.statements if (match := re.match(r"CREATE TABLE \[dbo\]\.(\w+)", one))]

    assert made[:5] == ["Source", "SourceRun", "AtomContent", "SourceAtom", "AtomDerivation"]
    assert not {"Atom", "AtomEmbedding", "BackgroundJob"} & set(made)


def test_a_table_of_the_old_system_that_is_missing_is_made_whole() -> None:
    schema = old_schema()
    plan = plan_adoption(replace(schema, tables={"atom": ATOM, "backgroundjob": BACKGROUND_JOB}))

    assert plan.refusals == ()
    assert position(plan, "CREATE TABLE [dbo].AtomEmbedding") >= 0
    assert not any("'adopted'" in statement for statement in plan.changes)


def test_procedures_and_functions_with_our_names_move_to_a_schema_of_their_own() -> None:
    procedure = next(name for name, kind in later_names(()).items() if kind == "PROCEDURE")
    plan = plan_adoption(old_schema(objects={procedure.lower(): OldObject(procedure, "P")}))

    assert plan.refusals == ()
    assert plan.statements[:2] == (
        "CREATE SCHEMA hartonomous_old",
        f"ALTER SCHEMA hartonomous_old TRANSFER OBJECT::[dbo].{procedure}",
    )
    again = plan_adoption(old_schema(objects={procedure.lower(): OldObject(procedure, "P")}, has_set_aside_schema=True))
    assert again.statements[0].startswith("ALTER SCHEMA")


def test_a_primary_key_gets_the_name_by_which_ours_is_known() -> None:
    named = replace(ATOM.indexes[0], name="PK__Atom's__3214EC07")
    plan = plan_adoption(old_schema(replace(ATOM, indexes=(named,))))

    assert plan.refusals == ()
    assert position(plan, "@objname = N'[dbo].[PK__Atom''s__3214EC07]', @newname = N'PK_Atom'") >= 0


def test_an_index_and_a_constraint_of_another_meaning_make_room_for_ours() -> None:
    hilbert = OldIndex(
        "IX_AtomEmbedding_Hilbert", False, False, False, ("HilbertValue",), filter="([HilbertValue] IS NOT NULL)"
    )
    schema = old_schema(
        replace(ATOM_EMBEDDING, indexes=(*ATOM_EMBEDDING.indexes, hilbert)),
        objects={"ck_atom_modality": OldObject("CK_Atom_Modality", "C", "Other")},
    )
    plan = plan_adoption(schema)

    assert plan.refusals == ()
    assert position(plan, "N'IX_AtomEmbedding_Hilbert_adopted'") < position(
        plan, "CREATE INDEX IX_AtomEmbedding_Hilbert"
    )
    assert position(plan, "N'CK_Atom_Modality_adopted'") < position(plan, "ADD CONSTRAINT CK_Atom_Modality CHECK")


def test_a_key_and_a_unique_index_that_are_there_are_not_made_again() -> None:
    key = OldForeignKey("FK_Old", "AtomEmbedding", ("AtomId",), "Atom", ("AtomId",), cascades=True)
    unique = OldIndex("UX_Old", True, False, False, ("ContentHash", "TenantId"))
    plan = plan_adoption(old_schema(replace(ATOM, indexes=(*ATOM.indexes, unique)), foreign_keys=(key,)))

    assert plan.refusals == ()
    assert not any("FK_AtomEmbedding_Atom" in one or "UQ_Atom_ContentHash" in one for one in plan.statements)


def test_an_index_that_does_not_hold_every_row_is_neither_our_key_nor_our_index() -> None:
    some = OldIndex("UX_Some", True, False, False, ("TenantId", "ContentHash"), filter="([TenantId]>(0))")
    hour = OldIndex("IX_Atom_Unreferenced", False, False, False, ("AtomId",))
    plan = plan_adoption(old_schema(replace(ATOM, indexes=(*ATOM.indexes, some, hour))))

    assert position(plan, "ADD CONSTRAINT UQ_Atom_ContentHash") >= 0
    assert position(plan, "N'IX_Atom_Unreferenced_adopted'") < position(plan, "CREATE INDEX IX_Atom_Unreferenced")


def test_a_column_that_may_be_empty_is_tightened_unless_an_index_holds_it() -> None:
    loose = with_columns(ATOM, column("TenantId", "int", 4, null=True))
    empty = {("Atom", "TenantId"): 0}
    assert (
        position(plan_adoption(old_schema(loose, empty_values=empty)), "dbo].Atom ALTER COLUMN TenantId int NOT NULL")
        >= 0
    )

    held = replace(loose, indexes=(*loose.indexes, OldIndex("IX_T", False, False, False, ("TenantId",))))
    plan = plan_adoption(old_schema(held, empty_values=empty))
    assert plan.refusals == ()
    assert any("it stays so, because [IX_T]" in sentence for sentence in plan.differences)
    assert not any(
        "ALTER COLUMN TenantId" in one and "Atom " in one and "AtomEmbedding" not in one for one in plan.statements
    )


def test_a_length_grows_under_an_index_and_keeps_its_collation() -> None:
    narrow = with_columns(ATOM, column("Modality", "varchar", 10, collation="Latin1_General_CI_AS"))
    indexed = replace(narrow, indexes=(*narrow.indexes, OldIndex("IX_M", False, False, False, ("Modality",))))
    plan = plan_adoption(old_schema(indexed))

    assert position(plan, "ALTER COLUMN Modality varchar(32) COLLATE Latin1_General_CI_AS NOT NULL") >= 0


def test_what_only_the_old_tables_have_is_said_and_kept() -> None:
    extra = with_columns(ATOM, column("SourceUri", "nvarchar", 2048, null=True))
    schema = old_schema(
        replace(extra, checks={"CK_Old": "([Modality]<>'x')"}), objects={"tr": OldObject("Audit", "TR", "Atom")}
    )
    said = "\n".join(plan_adoption(schema).differences)

    assert "[SourceUri] is not known here: it stays" in said
    assert "[CK_Old]: it stays" in said
    assert "[Audit]: it stays" in said
    assert not any("SourceUri nvarchar(2048)" in one for one in plan_adoption(schema).statements)


def test_another_schema_is_named_in_every_statement() -> None:
    plan = plan_adoption(old_schema(), "hart")
    text = "\n".join(plan.statements)

    assert "dbo" not in text
    assert "ALTER TABLE [hart].Atom ADD InsertedByHand" in text
    assert "N'[hart].AtomEmbedding.SpatialKey'" in text


@pytest.mark.parametrize("schema", ["dbo]; DROP TABLE x --", "a b", "", "1a", "a.b"])
def test_a_schema_that_is_no_plain_name_is_refused(schema: str) -> None:
    with pytest.raises(ValueError, match="is not a plain name"):
        plan_adoption(old_schema(), schema)


SCHEMAS = [
    old_schema(),
    old_schema(
        with_columns(ATOM, column("ReferenceCount", "bigint", 8, default="DF_1"), column("CreatedAt", "datetime", 8)),
        with_columns(ATOM_EMBEDDING, column("EmbeddingTypeId", "int", 4, null=True)),
        objects={
            "atomrows": OldObject("AtomRows", "TYPE"),
            "pk_source": OldObject("PK_Source", "PK", "Other"),
        },
    ),
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=["plain", "with more"])
def test_every_statement_of_its_own_is_one_that_a_parser_of_tsql_accepts(schema: OldSchema) -> None:
    """Texts of our migration are left out: they are checked where they stand, and sqlglot does not know all of their forms."""
    verbatim = {in_schema(one.statement, "dbo") for one in target_definitions()}
    for statement in [one for one in plan_adoption(schema).statements if one not in verbatim]:
        [tree] = sqlglot.parse(statement, read="tsql")
        # What it cannot read it keeps as a Command: a default for a column that is there, and moving between schemas.
        assert tree and (
            not isinstance(tree, sqlglot.exp.Command) or " FOR " in statement or " TRANSFER " in statement
        ), statement


@pytest.mark.parametrize("schema", SCHEMAS, ids=["plain", "with more"])
def test_every_statement_is_one_that_the_servers_own_parser_accepts(schema: OldSchema) -> None:
    checker = pytest.importorskip("tests.tools.tsql.checker").checker()
    for statement in plan_adoption(schema).statements:
        assert not isinstance(checker.parse(statement), list), statement
