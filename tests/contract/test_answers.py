"""The shape of an answer: how good a hit is, by which list it was found, and whether anything answers at all."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hartonomous_core.clock import timestamp
from hartonomous_core.embedders.protocol import Embeddings
from hartonomous_resources.compute.protocol import ModelIdentity
from hartonomous_resources.resources import Resources
from hartonomous_resources.work.models import activate_embedding_models
from hartonomous_service.errors import Invalid
from hartonomous_service.search import finding, search
from tests.backends import rows
from tests.builders import HOUR, SmallCompute, small_model, write

MODEL = replace(small_model("small"), answer_floor=0.5)
COSINES = {"tides follow the moon": 0.9, "the sea is wide": 0.4, "bread needs salt": 0.1, "no vector of the moon": None}


class AskingCompute(SmallCompute):
    """A question has the vector (1, 0, 0): the first component of an atom's vector is its cosine."""

    def embed(self, model: ModelIdentity, texts: list[str]) -> Embeddings:
        assert model == self.models()[0]
        return super().embed(model, texts)


@pytest.fixture
def home_of(home: Resources, client: Any) -> Callable[..., Resources]:
    """A home with a small model, and with atoms of these cosines to every question."""

    def make(cosines: dict[str, float | None] = COSINES, model: ModelIdentity = MODEL) -> Resources:
        with home.database.unit_of_work() as unit_of_work:
            [model_id] = activate_embedding_models(unit_of_work, [model])
        source_id = write(home.database, *cosines)
        cursor = client.cursor()
        cursor.execute("UPDATE Source SET Status = 'Atomized' WHERE SourceId = ?", (source_id,))
        client.commit()
        for row in rows(client, "SELECT AtomId AS id, CanonicalText AS text FROM Atom"):
            if (cosine := cosines[row["text"]]) is not None:
                vector = np.array([cosine, (1 - cosine**2) ** 0.5, 0], dtype="<f4")
                cursor.execute(
                    "INSERT INTO AtomEmbedding (AtomId, TenantId, ModelId, Dimension, EmbeddingVector, IngestHour, CreatedAt)"
                    " VALUES (?, 0, ?, 3, ?, ?, ?)",
                    (row["id"], model_id, vector.tobytes(), HOUR, timestamp()),
                )
        client.commit()
        return replace(home, compute=AskingCompute(model))

    return make


def ranks(found: dict[str, Any]) -> dict[str, tuple[int | None, int | None]]:
    return {hit["text"]: (hit["semanticRank"], hit["lexicalRank"]) for hit in found["results"]}


def test_a_hit_says_its_cosine_and_its_rank_in_each_list(home_of: Callable[..., Resources]) -> None:
    found = search(home_of(), "moon")

    assert ranks(found)["the sea is wide"] == (2, None)
    assert ranks(found)["bread needs salt"] == (3, None)
    assert {ranks(found)["tides follow the moon"], ranks(found)["no vector of the moon"]} <= {
        (1, 1),
        (1, 2),
        (None, 1),
        (None, 2),
    }
    scores = {hit["text"]: hit["score"] for hit in found["results"]}
    assert scores == {text: cosine and pytest.approx(cosine, abs=1e-6) for text, cosine in COSINES.items()}
    assert found["results"][0]["text"] == "tides follow the moon"
    assert [hit["rank"] for hit in found["results"]] == [1, 2, 3, 4]


def test_a_hit_that_only_words_found_has_its_cosine_too(
    home_of: Callable[..., Resources], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "DEPTH", 1)
    home = home_of({"tides follow the moon": 0.9, "the sea is wide": 0.15, "bread needs salt": 0.1})

    found = search(home, "salt", k=2)

    assert ranks(found) == {"tides follow the moon": (1, None), "bread needs salt": (None, 1)}
    assert [hit["score"] for hit in found["results"]] == pytest.approx([0.1, 0.9], abs=1e-6)


def test_by_meaning_alone_there_is_no_rank_by_words(home_of: Callable[..., Resources]) -> None:
    found = search(home_of(), "moon", mode="semantic")

    assert ranks(found) == {
        "tides follow the moon": (1, None),
        "the sea is wide": (2, None),
        "bread needs salt": (3, None),
    }
    assert (found["answered"], found["floor"], found["best"]) == (True, 0.5, pytest.approx(0.9, abs=1e-6))


def test_by_words_alone_there_is_no_cosine_and_what_is_found_answers(home_of: Callable[..., Resources]) -> None:
    found = search(home_of(), "salt", mode="lexical")

    assert [(hit["text"], hit["score"], hit["semanticRank"], hit["lexicalRank"]) for hit in found["results"]] == [
        ("bread needs salt", None, None, 1)
    ]
    assert (found["answered"], found["floor"], found["best"]) == (True, None, None)


def test_where_no_word_is_found_words_do_not_answer(home_of: Callable[..., Resources]) -> None:
    assert search(home_of(), "pepper", mode="lexical")["answered"] is False


@pytest.mark.parametrize("mode", ["hybrid", "semantic"])
@pytest.mark.parametrize(
    ("best", "floor", "answered"), [(0.51, 0.5, True), (0.49, 0.5, False), (0.1, None, True), (-0.2, -1.0, True)]
)
def test_a_question_is_answered_where_the_nearest_reaches_the_floor_of_the_model(
    home_of: Callable[..., Resources], best: float, floor: float | None, answered: bool, mode: Any
) -> None:
    found = search(home_of({"one text": best, "another": -0.5}, replace(MODEL, answer_floor=floor)), "what", mode=mode)

    assert (found["answered"], found["floor"]) == (answered, floor)
    assert found["best"] == pytest.approx(best, abs=1e-6)
    assert len(found["results"]) == 2  # the nearest are shown all the same


@pytest.mark.parametrize(
    ("question", "answered"),
    [
        ("E-4711", True),
        ("error e-4711", True),
        ('"error E"', True),
        ("error E-4712", False),
        ("4711 errors", False),
        ("ルター", True),
        ("ルタの", False),
        ("換", True),
        ("ィ", True),
        ("海", False),
        ("creperie", True),
    ],
)
def test_a_name_is_answered_by_the_text_that_has_it_however_far_its_meaning(
    home_of: Callable[..., Resources], question: str, answered: bool
) -> None:
    home = home_of({"Error E-4711: the pump stands still.": 0.1, "フィルターの交換": 0.05, "La crêperie": 0.2})

    assert search(home, question)["answered"] is answered
    assert search(home, question, mode="semantic")["answered"] is False


def test_where_nothing_answers_the_nearest_by_meaning_come_first(home_of: Callable[..., Resources]) -> None:
    cosines = {"near": 0.3, "how do I wonder": 0.1, "how do we know": None, "far": 0.05}

    found = search(home_of(cosines), "how do I renew")

    assert [hit["text"] for hit in found["results"]] == ["near", "how do I wonder", "far", "how do we know"]
    assert not found["answered"]


def test_the_text_with_every_word_is_first_and_the_nearest_is_near_the_top(home_of: Callable[..., Resources]) -> None:
    middling = {f"the moon and the moon, {n}": 0.55 for n in range(6)}
    home = home_of({**middling, "nearest, without any": 0.6, "tides, a long way from any moon": 0.0})

    shown = [hit["text"] for hit in search(home, "moon tides")["results"]]

    assert shown[0] == "tides, a long way from any moon"
    assert "nearest, without any" in shown[:3]


def test_of_a_question_that_nothing_answers_the_best_by_words_is_the_third(home_of: Callable[..., Resources]) -> None:
    near = {f"near {n}": 0.3 - n / 100 for n in range(12)}
    home = home_of({**near, "id 1321, sold": 0.0})

    found = search(home, "order 1321")

    assert not found["answered"]
    assert [hit["text"] for hit in found["results"]][:4] == ["near 0", "near 1", "id 1321, sold", "near 2"]
    assert found["results"][2]["lexicalRank"] == 1


@pytest.mark.parametrize("mode", ["hybrid", "semantic", "lexical"])
@pytest.mark.parametrize("text", ["", " ", "\0", '"', "---", "- ... !", '""', '"" \u201c?\u201d'])
def test_a_text_without_words_is_refused(home: Resources, text: str, mode: Any) -> None:
    with pytest.raises(Invalid, match="give some words"):
        search(home, text, mode=mode)


def test_the_nearest_decides_even_where_it_is_not_shown(home_of: Callable[..., Resources]) -> None:
    found = search(home_of({"near": 0.51, "moon of the far side": 0.49, "elsewhere": 0}), "moon", k=1)

    assert [hit["text"] for hit in found["results"]] == ["moon of the far side"]
    assert (found["answered"], found["best"]) == (True, pytest.approx(0.51, abs=1e-6))


def test_where_nothing_is_embedded_words_answer(home: Resources, client: Any) -> None:
    source_id = write(home.database, "bread needs salt")
    client.cursor().execute("UPDATE Source SET Status = 'Atomized' WHERE SourceId = ?", (source_id,))
    client.commit()

    found = search(home, "salt")

    assert (found["answered"], found["floor"], found["best"]) == (True, None, None)
    assert ranks(found) == {"bread needs salt": (None, 1)}
    empty = search(home, "pepper")
    assert (empty["answered"], empty["results"]) == (False, [])
