"""A search by place: from a text, a point or a box, narrowed as any other, in one projection of one model."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hartonomous_resources.database.protocol import Database
from hartonomous_resources.resources import Resources
from hartonomous_resources.work.models import activate_embedding_models
from hartonomous_service.errors import Invalid, Unavailable
from hartonomous_service.search import search
from tests.builders import SmallCompute, small_model
from tests.contract.placed_points import make_projection, put_points

TEXTS = {"tides follow the moon": [0.9, 0.1, 0], "the sea is wide": [0.5, 0, 0.25], "bread needs salt": [-1, -1, -1]}


@pytest.fixture
def spatial_home(home: Resources, client: Any, database: Database) -> Resources:
    """A home with a small model, which gives any text the vector and the place (1, 0, 0), and with three texts."""
    model = small_model("small")
    with database.unit_of_work() as unit_of_work:
        [model_id] = activate_embedding_models(unit_of_work, [model])
    projection_id = make_projection(client, model_id, "one", 1)
    put_points(database, client, np.array(list(TEXTS.values())), model_id, projection_id, texts=list(TEXTS))
    return replace(home, compute=SmallCompute(model))


def texts(found: dict[str, Any]) -> list[str]:
    return [hit["text"] for hit in found["results"]]


def test_a_hit_says_how_far_it_is_and_where_it_lies(spatial_home: Resources) -> None:
    found = search(spatial_home, "anything", mode="spatial", k=2)

    assert texts(found) == list(TEXTS)[:2]
    assert [hit["position"] for hit in found["results"]] == list(TEXTS.values())[:2]
    assert [hit["distance"] for hit in found["results"]] == pytest.approx([0.02**0.5, 0.3125**0.5], abs=1e-15)
    assert [hit["score"] for hit in found["results"]] == [1.0, 1.0]  # the cosine
    assert [(hit["rank"], hit["semanticRank"], hit["lexicalRank"]) for hit in found["results"]] == [
        (1, None, None),
        (2, None, None),
    ]
    assert (found["spatial"]["at"], found["spatial"]["method"]) == ([1, 0, 0], "landmark")
    assert "note" not in found
    assert found["lexicalRanking"] is None


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"at": [-1, -1, -1]}, [2, 1, 0]),
        ({"at": [-1, -1, -1], "radius": 2.2}, [2, 1]),
        ({"at": [-1.0, -1.0, -1.0], "radius": 0}, [2]),
        ({"at": [1, 1, 1], "box": [-1, -1, -1, 0.9, 1, 0]}, [0, 2]),
        ({"box": [0, 0, 0, 1, 1, 1]}, [1, 0]),
        ({"box": [0.95, 0, 0, 1, 1, 1]}, []),
        ({"box": [0.5, 0, 0.25, 0.5, 0, 0.25]}, [1]),
        ({"text": "anything", "box": [-1, -1, -1, 0.8, 1, 1]}, [1, 2]),
        ({"text": "anything", "radius": 0.5}, [0]),
        ({"at": [0, 0, 0], "uri_prefix": "file:///source", "k": 1}, [1]),
        ({"at": [0, 0, 0], "uri_prefix": "file:///other"}, []),
        ({"at": [0, 0, 0], "modality": "image"}, []),
        ({"at": [0, 0, 0], "received_since": "2999-01-01"}, []),
        ({"at": [0, 0, 0], "group": "source"}, [1]),
        ({"at": [0, 0, 0], "tenant": 7}, []),
    ],
    ids=repr,
)
def test_what_is_asked_narrows_what_is_found(
    spatial_home: Resources, asked: dict[str, Any], expected: list[int]
) -> None:
    found = search(spatial_home, mode="spatial", **asked)

    assert texts(found) == [list(TEXTS)[number] for number in expected]
    assert found["answered"] is bool(expected)


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({}, "text: give some words to search for, a point or a box"),
        ({"radius": 1.0}, "text: give some words to search for, a point or a box"),
        ({"mode": "hybrid"}, "text: give some words to search for"),
        ({"mode": "semantic", "text": "moon", "box": [0, 0, 0, 1, 1, 1]}, "box: it is for mode spatial alone"),
        ({"mode": "hybrid", "text": "moon", "radius": 0.0}, "radius: it is for mode spatial alone"),
        ({"text": "moon", "at": [0, 0, 0]}, "at: a text has a place of its own: give a point or a text, not both"),
        ({"text": "", "at": [0, 0, 0]}, "text: the search text has no word; .* or no text with a point or a box"),
        ({"at": [0, 7]}, "at: a point has three coordinates x, y, z, not 2"),
        ({"box": [0, 0, 0, 1, 7]}, "box: a box has six coordinates, .*, not 5"),
        (
            {"box": [0, 0.5, 0, 1, -0.25, 1]},
            "box: a box goes from its lowest corner to its highest, but y goes from 0.5 to -0.25",
        ),
        ({"box": [0, 0, 0, 1, 1, 1.5]}, r"box\.5: .*at most 1"),
        ({"at": [0, 0, float("nan")]}, r"at\.2: .*finite"),
        ({"at": [0, 0, 0], "radius": -0.1}, "radius: .*at least 0"),
        ({"at": [0, 0, 0], "radius": float("inf")}, "radius: .*finite"),
    ],
    ids=repr,
)
def test_what_cannot_be_asked_is_refused(home: Resources, asked: dict[str, Any], problem: str) -> None:
    with pytest.raises(Invalid, match=problem):
        search(home, **{"mode": "spatial", **asked})


def test_places_by_another_projection_are_left_out_and_what_waits_for_one_is_noted(
    spatial_home: Resources, client: Any
) -> None:
    cursor = client.cursor()
    cursor.execute("UPDATE ProjectionModel SET Active = 0")
    client.commit()
    newer = make_projection(client, 1, "two", 1)
    assert texts(search(spatial_home, "anything", mode="spatial")) == []

    cursor.execute(
        "UPDATE AtomEmbedding SET ProjectionModelId = ? WHERE AtomId = (SELECT AtomId FROM Atom WHERE CanonicalText = 'tides follow the moon')",
        (newer,),
    )
    cursor.execute(
        "UPDATE AtomEmbedding SET ProjectionModelId = NULL WHERE AtomId = (SELECT AtomId FROM Atom WHERE CanonicalText = 'bread needs salt')"
    )
    client.commit()
    found = search(spatial_home, "anything", mode="spatial")
    assert texts(found) == ["tides follow the moon"]
    assert found["note"] == "some embeddings have no place in 3-D yet, and are not among these"
    assert found["spatial"]["projectionModelId"] == newer


@pytest.mark.parametrize("asked", [{"text": "moon"}, {"at": [0, 0, 0]}], ids=str)
def test_where_nothing_has_a_place_nothing_is_found(home: Resources, asked: dict[str, Any]) -> None:
    found = search(home, mode="spatial", **asked)

    assert (found["results"], found["answered"], found["spatial"]) == ([], False, None)
    assert "nothing has a place in 3-D yet" in found["note"]


def test_a_question_whose_place_needs_a_damaged_artefact_says_what_to_do(spatial_home: Resources, client: Any) -> None:
    client.cursor().execute("UPDATE ProjectionModel SET Method = 'umap', ArtifactHash = ?", ("0" * 64,))
    client.commit()

    with pytest.raises(
        Unavailable, match=r"its artefact is missing.*run the asset `projection_model` with `switch_to`"
    ):
        search(spatial_home, "anything", mode="spatial")
    assert texts(search(spatial_home, mode="spatial", at=[1, 0, 0]))  # a point is a place without it


def test_the_hits_are_a_table_of_pandas(spatial_home: Resources) -> None:
    found = search(spatial_home, "anything", mode="spatial")
    frame = found.to_frame()

    assert list(frame.index) == [1, 2, 3]
    assert frame[["x", "y", "z"]].to_numpy().tolist() == list(TEXTS.values())
    assert frame["text"].tolist() == list(TEXTS)
    assert frame["distance"].tolist() == [hit["distance"] for hit in found["results"]]
    assert frame["sourceUri"].tolist() == ["file:///source"] * 3

    lexical = search(spatial_home, "moon", mode="lexical").to_frame()
    assert (len(lexical), lexical["distance"].isna().all(), str(lexical["x"].dtype)) == (1, True, "float64")
    nothing = search(spatial_home, "zebra", mode="lexical").to_frame()
    assert (len(nothing), list(nothing.columns)) == (0, list(frame.columns))
    assert nothing.dtypes["distance"] == "float64"
