"""Pages by place: what comes while somebody pages shifts nothing, on every database backend."""

import hashlib
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from hartonomous_resources.resources import Resources
from hartonomous_service.atom_records import show_atom
from hartonomous_service.background_jobs import create_job, page_jobs
from hartonomous_service.dead_letters import page_dead_letters
from hartonomous_service.errors import Invalid, NotFound
from hartonomous_service.inference_pages import page_inferences
from hartonomous_service.inferences import InferenceRecord, record_inference
from tests.builders import request
from tests.stages import ingest

ROWS = 5


def add_job(home: Resources, n: int, tenant: int) -> None:
    create_job(home, "SendReport", f'{{"n": {n}}}', tenant)


def add_dead_letter(home: Resources, n: int, tenant: int) -> None:
    ingest(home, request(uri=f"ftp://{tenant}-{n}", tenantId=tenant))


def add_inference(home: Resources, n: int, tenant: int) -> None:
    record_inference(home, InferenceRecord(model="writer-7b", inference_id=f"it/{n}", tenant_id=tenant))


LISTS = [
    pytest.param(page_jobs, add_job, "jobs", id="jobs"),
    pytest.param(page_dead_letters, add_dead_letter, "deadLetters", id="dead letters"),
    pytest.param(page_inferences, add_inference, "inferences", id="inferences"),
]


@pytest.mark.parametrize(("ask", "add", "key"), LISTS)
def test_a_row_that_comes_between_two_pages_shifts_none(
    home: Resources, ask: Callable[..., dict[str, Any]], add: Callable[[Resources, int, int], None], key: str
) -> None:
    for n in range(ROWS):
        add(home, n, 0)
        add(home, n, 1)
    before = ask(home)
    assert len(before[key]) == ROWS and before["next"] is None

    met, after = [], None
    for n in range(ROWS, 3 * ROWS):
        page = ask(home, limit=2, after=after)
        met += page[key]
        add(home, n, 0)
        after = page["next"]
        if after is None:
            break
    assert met == before[key]
    assert len(ask(home)[key]) == ROWS + 3
    assert len(ask(home, tenant=1)[key]) == ROWS


@pytest.mark.parametrize(("ask", "add", "key"), LISTS)
def test_a_full_last_page_says_that_it_is_the_last(
    home: Resources, ask: Callable[..., dict[str, Any]], add: Callable[[Resources, int, int], None], key: str
) -> None:
    for n in range(2):
        add(home, n, 0)

    assert ask(home, limit=2)["next"] is None
    assert ask(home, tenant=7) == {key: [], "next": None}


@pytest.mark.parametrize("after", ["", "x", "/", "2026-99-30T10:00:00.000Z/it", "\u0661", "2026-11-30T10:00:00.000"])
def test_a_place_that_no_page_said_is_refused(home: Resources, after: str) -> None:
    for ask in (page_jobs, page_inferences):
        with pytest.raises(Invalid, match="after: "):
            ask(home, after=after)


def test_a_place_among_the_jobs_of_another_kind_of_store_is_refused(home: Resources) -> None:
    foreign = "5" if home.settings.uses_sqlserver else f"2026-11-30 10:00:00.000/{UUID(int=7)}"
    with pytest.raises(Invalid, match="after: it is no place in a list of jobs"):
        page_jobs(home, after=foreign)


def test_pages_hold_only_what_was_asked_for(home: Resources) -> None:
    add_job(home, 1, 0)
    add_inference(home, 1, 0)

    assert page_jobs(home, status="Failed")["jobs"] == []
    assert page_inferences(home, model="another")["inferences"] == []


def test_an_atom_is_shown_by_its_hash_to_its_tenant(home: Resources) -> None:
    text = "The harbour lay quiet under the fog."
    digest = hashlib.sha256(text.encode()).hexdigest()
    for n in range(2):
        ingest(home, request(rawData=text.encode(), sourceUri=f"mail:{n}"))

    atom = show_atom(home, digest.upper())

    assert (atom["atomHash"], atom["text"], atom["modality"]) == (digest, text, "text")
    assert (atom["placeCount"], atom["sourceCount"]) == (2, 2)
    with pytest.raises(NotFound, match=f"atom {digest} is not found"):
        show_atom(home, digest, tenant=1)
    with pytest.raises(Invalid, match="64 hex digits"):
        show_atom(home, digest[:7])
