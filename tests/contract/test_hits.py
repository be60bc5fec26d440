"""What a search shows of a hit: the sentence that answers, its neighbours, one hit a source."""

import json
from typing import Any

import pytest

from hartonomous_resources.database.protocol import Database
from hartonomous_resources.resources import Resources
from hartonomous_service.errors import Invalid
from hartonomous_service.search import list_places, search
from tests.builders import HOUR, atom, insert_source
from tests.contract.test_filters import Make, add_by_hand, make_source

__all__ = ["make_source"]

PASSAGE = "Ærø lies in the Baltic. Every tide there is weak. Its ferries sail daily."


def found(home: Resources, question: str = "tide", **how: Any) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = search(home, question, **{"mode": "lexical", **how})["results"]
    return results


# ---- the sentence that answers


def test_the_sentence_that_answers_is_named_and_where_it_stands_in_every_source(
    home: Resources, make_source: Make
) -> None:
    first = make_source(PASSAGE)
    second = make_source("Other text.", PASSAGE, uri="mail:1")

    (hit,) = found(home)

    assert hit["highlight"] == {"text": "Every tide there is weak."}
    assert [place["sourceId"] for place in hit["sources"]] == [first, second]
    for place in hit["sources"]:
        offset = place["byteOffset"] + len("Ærø lies in the Baltic. ".encode())
        assert (place["highlightOffset"], place["highlightLength"]) == (offset, 25)


def test_a_text_that_was_made_of_the_bytes_has_no_place_of_its_own(
    database: Database, home: Resources, client: Any
) -> None:
    with database.unit_of_work() as unit_of_work:
        source_id = insert_source(unit_of_work)
        rows = [
            atom(b"%PDF", 0),
            atom(PASSAGE, 0, role="derived", byte_offset=None, locator='{"page": 3}'),
        ]
        unit_of_work.write_atoms(0, HOUR, {source_id: rows})
    client.cursor().execute("UPDATE Source SET Status = 'Atomized'")
    client.commit()

    (hit,) = found(home)
    (place,) = hit["sources"]
    assert hit["highlight"] == {"text": "Every tide there is weak."}
    assert (place["byteOffset"], place["highlightOffset"], place["highlightLength"]) == (None, None, None)


OTHERS_WORDS: list[dict[str, Any]] = [
    *({"rows": rows} for rows in ("A-D", [], {}, 7, None, [1], ["A", "D"], [1, 2, 3])),
    {"row": "A"},
    {"row": {"from": "A"}, "pointer": 7},
    {"pointer": ["a"]},
    {"byteOffset": "0x2a", "byteLength": len(PASSAGE.encode())},
]


def test_a_package_may_use_our_words_of_a_place_for_its_own(
    database: Database, home: Resources, client: Any, make_source: Make
) -> None:
    """Nothing is added to them, and the sentence is marked where the bytes are named."""
    bytes_of_it = {"byteOffset": 2, "byteLength": len(PASSAGE.encode())}
    locators = [{**bytes_of_it, **words} for words in OTHERS_WORDS]
    for number, locator in enumerate(locators):
        with database.unit_of_work() as unit_of_work:
            source_id = insert_source(unit_of_work, uri=f"package:{number}")
            rows = [atom(PASSAGE, 0, role="derived", byte_offset=None, locator=json.dumps(locator))]
            unit_of_work.write_atoms(0, HOUR, {source_id: rows})
    client.cursor().execute("UPDATE Source SET Status = 'Atomized'")
    client.commit()

    (hit,) = found(home)

    assert hit["highlight"] == {"text": "Every tide there is weak."}
    assert [place["locator"] for place in hit["sources"]] == locators
    at = 2 + len("Ærø lies in the Baltic. ".encode())
    offsets = [place["highlightOffset"] for place in hit["sources"]]
    assert offsets == [at] * (len(locators) - 1) + [None]


def test_nothing_is_marked_where_that_is_not_wanted(home: Resources, make_source: Make) -> None:
    make_source(PASSAGE)

    (hit,) = found(home, highlight=False)

    assert hit["highlight"] is None
    assert (hit["sources"][0]["highlightOffset"], hit["sources"][0]["highlightLength"]) == (None, None)


def test_an_atom_by_hand_is_marked_too_and_has_no_sources(home: Resources, client: Any) -> None:
    add_by_hand(client, PASSAGE)

    (hit,) = found(home)

    assert (hit["highlight"], hit["sources"]) == ({"text": "Every tide there is weak."}, [])


# ---- neighbours


def test_neighbours_stand_before_and_after_a_hit_in_each_source(home: Resources, make_source: Make) -> None:
    make_source("one", "two", "the tide", "four", "five", "six")
    make_source("the tide", "seven", uri="mail:1")

    (hit,) = found(home, context=2)

    assert [around(place) for place in hit["sources"]] == [
        (["one", "two"], ["four", "five"]),
        ([], ["seven"]),
    ]
    assert "context" not in found(home)[0]["sources"][0]
    assert "context" not in list_places(home, hit["atomHash"])["places"][0]


def test_neighbours_have_their_places_and_what_is_no_text_is_none(
    database: Database, home: Resources, client: Any
) -> None:
    with database.unit_of_work() as unit_of_work:
        source_id = insert_source(unit_of_work)
        gap = atom(b" " * 100, 2, modality="text", subtype="gap", byte_offset=9)
        rows = [
            atom("before", 0, byte_offset=0),
            atom("the tide", 1, byte_offset=7),
            gap,
            atom("after", 3, byte_offset=109),
        ]
        unit_of_work.write_atoms(0, HOUR, {source_id: rows})
    client.cursor().execute("UPDATE Source SET Status = 'Atomized'")
    client.commit()

    (hit,) = found(home, context=1)

    assert hit["sources"][0]["context"] == {
        "before": [{"text": "before", "byteOffset": 0, "byteLength": 6, "locator": None}],
        "after": [{"text": "after", "byteOffset": 109, "byteLength": 5, "locator": None}],
    }


def test_neighbours_and_groups_are_bounded(home: Resources) -> None:
    with pytest.raises(Invalid, match=r"context: .* of 100 results at most"):
        search(home, "tide", mode="lexical", context=1, k=101)
    with pytest.raises(Invalid, match="group: 100 sources"):
        search(home, "tide", mode="lexical", group="source", k=101)


def around(place: dict[str, Any]) -> tuple[list[str], list[str]]:
    before, after = place["context"]["before"], place["context"]["after"]
    return [each["text"] for each in before], [each["text"] for each in after]


# ---- one hit a source


def test_each_source_has_one_hit_and_none_is_lost_behind_many_of_another(home: Resources, make_source: Make) -> None:
    make_source(*(f"tide tide tide {number}" for number in range(50)), uri="mail:1")
    make_source("a long text with a tide in it", "and a longer text, of which a tide is only a part", uri="mail:2")
    make_source("no word of it", uri="mail:3")
    make_source("the tide at the very end of a text that is longer than any other of them", uri="mail:4")

    hits = found(home, group="source", k=3)

    assert [[place["sourceUri"] for place in hit["sources"]] for hit in hits] == [["mail:1"], ["mail:2"], ["mail:4"]]
    assert [hit["rank"] for hit in hits] == [1, 2, 3]
    assert hits[1]["text"] == "a long text with a tide in it"
    assert len(found(home, group="source", k=2)) == 2


def test_a_text_of_several_sources_is_the_hit_of_those_that_had_none(home: Resources, make_source: Make) -> None:
    make_source("tide tide tide", "a tide tide", uri="mail:1")
    make_source("a tide tide", uri="mail:2")
    make_source("a tide tide", "the tide", uri="mail:3")

    hits = found(home, group="source")

    assert [(hit["text"], [place["sourceUri"] for place in hit["sources"]], hit["sourceCount"]) for hit in hits] == [
        ("tide tide tide", ["mail:1"], 1),
        ("a tide tide", ["mail:2", "mail:3"], 2),
    ]


def test_what_was_inserted_by_hand_is_a_hit_of_its_own(home: Resources, client: Any, make_source: Make) -> None:
    make_source("tide tide tide", "tide tide", "the tide")
    make_source("a text of the tide", uri="mail:2")
    add_by_hand(client, "tide by hand")
    add_by_hand(client, "tide by the same hand")

    hits = found(home, group="source")

    assert sorted(hit["text"] for hit in hits) == [
        "a text of the tide",
        "tide by hand",
        "tide by the same hand",
        "tide tide tide",
    ]
    assert len(found(home, group="source", uri_prefix="file:")) == 1
