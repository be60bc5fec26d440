"""The ledger of deduplication: bytes that came, bytes that are kept, and who shares them, by modality and by source."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hartonomous_resources.database.protocol import Row, UnitOfWork
from hartonomous_resources.database.transactions import ask
from hartonomous_resources.resources import Resources
from hartonomous_resources.work.deduplication import dedup_of_modalities
from hartonomous_service.arguments import Id, PageLength, Skip, Tenant, checked
from hartonomous_service.errors import Conflict
from hartonomous_service.source_records import find_source

if TYPE_CHECKING:
    import pandas as pd

_NOTHING = {"atoms": 0, "sharedAtoms": 0, "sharedBytes": 0, "ownBytes": 0}


class DedupLedger(dict[str, Any]):
    """A dict of the ledger; JSON writes it as one."""

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each of its sources."""
        import pandas as pd

        return pd.DataFrame(self["sources"])


@checked
def dedup_ledger(
    resources: Resources, *, tenant: Tenant | None = 0, limit: PageLength = 100, skip: Skip = 0
) -> DedupLedger:
    """Return what deduplication saves: `modalities` over all sources, of a tenant or of all for None, and a page of `sources`, the latest first.

    Of a modality `bytesIn` came, `bytesStored` of them are kept, before any packing, and `derivedBytes` beside them, made out of them, such as
    the text of a page; of a source `bytesIn` came, `sharedBytes` are in atoms that
    another source of its tenant has as well, `ownBytes` would go if it went, and the rest it repeats itself. Superseded versions count.
    """

    def read(unit_of_work: UnitOfWork) -> DedupLedger:
        chosen = {"tenant_id": tenant, "status": "Atomized"}
        page = unit_of_work.query("sources", **chosen, source_id=None, source_uri=None, n=skip + limit)[skip:]
        total = unit_of_work.query("source_count", **chosen)[0]["n"]
        modalities = dedup_of_modalities(unit_of_work, tenant)
        return DedupLedger(
            modalities=modalities,
            bytesIn=sum(row["bytesIn"] for row in modalities),
            bytesStored=sum(row["bytesStored"] for row in modalities),
            derivedBytes=sum(row["derivedBytes"] for row in modalities),
            sources=_of_sources(unit_of_work, page),
            total=total,
            truncated=skip + len(page) < total,
        )

    return ask(resources.database, read)


@checked
def dedup_of_source(
    resources: Resources, source_id: Id, *, tenant: Tenant | None = 0, limit: PageLength = 100
) -> dict[str, Any]:
    """Return the line of a source, and `sharedWith`: the sources of its tenant that have most of its bytes, too.

    Raises NotFound when the tenant has none of that id, Conflict for one that is not atomized.
    """

    def read(unit_of_work: UnitOfWork) -> dict[str, Any]:
        source = find_source(unit_of_work, source_id, tenant)
        if source["status"] != "Atomized":
            raise Conflict(f"source {source_id} is {source['status']}, and has no atoms to compare yet")
        rows = unit_of_work.query("sources_that_share", source_id=source_id, tenant_id=source["tenantId"], n=limit + 1)
        [line] = _of_sources(unit_of_work, [source])
        return {**line, "sharedWith": rows[:limit], "truncated": len(rows) > limit}

    return ask(resources.database, read)


def _of_sources(unit_of_work: UnitOfWork, sources: list[Row]) -> list[Row]:
    ids = json.dumps([source["sourceId"] for source in sources])
    figures = {row["sourceId"]: row for row in unit_of_work.query("dedup_of_sources", source_ids=ids)}
    return [
        {
            "sourceId": source["sourceId"],
            "tenantId": source["tenantId"],
            "sourceUri": source["sourceUri"],
            "version": source["version"],
            "contentType": source["contentType"],
            "bytesIn": source["byteLength"],
            **figures.get(source["sourceId"], _NOTHING),  # an empty file has no atoms
        }
        for source in sources
    ]
