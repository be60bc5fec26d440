"""What commands import: a short one pays for nothing that it does not use, and every command starts a fresh interpreter."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hartonomous_resources.database.sqlite import SqliteDatabase

HEAVY = ["numpy", "dagster", "sqlalchemy", "onnxruntime", "tokenizers", "nupunkt", "neo4j", "requests"]

COMMAND = """
import sys
from hartonomous_service.cli import main
sys.argv = ["hartonomous", *sys.argv[1:]]
try:
    main()
finally:
    print("imported:", *sorted(set(sys.modules) & set(HEAVY)), file=sys.stderr)
""".replace("HEAVY", repr(HEAVY))


@pytest.mark.parametrize(
    "words", [["--help"], ["stats"], ["sources", "list"], ["dead-letters", "list"], ["ingest"]], ids=" ".join
)
def test_a_command_that_reads_rows_or_finds_nothing_to_do_imports_nothing_heavy(
    words: list[str], tmp_path: Path
) -> None:
    environment = {**os.environ, "HARTONOMOUS_HOME": str(tmp_path / "home")}
    SqliteDatabase(tmp_path / "home" / "hartonomous.db").migrate()

    done = subprocess.run([sys.executable, "-c", COMMAND, *words], env=environment, capture_output=True, text=True)

    assert (done.returncode, done.stderr.splitlines()[-1].strip()) == (0, "imported:"), done.stderr
