"""Named statements, read from the .sql and .cypher files beside the migrations.

A file holds blocks that begin with a line `-- name: some_name`, in Cypher `// name: some_name`. Python names a statement and
binds parameters; it never holds SQL or Cypher text. Every backend defines the same names with the same parameters.
"""

import re
from functools import cache
from pathlib import Path

_NAME = re.compile(r"^(?:--|//) name: (\w+)\s*$", re.MULTILINE)


@cache
def load_statements(folder: Path) -> dict[str, str]:
    """All statements of the files in `folder`, by name.

    Raises ValueError when a name is defined twice.
    """
    statements: dict[str, str] = {}
    for file in sorted([*folder.glob("*.sql"), *folder.glob("*.cypher")]):
        _, *blocks = _NAME.split(file.read_text(encoding="utf-8"))
        for name, text in zip(blocks[::2], blocks[1::2], strict=True):
            if name in statements:
                raise ValueError(f"{file.name}: statement {name} is defined twice")
            statements[name] = text.strip().rstrip(";")
    return statements
