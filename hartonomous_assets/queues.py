"""The two queues as external assets, and the observations that the sensor logs of them. It only looks and receives nothing."""

import json
import time
from typing import Any

import dagster as dg

from hartonomous_assets.stage_metadata import seconds_since
from hartonomous_assets.table_schema import column_schema, store_kind
from hartonomous_core.messages import INGESTION_QUEUE, PROVENANCE_QUEUE
from hartonomous_resources.database.protocol import Database, Row, UnitOfWork
from hartonomous_resources.database.transactions import ask

OBSERVE_SECONDS = 60.0
"""Least time between two observations; ten times that while messages wait and their number stays the same."""

_RECEIVERS = {INGESTION_QUEUE: "sources", PROVENANCE_QUEUE: "provenance_graph"}
_ASSETS = {INGESTION_QUEUE: "ingestion_queue", PROVENANCE_QUEUE: "provenance_queue"}
_DESCRIPTIONS = {
    INGESTION_QUEUE: "IngestionQueue: requests to ingest a file, its bytes inline or by uri.",
    PROVENANCE_QUEUE: "ProvenanceQueue: AtomsCreated, AtomsEmbedded, AtomsProjected, AtomsDeleted and InferenceCompleted events.",
}

QUEUES = [
    dg.AssetSpec(
        asset,
        group_name="queues",
        kinds={store_kind()},
        owners=["team:hartonomous"],
        metadata=column_schema("QueueMessage"),
        description=_DESCRIPTIONS[queue],
    )
    for queue, asset in _ASSETS.items()
]


def observe(database: Database, cursor: str | None) -> tuple[list[dg.AssetObservation], str | None]:
    """Observe depth and age of both queues where they have changed; also returns the cursor, which says what was reported when."""
    reported: dict[str, Any] = json.loads(cursor) if cursor else {"at": 0.0, "depths": {}}
    passed = abs(time.time() - reported["at"])
    if passed < OBSERVE_SECONDS:
        return [], cursor

    def look(unit_of_work: UnitOfWork) -> tuple[dict[str, int], Row]:
        counted = {row["queue"]: row["depth"] for row in unit_of_work.query("queue_depths")}
        return counted, unit_of_work.query("oldest_pending", hour="")[0]

    counted, oldest = ask(database, look)
    depths = {queue: counted.get(queue, 0) for queue in _ASSETS}
    if depths == reported["depths"] and (not any(depths.values()) or passed < 10 * OBSERVE_SECONDS):
        return [], cursor
    observations = [
        dg.AssetObservation(
            asset,
            metadata={
                "messages": dg.MetadataValue.int(depths[queue]),
                "seconds the oldest has waited": dg.MetadataValue.float(seconds_since(oldest[_RECEIVERS[queue]])),
            },
        )
        for queue, asset in _ASSETS.items()
    ]
    return observations, json.dumps({"at": time.time(), "depths": depths})
