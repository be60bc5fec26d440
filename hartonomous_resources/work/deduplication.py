"""What deduplication saves, as the tables say."""

from hartonomous_resources.database.protocol import Row, UnitOfWork


def dedup_of_modalities(unit_of_work: UnitOfWork, tenant: int | None) -> list[Row]:
    """Return a row for each tenant and modality, of one tenant or of all for None: atoms, how often they occur, bytes that came and are kept.

    It reads every occurrence. `saved` is the share of the bytes that came which is not kept a second time, 0 to 1.
    """
    rows = unit_of_work.query("dedup_of_modalities", tenant_id=tenant)
    return [
        {**row, "saved": round(1 - row["bytesStored"] / row["bytesIn"], 4) if row["bytesIn"] else 0.0} for row in rows
    ]
