"""Mail through the whole chain, on every backend: found by what it says, what is attached by itself, rebuilt to the last byte."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hartonomous_assets import atoms, embeddings, projections
from hartonomous_assets import sources as landing
from hartonomous_core.messages import INGESTION_QUEUE
from hartonomous_resources.compute.text_model import TextModelFiles
from hartonomous_resources.resources import Resources
from hartonomous_service.search import search
from hartonomous_service.source_records import reconstruct, show_source, verify_sources
from tests.builders import enqueue, request
from tests.stages import all_sources, run_stages_of
from tests.unit.test_mail import MAIL, MAILBOX


@pytest.mark.parametrize(
    ("data", "kind", "place", "attachment"),
    [
        (MAIL, "message/rfc822", {}, "../notes.txt"),
        (MAILBOX, "application/mbox", {"message": 1}, "1/../notes.txt"),
    ],
)
def test_mail_is_found_by_what_it_says_and_by_what_is_attached(
    data: bytes,
    kind: str,
    place: dict[str, object],
    attachment: str,
    make_home: Callable[..., Resources],
    model_dir: Path,
    text_model: TextModelFiles,
) -> None:
    home = make_home(model_dir=model_dir)
    enqueue(home.database, INGESTION_QUEUE, [request(rawData=data, sourceUri="box", contentType=kind)])
    for _ in range(2):  # the attachment is a source of its own, landed by the first
        run_stages_of(home, landing.STAGE, atoms.STAGE, embeddings.STAGE, projections.STAGE)

    def places(question: str) -> list[tuple[str, object]]:
        hit = search(home, question, mode="semantic")["results"][0]
        return [(found["sourceUri"], found["locator"]) for found in hit["sources"]]

    assert places("what colour has the crane") == [
        ("box", {**place, "attached": ["Minutes of March"], "part": "text/plain"})
    ]
    assert places("which tides are weak") == [(f"member:box!/{attachment}", None)]
    sources = {row["sourceUri"]: row["sourceId"] for row in all_sources(home)}
    assert b"".join(reconstruct(home, sources["box"])) == data
    shown = show_source(home, sources["box"])
    assert (shown["searchable"], shown["errorMessage"]) == (True, None)
    assert not verify_sources(home)["failed"]
