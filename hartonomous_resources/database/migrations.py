"""Numbered migrations with a journal: NNNN_name.sql (.cypher for a graph), applied in order, each with its SHA-256 written down.

A migration that has run and was changed afterwards is refused, and so is a database newer than the program.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from hartonomous_resources.database.database_errors import SchemaMismatch

CORE = "core"
"""What every database has; other features are a server's own."""

_FILE = re.compile(r"^(\d{4})_(\w+)\.(?:sql|cypher)$")


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file."""

    version: int
    name: str
    text: str
    sha256: str
    feature: str = CORE

    @property
    def label(self) -> str:
        """How people are told of it: 0003_types, or spatial/0001_spatial_key."""
        return f"{'' if self.feature == CORE else self.feature + '/'}{self.version:04d}_{self.name}"


def read_migrations(folder: Path, feature: str = CORE) -> list[Migration]:
    """The migrations of a folder in order.

    Raises ValueError when a number is missing or doubled.
    """
    migrations = []
    for file in sorted(folder.iterdir()):
        if match := _FILE.match(file.name):
            text = file.read_text(encoding="utf-8")
            digest = hashlib.sha256(text.encode()).hexdigest()
            migrations.append(Migration(int(match[1]), match[2], text, digest, feature))
    if [m.version for m in migrations] != list(range(1, len(migrations) + 1)):
        raise ValueError(f"{folder}: migrations must be numbered 0001, 0002, … without a gap")
    return migrations


def pending_migrations(migrations: list[Migration], applied: dict[int, str], store: str) -> list[Migration]:
    """Migrations still to run, given the journal {version: sha256} of `store`.

    Raises SchemaMismatch for a changed migration or a journal that this program does not know.
    """
    known = {m.version: m for m in migrations}
    for version, sha256 in applied.items():
        if version not in known:
            raise SchemaMismatch(
                f"{store} has schema version {version}, this program knows up to {len(migrations)}: upgrade hartonomous"
            )
        if known[version].sha256 != sha256:
            raise SchemaMismatch(
                f"{store}: migration {version:04d}_{known[version].name} ran with other text than this program ships; "
                "restore the file, or use the release that created the database"
            )
    return [m for m in migrations if m.version not in applied]
