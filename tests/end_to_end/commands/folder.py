"""The small folder of these tests, and what is known of a home that took it in."""

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cli import Home

OLD_TIDE = "At noon the tide table of the year 1889 was nailed to the door."
NEW_TIDE = "Since spring a brass plate tells when the water will rise."

FILES = {
    "harbour.txt": b"The harbour lay quiet under the fog.\r\n\r\nA lantern swung above the customs house.\r\n",
    "copy/harbour again.txt": b"The harbour lay quiet under the fog.\r\n\r\nA lantern swung above the customs house.\r\n",
    "bread.md": b"# Bread\n\nKnead the dough for ten minutes.  Let it rest overnight in a cool place.\n",
    "tide.txt": f"{OLD_TIDE} A lantern swung above the customs house.\n".encode(),
    "unicode.txt": "Die Möwe schrie über dem Hafen. 港は静かだった。 Ω comes last.".encode(),
    "cargo.bin": random.Random(7).randbytes(300_000),
}


@dataclass(frozen=True, slots=True)
class Ingested:
    """A home with the small folder in it, and what each of three ingests said."""

    home: Home
    folder: Path
    first: Any
    changed: Any
    unchanged: Any
    before_unchanged: dict[str, Any]
    after_unchanged: dict[str, Any]

    def source_id(self, name: str, document: str = "first") -> int:
        """The source that an ingest made of a file."""
        uri = (self.folder / name).as_uri()
        [source] = [source for source in getattr(self, document)["sources"] if source["sourceUri"] == uri]
        return int(source["sourceId"])


def footprint(home: Home) -> dict[str, Any]:
    """Everything that an ingest of an unchanged folder must leave as it is, and when the sources were last seen."""
    return {
        "atoms": home.rows("SELECT * FROM Atom ORDER BY AtomId"),
        "jobs": home.rows("SELECT * FROM BackgroundJob ORDER BY JobId"),
        "messages ever sent": home.rows("SELECT seq FROM sqlite_sequence WHERE name = 'QueueMessage'"),
        "sources": home.rows("SELECT SourceId, Version, Status, AttemptCount FROM Source ORDER BY SourceId"),
        "runs of sources": home.rows("SELECT SourceId, RunId FROM SourceRun ORDER BY SourceId, RunId"),
        "runs": home.run_statuses(),
        "seen": dict(home.rows("SELECT SourceId, LastSeenAt FROM Source WHERE SupersededBy IS NULL AND TenantId = 0")),
    }


def sources_of(document: Any) -> dict[str, Any]:
    """The sources of an ingest's document by the last part of their uri."""
    return {source["sourceUri"].rsplit("/", 1)[1]: source for source in document["sources"]}
