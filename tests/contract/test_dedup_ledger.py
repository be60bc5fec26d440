"""The ledger of deduplication, on every backend: every byte is told once, and nobody learns of another tenant's."""

from collections.abc import Callable

import pytest

from hartonomous_assets import atoms
from hartonomous_assets import sources as landing
from hartonomous_core.messages import INGESTION_QUEUE
from hartonomous_resources.resources import Resources
from hartonomous_service.dedup_ledger import dedup_ledger, dedup_of_source
from hartonomous_service.errors import Conflict, NotFound
from hartonomous_service.statistics import collect_stats
from tests.builders import enqueue, request
from tests.stages import run_stages_of

TIDES = b"Tides follow the moon.  Twice a day the water comes and goes. " * 12
"""Some passages, with two spaces between sentences."""
LAMPS = b"\n\nThe lighthouse was lit at dusk, and the keeper slept by day. " * 10


@pytest.fixture
def home(make_home: Callable[..., Resources]) -> Resources:
    """Three sources of tenant 0, of which two have a text in common, one an empty file; one of tenant 7 with the same text."""
    opened = make_home()
    files = {"both": TIDES + LAMPS, "tides": TIDES, "alone": b"Iron rusts.", "empty": b""}
    asked = [request(rawData=data, sourceUri=name, contentType="text/plain") for name, data in files.items()]
    asked.append(request(rawData=TIDES, sourceUri="theirs", contentType="text/plain", tenantId=7))
    enqueue(opened.database, INGESTION_QUEUE, asked)
    run_stages_of(opened, landing.STAGE, atoms.STAGE)
    return opened


def test_each_byte_that_came_is_its_own_shared_or_a_repetition(home: Resources) -> None:
    ledger = dedup_ledger(home)

    lines = {line["sourceUri"]: line for line in ledger["sources"]}
    assert list(lines) == ["empty", "alone", "tides", "both"] and ledger["total"] == 4 and not ledger["truncated"]
    assert (lines["alone"]["ownBytes"], lines["alone"]["sharedBytes"]) == (lines["alone"]["bytesIn"], 0)
    assert (lines["empty"]["atoms"], lines["empty"]["ownBytes"], lines["empty"]["bytesIn"]) == (0, 0, 0)
    assert lines["tides"]["sharedAtoms"] > 0
    for line in lines.values():
        assert line["ownBytes"] + line["sharedBytes"] <= line["bytesIn"]
    [text] = ledger["modalities"]
    assert (text["tenantId"], text["modality"]) == (0, "text")
    assert text["bytesIn"] == ledger["bytesIn"] == sum(line["bytesIn"] for line in lines.values())
    assert ledger["bytesStored"] < ledger["bytesIn"] - lines["tides"]["sharedBytes"] + 1
    assert text["derivedBytes"] == 0
    assert text["saved"] == round(1 - ledger["bytesStored"] / ledger["bytesIn"], 4)


def test_it_says_with_whom_and_of_no_other_tenant(home: Resources) -> None:
    ids = {line["sourceUri"]: line["sourceId"] for line in dedup_ledger(home, tenant=None)["sources"]}

    line = dedup_of_source(home, ids["tides"])
    assert [(other["sourceUri"], other["sharedBytes"]) for other in line["sharedWith"]] == [
        ("both", line["sharedBytes"])
    ]
    assert dedup_of_source(home, ids["alone"])["sharedWith"] == []
    assert dedup_of_source(home, ids["theirs"], tenant=7)["sharedWith"] == []
    assert [line["sourceUri"] for line in dedup_ledger(home, tenant=7)["sources"]] == ["theirs"]
    with pytest.raises(NotFound):
        dedup_of_source(home, ids["tides"], tenant=7)
    assert {row["tenantId"] for row in dedup_ledger(home, tenant=None)["modalities"]} == {0, 7}


def test_what_was_made_out_of_the_bytes_is_told_by_itself(make_home: Callable[..., Resources]) -> None:
    home = make_home()
    page = b"<html><body><p>" + TIDES + b"</p></body></html>"
    enqueue(home.database, INGESTION_QUEUE, [request(rawData=page, sourceUri="page", contentType="text/html")])
    run_stages_of(home, landing.STAGE, atoms.STAGE)

    ledger = dedup_ledger(home)
    assert ledger["bytesIn"] == len(page) and ledger["bytesStored"] <= len(page) and ledger["derivedBytes"] > 0
    assert collect_stats(home)["bytesStored"] == ledger["bytesStored"] + ledger["derivedBytes"]


def test_a_page_of_it_and_a_table(home: Resources) -> None:
    page = dedup_ledger(home, limit=1, skip=1)

    assert [line["sourceUri"] for line in page["sources"]] == ["alone"] and page["truncated"]
    frame = dedup_ledger(home).to_frame()
    assert len(frame) == 4 and frame["bytesIn"].sum() == dedup_ledger(home)["bytesIn"]


def test_what_is_not_atomized_has_no_line(home: Resources) -> None:
    enqueue(home.database, INGESTION_QUEUE, [request(rawData=b"Later.", sourceUri="later", contentType="text/plain")])
    run_stages_of(home, landing.STAGE)

    ledger = dedup_ledger(home)
    assert "later" not in {line["sourceUri"] for line in ledger["sources"]}
    newest = max(line["sourceId"] for line in dedup_ledger(home, tenant=None)["sources"]) + 1
    with pytest.raises(Conflict, match="Landed"):
        dedup_of_source(home, newest)
