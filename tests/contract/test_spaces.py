"""Spaces: several models of a modality may be active, and each has a vector of every atom, or a job that says why not."""

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from hartonomous_assets import embeddings, projections
from hartonomous_assets.chain import run_stages
from hartonomous_assets.stage import Work
from hartonomous_core.clock import current_hour
from hartonomous_core.vocabulary import EMBEDDED_MODALITIES, MODALITIES
from hartonomous_resources.compute.protocol import ModelIdentity
from hartonomous_resources.database.protocol import Database
from hartonomous_resources.resources import Resources
from hartonomous_resources.work.models import activate_embedding_models, active_embedding_models
from hartonomous_service.search import search
from tests.backends import Store, rows
from tests.builders import SmallCompute, broken_invariants, request, small_model, write
from tests.stages import ingest

A, B, PICTURES = small_model("a"), small_model("b"), small_model("c", "image")


@pytest.fixture
def home_of(home: Resources) -> Callable[..., Resources]:
    """The home with these models, and none that takes time."""
    return lambda *models: replace(home, compute=SmallCompute(*models))


def run(home: Resources) -> dict[str, int]:
    """What both stages do in the running hour until nothing is pending; the invariant holds afterwards."""
    stages = [embeddings.STAGE, projections.STAGE]
    reports = run_stages(Work(current_hour(), "run", home), stages, 0, lambda _stage, _report: None)
    assert [report.error for report in reports.values()] == [None, None]
    assert broken_invariants(home.database, "unexplained_missing_embeddings") == {}
    return {name: n for report in reports.values() for name, n in report.counts.items()}


def insert_job(client: Any, atom_id: int, **parameters: object) -> None:
    client.cursor().execute(
        "INSERT INTO BackgroundJob (JobId, JobType, Parameters, TenantId) VALUES (?, 'GenerateEmbedding', ?, 0)",
        ("0b7d6e8c-0000-4000-8000-000000000001", json.dumps({"AtomId": atom_id, **parameters})),
    )
    client.commit()


def embedded(client: Any) -> list[tuple[str, str, bool]]:
    """Text, model, and whether it is placed, of every embedding."""
    found = rows(
        client,
        "SELECT a.CanonicalText AS text, m.Name AS model, e.ProjectionModelId AS placedBy FROM AtomEmbedding AS e"
        " JOIN Atom AS a ON a.AtomId = e.AtomId JOIN EmbeddingModel AS m ON m.ModelId = e.ModelId",
    )
    return sorted((row["text"], row["model"], row["placedBy"] is not None) for row in found)


def jobs(client: Any) -> list[tuple[int | None, str, str | None]]:
    found = rows(client, "SELECT ModelId AS modelId, Status AS status, Result AS result FROM BackgroundJob")
    return sorted(((row["modelId"], row["status"], row["result"]) for row in found), key=str)


def active(database: Database) -> list[str]:
    with database.read() as unit_of_work:
        return [row["name"] for row in active_embedding_models(unit_of_work)]


def test_which_modalities_need_an_embedding_is_in_one_table_as_in_the_vocabulary(client: Any) -> None:
    found = {
        row["name"]: bool(row["needs"])
        for row in rows(client, "SELECT Name AS name, NeedsEmbedding AS needs FROM Modality")
    }

    assert found == {modality: modality in EMBEDDED_MODALITIES for modality in MODALITIES}


@pytest.mark.parametrize("modality", MODALITIES)
def test_an_atom_gets_one_job_where_its_modality_needs_an_embedding(client: Any, modality: str) -> None:
    for subtype in ("part", "gap"):
        client.cursor().execute(
            "INSERT INTO Atom (TenantId, Modality, Subtype, ContentHash, CanonicalText) VALUES (0, ?, ?, ?, 'a text')",
            (modality, subtype, subtype.encode().ljust(32)),
        )
    client.commit()

    assert len(jobs(client)) == (modality in EMBEDDED_MODALITIES)


def test_the_job_of_an_atom_is_for_every_active_model_of_its_modality(
    home_of: Callable[..., Resources], client: Any
) -> None:
    home = home_of(A, B, PICTURES)
    write(home.database, "one", "two", hour=current_hour())

    assert run(home) == {"embedded": 4, "projected": 4}
    assert embedded(client) == [("one", "a", True), ("one", "b", True), ("two", "a", True), ("two", "b", True)]
    assert jobs(client) == [(None, "Completed", None)] * 2
    assert active(home.database) == ["a", "b", "c"]


def test_code_inserted_by_hand_is_embedded_by_the_models_of_text(
    home_of: Callable[..., Resources], client: Any
) -> None:
    home = home_of(A, PICTURES)
    insert = "INSERT INTO Atom (TenantId, Modality, Subtype, ContentHash, CanonicalText) VALUES (0, 'code', 'function', ?, ?)"
    for text in ("def tide(): ...", "def ebb(): ..."):
        client.cursor().execute(insert, (sha256(text.encode()).digest(), text))
        client.commit()
        assert run(home) == {"embedded": 1, "projected": 1}  # the first makes the model active
    write(home.database, "one", hour=current_hour())
    run(home)
    code = [("def ebb(): ...", "a"), ("def tide(): ...", "a")]
    assert [found[:2] for found in embedded(client)] == [*code, ("one", "a")]

    run(home_of(A, B))  # which gets what is there
    write(home.database, "two", uri="file:///other", hour=current_hour())
    run(home_of(A, B))
    assert [found[0] for found in embedded(client) if found[1] == "b"] == [
        "def ebb(): ...",
        "def tide(): ...",
        "one",
        "two",
    ]
    assert {hit["modality"] for hit in search(home, "tide", modality="code")["results"]} == {"code"}


def test_a_model_that_becomes_active_gets_the_atoms_that_lack_it_and_only_those(
    home_of: Callable[..., Resources], client: Any
) -> None:
    write(home_of().database, "before", " \t ", hour=current_hour())
    run(home_of(A))
    write(home_of().database, "since", uri="file:///other", hour=current_hour())
    both = home_of(A, B)

    assert run(both) == {"embedded": 3, "projected": 3}

    assert both.compute.texts.count("before") == 1
    assert [(text, model) for text, model, _ in embedded(client)] == [
        ("before", "a"),
        ("before", "b"),
        ("since", "a"),
        ("since", "b"),
    ]
    assert len(jobs(client)) == 4  # of three atoms, and of one for the new model
    assert run(both) == {}


def test_each_space_is_placed_by_its_own_projection(home_of: Callable[..., Resources], client: Any) -> None:
    write(home_of().database, "one", hour=current_hour())

    run(home_of(A, B))

    found = rows(
        client,
        "SELECT e.ModelId AS modelId, p.ModelId AS placed, p.Active AS active FROM AtomEmbedding AS e"
        " JOIN ProjectionModel AS p ON p.ProjectionModelId = e.ProjectionModelId",
    )
    assert len({row["modelId"] for row in found}) == 2
    assert all(row["modelId"] == row["placed"] and row["active"] for row in found)


def test_settings_that_name_another_model_leave_what_waits_for_the_old_one(
    home_of: Callable[..., Resources], client: Any
) -> None:
    write(home_of().database, "one", hour=current_hour())
    run(home_of(A))
    with home_of().database.unit_of_work() as unit_of_work:
        activate_embedding_models(unit_of_work, [A, B])
        activate_embedding_models(unit_of_work, [A])
    assert jobs(client)[-1] == (None, "Completed", None)
    assert [job[1:] for job in jobs(client)[:-1]] == [("Completed", "its model is not active any more")]

    write(
        home_of().database, "two", uri="file:///other", hour=current_hour()
    )  # models become active when there is a job

    assert run(home_of(A, B)) == {"embedded": 3, "projected": 3}


def test_a_job_by_hand_may_name_its_model(home_of: Callable[..., Resources], client: Any) -> None:
    home = home_of(A, B)
    write(home.database, "one", hour=current_hour())
    run(home)
    [atom] = rows(client, "SELECT AtomId AS id FROM Atom")
    client.cursor().execute("DELETE FROM AtomEmbedding")
    client.commit()
    [_, second] = rows(client, "SELECT ModelId AS id FROM EmbeddingModel ORDER BY ModelId")

    insert_job(client, atom["id"], modelID=second["id"])
    stage = run_stages(Work(current_hour(), "run", home), [embeddings.STAGE], 0, lambda _stage, _report: None)

    assert stage["atom_embeddings"].counts == {"embedded": 1}
    assert [(text, model) for text, model, _ in embedded(client)] == [("one", "b")]


@pytest.mark.parametrize("named", [77, "b", 1.5, ""])
def test_a_job_for_a_model_that_is_none_fails_and_says_so(
    home_of: Callable[..., Resources], client: Any, named: object
) -> None:
    home = home_of(A)
    write(home.database, "one", hour=current_hour())
    [atom] = rows(client, "SELECT AtomId AS id FROM Atom")

    insert_job(client, atom["id"], ModelId=named)
    run(home)

    number = named if isinstance(named, int) else 0
    assert (number, "Failed", f"no embedding model {number} is active for modality 'text'") in jobs(client)


def test_atoms_that_a_run_with_fewer_models_embeds_meanwhile_are_queued_for_the_others(
    home_of: Callable[..., Resources], client: Any, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run knows the models of its own settings; another process made one active after it had claimed the job."""
    home = home_of(A)
    write(home.database, "one", hour=current_hour())
    embed = home.compute.embed

    def activate_meanwhile(model: ModelIdentity, items: Sequence[str]) -> object:
        with home.database.unit_of_work() as unit_of_work:
            activate_embedding_models(unit_of_work, [A, B])
        with closing(store.connect()) as other:  # of the thread that computes
            other.cursor().execute(
                "DELETE FROM BackgroundJob WHERE ModelId IS NOT NULL"
            )  # as if it had seen the job as waiting
            other.commit()
        return embed(model, items)

    monkeypatch.setattr(home.compute, "embed", activate_meanwhile)
    run(home)

    assert [(text, model) for text, model, _ in embedded(client)] == [("one", "a")]
    assert [job[1:] for job in jobs(client) if job[0] is not None] == [("Pending", None)]  # it leaves it to the others
    assert active(home.database) == ["a", "b"]
    run(home_of(A, B))
    assert [(text, model) for text, model, _ in embedded(client)] == [("one", "a"), ("one", "b")]


def test_two_real_models_give_each_atom_two_vectors_two_places_and_two_edges(
    make_home: Callable[..., Resources], model_dir: Path, client: Any
) -> None:
    home = make_home(model_dir=model_dir, text_precision="fp32,int8", text_unit="sentence")
    ingest(
        home,
        request(rawData=b"The moon moves the tides.\nBread needs flour, water and time.", contentType="text/plain"),
    )

    assert run(home) == {"embedded": 4, "projected": 4}

    found = rows(
        client,
        "SELECT AtomId AS atom, ModelId AS model, EmbeddingVector AS vector, HilbertValue AS place FROM AtomEmbedding",
    )
    assert len({bytes(row["vector"]) for row in found}) == len({row["place"] for row in found}) == 4
    [best, *_] = search(home, "What makes the sea rise and fall?", mode="semantic")["results"]
    assert best["text"] == "The moon moves the tides."
    first, _ = home.compute.models()
    question = home.compute.embed(first, ["What makes the sea rise and fall?"]).vectors[0]
    answer = home.compute.embed(first, [best["text"]]).vectors[0]
    assert best["score"] == pytest.approx(float(question @ answer), abs=1e-5)  # in the space of the first model, fp32
    joined = 'SELECT e.FromNumber AS atom, m."Key" AS model FROM Atom_EMBEDDED_BY_Model AS e JOIN GraphModel AS m ON m.Number = e.ToNumber'
    assert {(row["atom"], row["model"]) for row in rows(client, joined)} == {
        (row["atom"], model.artifact_hash) for row in found for model in home.compute.models()
    }
