"""Lists say how long they are, a page at a time; on every database backend."""

import hashlib
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from hartonomous_resources.resources import Resources
from hartonomous_service.background_jobs import list_jobs
from hartonomous_service.dead_letters import list_dead_letters
from hartonomous_service.errors import Invalid, NotFound
from hartonomous_service.inferences import InferenceRecord, record_inference
from hartonomous_service.place_pages import page_places
from hartonomous_service.recorded_inferences import list_inferences
from hartonomous_service.search import list_places, search
from hartonomous_service.source_records import list_sources, verify_sources
from hartonomous_service.statistics import collect_stats
from tests.builders import request, write
from tests.stages import MakeHome, ingest

SENTENCE = "The harbour lay quiet under the fog."
HASH = hashlib.sha256(SENTENCE.encode()).hexdigest()
FILES = 25


@pytest.fixture
def many(make_home: MakeHome) -> Resources:
    """A sentence in 25 files, twice in the first; three dead letters; three inferences; another tenant's one of each."""
    home = make_home(text_unit="sentence")
    texts = [f"{SENTENCE} {SENTENCE if i == 0 else f'Number {i}.'}" for i in range(FILES)]
    ingest(home, *(request(rawData=text.encode(), sourceUri=f"mail:{i}") for i, text in enumerate(texts)))
    ingest(home, *(request(uri=f"ftp://{i}") for i in range(3)), request(uri="ftp://other", tenantId=1))
    ingest(home, request(rawData=SENTENCE.encode(), sourceUri="mail:other", tenantId=1))
    for tenant, n in ((0, 3), (1, 1)):
        for i in range(n):
            record_inference(
                home,
                InferenceRecord(
                    model="writer-7b", task=None, inference_id=f"it-{tenant}-{i}", input_atoms=[HASH], tenant_id=tenant
                ),
            )
    return home


def test_a_hit_says_in_how_many_places_and_sources_it_stands(many: Resources) -> None:
    [hit] = search(many, SENTENCE, mode="lexical", k=1)["results"]

    assert (hit["placeCount"], hit["sourceCount"], len(hit["sources"])) == (FILES + 1, FILES, 20)


def test_a_hit_of_another_tenant_counts_its_own_places(many: Resources) -> None:
    [hit] = search(many, SENTENCE, mode="lexical", k=1, tenant=1)["results"]

    assert (hit["placeCount"], hit["sourceCount"]) == (1, 1)


def test_every_place_of_an_atom_can_be_paged_through(many: Resources) -> None:
    pages = [list_places(many, HASH.upper(), limit=10, skip=skip) for skip in (0, 10, 20, 30)]

    met = [(place["sourceId"], place["byteOffset"]) for page in pages for place in page["places"]]
    assert len(set(met)) == len(met) == FILES + 1
    assert met == sorted(met)
    assert [page["truncated"] for page in pages] == [True, True, False, False]
    assert {(page["atomHash"], page["total"], page["sourceCount"]) for page in pages} == {(HASH, FILES + 1, FILES)}


def test_pages_of_places_go_on_where_the_one_before_ended_whatever_comes_between(many: Resources) -> None:
    whole = list_places(many, HASH)["places"]
    met, after = [], None
    for n in range(100):
        page = page_places(many, HASH.upper(), limit=10, after=after)
        assert page["atomHash"] == HASH
        met += page["places"]
        after = page["next"]
        if after is None:
            break
        ingest(many, request(rawData=SENTENCE.encode(), sourceUri=f"between:{n}"))
    assert met[: len(whole)] == whole and len(whole) == FILES + 1
    assert len(met) > len(whole), "those that came meanwhile are the last"
    assert page_places(many, HASH, limit=1000)["next"] is None
    assert page_places(many, HASH, tenant=1)["places"] == list_places(many, HASH, tenant=1)["places"]


@pytest.mark.parametrize(
    "after", ["", "x", "1/content", "1/other/2", "-1/content/2", "1/content/\u0661", f"{10**19}/content/2"]
)
def test_a_place_that_no_page_of_places_said_is_refused(many: Resources, after: str) -> None:
    with pytest.raises(Invalid, match="after: "):
        page_places(many, HASH, after=after)


def test_an_atom_is_named_by_the_first_digits_of_its_hash_in_either_case(many: Resources) -> None:
    whole = list_places(many, HASH, limit=3)

    assert [list_places(many, name, limit=3) for name in (HASH[:8], HASH[:63].upper())] == [whole, whole]


def test_an_atom_that_the_tenant_does_not_have_is_not_found(many: Resources) -> None:
    for tenant, name in ((0, "00" * 32), (7, HASH)):
        with pytest.raises(NotFound, match=f"atom {name} is not found"):
            list_places(many, name, tenant=tenant)
    with pytest.raises(NotFound, match="atom 00000000 is not found"):
        list_places(many, "00000000")
    for name in ("no hash", HASH[:7]):
        with pytest.raises(Invalid, match="64 hex digits"):
            list_places(many, name)


@pytest.mark.parametrize(
    ("ask", "key", "total"),
    [
        (partial(list_sources, count=True), "sources", FILES),
        (partial(list_jobs, count=True), "jobs", FILES),
        (list_dead_letters, "deadLetters", 3),
        (partial(list_inferences, count=True), "inferences", 3),
    ],
)
def test_a_list_says_how_long_it_is_and_can_be_paged_through(
    many: Resources, ask: Callable[..., dict[str, Any]], key: str, total: int
) -> None:
    whole = ask(many, limit=total)
    pages = [ask(many, limit=2, skip=skip) for skip in range(0, total, 2)]

    assert [row for page in pages for row in page[key]] == whole[key]
    assert {page["total"] for page in pages} == {whole["total"]} == {total}
    assert [page["truncated"] for page in pages] == [True] * (len(pages) - 1) + [False]
    assert whole["truncated"] is False
    assert ask(many, limit=5, skip=total)[key] == []
    assert ask(many, limit=1, tenant=None)["total"] == total + 1


@pytest.mark.parametrize("ask", [list_sources, list_jobs, list_inferences])
def test_a_long_list_is_counted_for_who_asks_alone(
    many: Resources, ask: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    with many.database.read() as unit_of_work:
        kind = type(unit_of_work)
    query = kind.query

    def note(self: Any, statement: Any, **parameters: object) -> Any:
        asked.append(str(statement))
        return query(self, statement, **parameters)

    monkeypatch.setattr(kind, "query", note)

    page = ask(many, limit=2)

    assert (page["total"], page["truncated"]) == (None, True)
    assert asked and not [statement for statement in asked if statement.endswith("_count")]


def test_a_list_of_one_status_or_model_counts_that_alone(many: Resources) -> None:
    assert list_sources(many, status="Landed", count=True)["total"] == 0
    assert list_jobs(many, status="Failed", count=True)["total"] == 0
    assert list_inferences(many, model="another", count=True)["total"] == 0


def test_stats_say_what_is_kept_and_cannot_be_searched(many: Resources) -> None:
    kinds = ("image/heic", "image/jp2")
    ingest(
        many,
        *(request(rawData=b"\xff", contentType=kind, sourceUri=f"mail:{kind}-{i}") for kind in kinds for i in range(2)),
    )
    new = request(rawData=b"\xffnew", contentType=kinds[0], sourceUri=f"mail:{kinds[0]}-0")
    ingest(many, new)  # a new version: counted once

    assert collect_stats(many)["notSearchable"] == {
        "sources": 4,
        "contentTypes": {"image/heic": 2, "image/jp2": 2},
    }
    assert collect_stats(many, tenant=1)["notSearchable"] == {"sources": 0, "contentTypes": {}}


def test_a_source_says_whether_it_can_be_searched(many: Resources) -> None:
    ingest(many, request(rawData=b"\x89PNG\r\n\x1a\n\0", sourceUri="mail:0"))

    found = {(s["sourceUri"].rpartition(":")[2], s["version"]): s["searchable"] for s in list_sources(many)["sources"]}

    assert found["0", 2] is False
    assert found["0", 1] is False, "superseded: search shows the current version only"
    assert found["1", 1] is True


def test_a_check_that_stops_at_100_broken_rows_says_so(many: Resources, client: Any) -> None:
    assert verify_sources(many)["truncated"] is False
    client.execute("UPDATE Atom SET ReferenceCount = ReferenceCount + 1 WHERE TenantId = 0")
    client.commit()
    assert verify_sources(many)["truncated"] is False
    write(many.database, *(f"Number {i}" for i in range(101)))
    client.execute("UPDATE Atom SET ReferenceCount = ReferenceCount + 1 WHERE TenantId = 0")
    client.commit()

    assert verify_sources(many)["truncated"] is True
