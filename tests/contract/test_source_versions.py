"""Versions of a source: the same bytes again, other bytes, another unit of text; one is claimed when the one before it is finished."""

import time
from typing import Any

import pytest

from hartonomous_assets import sources as landing
from hartonomous_core.clock import current_hour
from hartonomous_core.messages import INGESTION_QUEUE
from hartonomous_core.vocabulary import TextUnit
from hartonomous_resources.resources import Resources
from hartonomous_service.ingest import ingest as ingest_paths
from tests.backends import rows
from tests.builders import (
    broken_invariants,
    claim_sources,
    enqueue,
    request,
    without,
)
from tests.stages import (
    ALL_RULES,
    MakeHome,
    all_sources,
    content_of,
    ingest,
    put_file,
    run_stages_of,
    states,
)


def test_the_same_bytes_again_change_only_when_the_source_was_last_seen(home: Resources, client: Any) -> None:
    path = put_file(home, "a.txt", b"One sentence. Another one.")
    tables = ("Atom", "SourceAtom", "BackgroundJob", "QueueMessage", "DeadLetter")

    def everything() -> list[Any]:
        return [rows(client, f"SELECT * FROM {table}") for table in tables]

    ingest(home, request(uri=path.as_uri()))
    (first,), before = all_sources(home), everything()
    time.sleep(0.01)

    report = ingest(home, request(uri=path.as_uri()))["atoms"]

    (again,) = all_sources(home)
    assert again["lastSeenAt"] > first["lastSeenAt"]
    assert without(again, "lastSeenAt") == without(first, "lastSeenAt")
    assert everything() == before
    assert report.counts == {"unchanged": 1}


@pytest.mark.parametrize("by_message", [True, False], ids=["by message", "by ingest"])
def test_the_same_bytes_are_a_new_version_where_text_has_another_unit(
    make_home: MakeHome, client: Any, by_message: bool
) -> None:
    units: tuple[TextUnit, ...] = ("passage", "sentence", "sentence", "passage")
    for unit in units:
        home = make_home(text_unit=unit)
        path = put_file(home, "a.txt", b"One sentence. Another one.")
        if by_message:
            ingest(home, request(uri=path.as_uri()))
        else:
            ingest_paths(home, [path], wait=False)
            run_stages_of(home)

    first, second, third = all_sources(home)
    assert [source["supersededBy"] for source in (first, second, third)] == [
        second["sourceId"],
        third["sourceId"],
        None,
    ]
    assert first["atomizerVersion"] == third["atomizerVersion"] != second["atomizerVersion"]
    atoms_of_sources = rows(
        client,
        "SELECT sa.SourceId AS source, a.Subtype AS subtype, a.CanonicalText AS text FROM SourceAtom AS sa "
        "INNER JOIN Atom AS a ON a.AtomId = sa.AtomId ORDER BY sa.SourceId, sa.Ordinal",
    )
    assert [(row["source"], row["subtype"], row["text"]) for row in atoms_of_sources] == [
        (first["sourceId"], "passage", "One sentence. Another one."),
        (second["sourceId"], "sentence", "One sentence."),
        (second["sourceId"], "sentence", "Another one."),
        (third["sourceId"], "passage", "One sentence. Another one."),
    ]


def test_changed_bytes_make_a_second_version_and_supersede_the_first(home: Resources) -> None:
    path = put_file(home, "a.txt", b"Old. Common.")
    ingest(home, request(uri=path.as_uri()))
    path.write_bytes(b"New. Common.")

    ingest(home, request(uri=path.as_uri()))

    old, new = all_sources(home)
    assert states(home) == [("Atomized", 1, new["sourceId"]), ("Atomized", 2, None)]
    assert (content_of(home, old), content_of(home, new)) == (b"Old. Common.", b"New. Common.")
    assert not broken_invariants(home.database, *ALL_RULES)


def test_going_back_to_earlier_bytes_is_a_third_version(home: Resources) -> None:
    ingest(home, *(request(rawData=content, sourceUri="note:a.txt") for content in (b"A.", b"B.", b"A.")))

    first, second, third = all_sources(home)
    assert states(home) == [
        ("Atomized", 1, second["sourceId"]),
        ("Atomized", 2, third["sourceId"]),
        ("Atomized", 3, None),
    ]
    assert [content_of(home, source) for source in (first, second, third)] == [b"A.", b"B.", b"A."]


def test_the_same_uri_of_two_tenants_is_two_sources(home: Resources) -> None:
    ingest(home, *(request(rawData=b"Same.", sourceUri="note:a.txt", tenantId=tenant) for tenant in (1, 2)))

    assert states(home) == [("Atomized", 1, None)] * 2
    assert not broken_invariants(home.database, *ALL_RULES)


def claim(home: Resources, owner: str) -> list[int]:
    """SourceId of the next source, claimed."""
    with home.database.unit_of_work() as unit_of_work:
        return [row["sourceId"] for row in claim_sources(unit_of_work, owner, current_hour())]


def test_a_version_is_claimed_only_when_the_one_before_it_is_finished(home: Resources) -> None:
    for uri, content in (("a", b"1"), ("a", b"2"), ("b", b"3")):
        enqueue(home.database, INGESTION_QUEUE, [request(rawData=content, sourceUri=uri)])
    run_stages_of(home, landing.STAGE)
    a1, a2, b1 = (source["sourceId"] for source in all_sources(home))

    assert [claim(home, "one"), claim(home, "two"), claim(home, "three")] == [[a1], [b1], []]
    with home.database.unit_of_work() as unit_of_work:
        unit_of_work.execute("dead_letter_source", source_id=a1, reason="finished, if not well")
    assert claim(home, "four") == [a2]
