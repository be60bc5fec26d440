"""What databases look like that are in use: one of each release as text, the graph that one of 0.1.0 had, and which migrations made them.

Add what `python -m tests.released.make` writes with each release; edit none of it.
"""

import hashlib
import json
from pathlib import Path

from hartonomous_resources.project_files import project_file

FOLDER = Path(__file__).parent
RELEASES = sorted(path.stem.removeprefix("migrations_") for path in FOLDER.glob("migrations_*.json"))
SQL = project_file("sql")
_FORMER_GRAPH = "sqlite/graph_migrations/"
"""Of the embedded graph that 0.1.0 had; an upgrade deletes it, and runs none of them."""


def migrations(sql: Path = SQL) -> dict[str, str]:
    """SHA-256 of each migration of every store, as its journal has it, by the path below sql/; and of what makes a journal."""
    files = sorted([*sql.rglob("[0-9][0-9][0-9][0-9]_*"), sql / "sqlserver" / "journal.sql"])
    return {
        file.relative_to(sql).as_posix(): hashlib.sha256(file.read_text("utf-8").encode()).hexdigest() for file in files
    }


def shipped(release: str) -> dict[str, str]:
    """What `migrations` said when a release was made."""
    found: dict[str, str] = json.loads((FOLDER / f"migrations_{release}.json").read_text("utf-8"))
    return found


def changed(released: dict[str, str], sql: Path = SQL) -> list[str]:
    """The paths of a release whose text is another one now, or gone."""
    now = migrations(sql)
    return [path for path, sha256 in released.items() if now.get(path) != sha256 and not path.startswith(_FORMER_GRAPH)]
