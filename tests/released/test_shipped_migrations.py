"""A migration that was released never changes: the journals of databases in use hold its SHA-256, and refuse another text."""

import shutil
from pathlib import Path

import pytest

from hartonomous_resources.database.migrations import read_migrations
from tests.released import RELEASES, SQL, changed, migrations, shipped


@pytest.mark.parametrize("release", RELEASES)
def test_a_released_migration_never_changes(release: str) -> None:
    assert changed(shipped(release)) == [], (
        f"databases in use ran these as release {release} had them: restore them, and say what is to be different in a new migration, "
        "the next number of the folder (docs/decisions/0025-a-migration-may-change-what-is-there.md)"
    )


def test_a_migration_that_changes_or_goes_is_named_and_one_with_other_line_ends_is_not(tmp_path: Path) -> None:
    sql = tmp_path / "sql"
    shutil.copytree(SQL, sql)
    files = {path: sql / path for path in migrations(sql)}
    for file in files.values():
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert changed(migrations(), sql) == []

    with files["sqlite/migrations/0001_sources.sql"].open("a") as file:
        file.write("-- A word more.\n")
    files["sqlserver/spatial/0001_spatial_key.sql"].unlink()
    (sql / "neo4j" / "migrations" / "0002_more.cypher").touch()

    assert changed(migrations(), sql) == [
        "sqlite/migrations/0001_sources.sql",
        "sqlserver/spatial/0001_spatial_key.sql",
    ]


def test_every_migration_is_held_to_what_the_journal_says() -> None:
    journals = {
        str(SQL / folder): [migration.sha256 for migration in read_migrations(SQL / folder)]
        for folder in {Path(path).parent for path in migrations()} - {Path("sqlserver")}
    }
    assert {"migrations", "full_text", "service_broker"} <= {Path(folder).name for folder in journals}
    found = migrations()
    del found["sqlserver/journal.sql"]
    assert sorted(found.values()) == sorted(sha256 for each in journals.values() for sha256 in each)
