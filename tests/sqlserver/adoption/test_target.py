"""The definitions are read from the migration that makes the tables, and from nowhere else."""

import pytest

from hartonomous_resources.database.sqlserver.adoption.target import (
    FEATURES,
    Index,
    Table,
    later_columns,
    later_names,
    parse_definitions,
    target_definitions,
)


def table(name: str) -> Table:
    return next(one for one in target_definitions() if isinstance(one, Table) and one.name == name)


def test_every_statement_of_the_migration_is_read() -> None:
    names = {one.name for one in target_definitions() if isinstance(one, Table)}
    assert {"Source", "Atom", "AtomContent", "SourceAtom", "AtomEmbedding", "BackgroundJob", "QueueMessage"} <= names


def test_a_column_is_read_with_its_type_default_and_check() -> None:
    modality = next(one for one in table("Atom").columns if one.name == "Modality")
    created = next(one for one in table("Atom").columns if one.name == "CreatedAt")

    assert (modality.type_text, modality.nullable) == ("varchar(32)", False)
    assert "CHECK (Modality IN ('text'" in modality.constraints[0].definition
    assert created.default
    assert created.default.definition == "CONSTRAINT DF_Atom_CreatedAt DEFAULT (SYSUTCDATETIME()) FOR CreatedAt"


def test_keys_foreign_keys_and_computed_columns_are_told_apart() -> None:
    embedding = table("AtomEmbedding")
    by_name = {one.name: one for one in embedding.constraints}
    bucket = next(one for one in embedding.columns if one.name == "SpatialBucketX")

    assert by_name["UQ_AtomEmbedding"].columns == ("AtomId", "ModelId")
    assert by_name["FK_AtomEmbedding_Atom"].reference == ("Atom", "AtomId", True)
    assert by_name["FK_AtomEmbedding_Model"].reference == ("EmbeddingModel", "ModelId", False)
    assert bucket.computed_as and "X / 0.1E0" in bucket.computed_as


def test_commas_semicolons_and_comment_signs_in_strings_end_nothing() -> None:
    script = (
        "CREATE TABLE dbo.T (A varchar(9) NOT NULL CONSTRAINT DF_T_A DEFAULT (';,--'), B int NULL); -- end, of T;\nGO"
    )
    [found] = parse_definitions(script)

    assert isinstance(found, Table)
    assert [one.name for one in found.columns] == ["A", "B"]
    assert found.constraints[0].text == "(';,--')"


def test_a_filtered_index_is_known_as_one() -> None:
    by_name = {one.name: one for one in target_definitions() if isinstance(one, Index)}
    assert by_name["IX_AtomEmbedding_Pending"].filtered
    assert not by_name["IX_AtomEmbedding_Model"].filtered


@pytest.mark.parametrize("statement", ["INSERT INTO dbo.T (A) VALUES (1)", "CREATE VIEW dbo.V AS SELECT 1 AS A"])
def test_a_statement_that_an_adoption_cannot_make_is_refused(statement: str) -> None:
    with pytest.raises(ValueError, match="an adoption cannot make"):
        parse_definitions(statement)


def test_the_names_that_later_migrations_need_are_known() -> None:
    names = later_names(FEATURES)
    assert names["Atom_NeedsEmbedding"] == "TRIGGER"
    assert names["AtomRows"] == "TYPE"
    assert "Atom" not in names


def test_the_columns_that_migrations_and_features_add_are_known() -> None:
    assert later_columns(()) == {
        "Inference": ("InferenceNumber", "IngestHour"),
        "SourceRun": ("RunName",),
        "EmbeddingModel": ("ArtifactName", "LoadedFrom", "Answers", "AnswersSince", "QueuedThrough", "DroppedAt"),
        "ProjectionModel": ("ArtifactName", "Filling"),
    }
    assert later_columns(FEATURES) == later_columns(()) | {"AtomEmbedding": ("SpatialKey",)}
