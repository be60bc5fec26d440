"""Models side by side: added, filled, switched, switched back and dropped, while questions go on being answered in one space each."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import numpy as np
import pytest

from hartonomous_assets import embeddings, projections
from hartonomous_assets.chain import run_stages
from hartonomous_assets.run_models import load_models
from hartonomous_assets.stage import StageReport, Work
from hartonomous_core.clock import current_hour
from hartonomous_core.embedders.protocol import Embeddings
from hartonomous_resources.compute.model_source import ModelSource, local_source
from hartonomous_resources.compute.protocol import ComputeUnavailable, ModelIdentity
from hartonomous_resources.database.transactions import ask, transact
from hartonomous_resources.resources import Resources
from hartonomous_resources.work import added_models, dropping_models
from hartonomous_resources.work.added_models import add_embedding_model, keep_settings_models
from hartonomous_resources.work.pending import hours_with_work
from hartonomous_service import embedding_models, models_in_use
from hartonomous_service.embedding_models import activate_model, add_model, drop_model, list_models
from hartonomous_service.errors import Conflict, Invalid, NotFound, Unavailable
from hartonomous_service.http import model_routes
from hartonomous_service.search import search
from tests.backends import rows
from tests.builders import SmallCompute, broken_invariants, small_model, write

OLD, NEW, THIRD = small_model("old"), small_model("new"), small_model("third")
SOURCES = {model: local_source(model.name, "fp32", "onnxruntime") for model in (OLD, NEW, THIRD)}
TEXTS = ("tides follow the moon", "bread needs salt", "iron rusts in rain")


class SpacesCompute(SmallCompute):
    """In each space another text is the nearest to any question, with cosine 1, and the others have cosines of that space alone."""

    NEAREST: ClassVar = {"old": 0, "new": 1, "third": 2}
    LESS: ClassVar = {"old": 0.5, "new": 0.25, "third": 0.125}

    def __init__(self, *models: ModelIdentity, gone: Sequence[ModelIdentity] = ()) -> None:
        super().__init__(*models)
        self.gone = {model.name for model in gone}
        self.failing: dict[str, Exception] = {}

    def find(self, source: ModelSource) -> ModelIdentity:
        found = {str(SOURCES[model].model): model for model in (OLD, NEW, THIRD)}[source.model]
        if found.name in self.gone:
            raise ComputeUnavailable(f"{found.name} is not there")
        return found

    def embed(self, model: ModelIdentity, texts: Sequence[str]) -> Embeddings:
        if model.name in self.failing:
            raise self.failing[model.name]
        self.texts += texts
        less = self.LESS[model.name]
        vectors = []
        for text in texts:
            cosine = 1.0 if text not in TEXTS or TEXTS.index(text) == self.NEAREST[model.name] else less
            vectors.append([cosine, (1 - cosine**2) ** 0.5, 0])
        return Embeddings(np.array(vectors, dtype=np.float32), np.ones(len(texts), dtype=np.int64))


@pytest.fixture
def old_home(home: Resources, client: Any, monkeypatch: pytest.MonkeyPatch) -> Resources:
    """A home whose settings name the old model, by which its three texts are embedded."""
    name_models(monkeypatch, {SOURCES[OLD]: OLD})
    home = replace(home, compute=SpacesCompute(OLD))
    take_in(home, client, *TEXTS)
    run(home)
    return home


def name_models(monkeypatch: pytest.MonkeyPatch, named: dict[ModelSource, ModelIdentity]) -> None:
    """Have the settings name these."""
    for asked in (embedding_models, models_in_use):
        monkeypatch.setattr(asked, "settings_models", lambda _settings: named)


def take_in(home: Resources, client: Any, *texts: str, uri: str = "file:///source", tenant: int = 0) -> None:
    source_id = write(home.database, *texts, uri=uri, hour=current_hour(), tenant_id=tenant)
    client.cursor().execute("UPDATE Source SET Status = 'Atomized' WHERE SourceId = ?", (source_id,))
    client.commit()


def run(home: Resources, error: str | None = None) -> StageReport:
    """Do all that waits in the running hour; the stage of embeddings fails with these words, or does not."""
    stages = [embeddings.STAGE, projections.STAGE]
    reports = run_stages(Work(current_hour(), "run", home), stages, 0, lambda _stage, _report: None)
    found = reports["atom_embeddings"].error
    assert (None if found is None else error in str(found)) is (None if error is None else True)
    assert broken_invariants(home.database, "unexplained_missing_embeddings") == {}
    return reports["atom_embeddings"]


def add(home: Resources, model: ModelIdentity = NEW, **more: Any) -> dict[str, Any]:
    return add_model(home, model.name, precision="fp32", engine="onnxruntime", **more)


def states(home: Resources) -> dict[str, tuple[str, int]]:
    return {row["name"]: (row["state"], row["vectors"]) for row in list_models(home)["models"]}


def nearest(home: Resources, **more: Any) -> dict[str, float]:
    """What a question finds: texts and their cosines."""
    return {hit["text"]: round(hit["score"], 4) for hit in search(home, "question", **more)["results"]}


def in_space(model: ModelIdentity) -> dict[str, float]:
    """The cosines of all texts in one space."""
    return {
        text: 1.0 if at == SpacesCompute.NEAREST[model.name] else SpacesCompute.LESS[model.name]
        for at, text in enumerate(TEXTS)
    }


def test_before_any_is_added_the_settings_say_which_one_answers(old_home: Resources) -> None:
    assert list_models(old_home)["chosenBy"] == "settings"
    assert states(old_home) == {"old": ("answers", 3)}


def test_a_model_is_added_filled_activated_and_switched_back_and_each_question_is_answered_in_one_space(
    old_home: Resources, client: Any
) -> None:
    added = add(old_home)
    assert added["estimate"]["atoms"] == 3
    assert states(old_home) == {"old": ("answers", 3), "new": ("filling", 0)}
    assert list_models(old_home)["chosenBy"] == "database"
    assert nearest(old_home) == in_space(OLD)

    assert run(old_home).counts["embedded"] == 3
    assert states(old_home) == {"old": ("answers", 3), "new": ("ready", 3)}
    assert nearest(old_home) == in_space(OLD)

    assert activate_model(old_home, "new")["state"] == "answers"
    assert nearest(old_home) == nearest(old_home, mode="semantic") == in_space(NEW)
    assert states(old_home) == {"old": ("ready", 3), "new": ("answers", 3)}

    take_in(old_home, client, "salt of the sea", uri="file:///later")
    run(old_home)
    assert {name: count for name, (_, count) in states(old_home).items()} == {"old": 4, "new": 4}

    activate_model(old_home, "old")
    assert {text: cosine for text, cosine in nearest(old_home).items() if text in TEXTS} == in_space(OLD)


@pytest.mark.parametrize("mode", ["hybrid", "semantic"])
@pytest.mark.parametrize("answers", [OLD, NEW, THIRD], ids=lambda model: model.name)
def test_no_ranking_mixes_spaces(old_home: Resources, answers: ModelIdentity, mode: Any) -> None:
    """The vectors of all three have the same length, so that nothing but the model tells them apart."""
    add(old_home, NEW)
    add(old_home, THIRD)
    run(old_home)
    if answers is not OLD:
        activate_model(old_home, answers.name)

    # "salt" is found by words, too: the cosine of what only words found is of the same space
    found = search(old_home, "salt", mode=mode)
    assert {hit["text"]: round(hit["score"], 4) for hit in found["results"]} == in_space(answers)
    assert found["best"] == 1.0
    one = search(old_home, "salt", mode=mode, k=1, group="source")["results"]
    assert [round(hit["score"], 4) for hit in one] == [in_space(answers)[one[0]["text"]]]


def test_activating_is_refused_while_vectors_are_lacking_unless_asked_for(old_home: Resources) -> None:
    add(old_home)

    with pytest.raises(Conflict, match="lacks 3 vectors"):
        activate_model(old_home, "new")
    assert states(old_home)["old"] == ("answers", 3)

    assert activate_model(old_home, "new", partial_vectors=True)["state"] == "answers"
    assert nearest(old_home) == {}  # it says nothing by the other space
    run(old_home)
    assert nearest(old_home) == in_space(NEW)


def test_the_same_model_twice_is_one_and_nothing_is_embedded_twice(old_home: Resources) -> None:
    add(old_home)
    run(old_home)
    again = add(old_home)

    assert (again["model"]["state"], again["estimate"]["atoms"]) == ("ready", 0)
    assert run(old_home).counts == {}
    activate_model(old_home, "new")
    assert activate_model(old_home, "new")["state"] == "answers"
    assert len(list_models(old_home)["models"]) == 2


def test_a_model_may_be_added_while_another_one_is_filled(old_home: Resources) -> None:
    add(old_home, NEW)
    add(old_home, THIRD)
    assert states(old_home) == {"old": ("answers", 3), "new": ("filling", 0), "third": ("filling", 0)}

    assert run(old_home).counts["embedded"] == 6
    assert states(old_home) == {"old": ("answers", 3), "new": ("ready", 3), "third": ("ready", 3)}


def test_a_dry_run_changes_nothing(old_home: Resources) -> None:
    found = add(old_home, dry_run=True)

    assert (found["model"], found["estimate"]["atoms"], found["estimate"]["sampledTexts"]) == (None, 3, 3)
    assert found["estimate"]["tokens"] == sum(-(-len(text) // 4) for text in TEXTS)
    assert found["estimate"]["cost"] is None
    assert list_models(old_home)["chosenBy"] == "settings"


def test_models_are_of_all_tenants_and_vectors_of_one(old_home: Resources, client: Any) -> None:
    take_in(old_home, client, "another's secret", uri="file:///other", tenant=7)
    run(old_home)
    add(old_home)
    run(old_home)
    activate_model(old_home, "new")

    assert states(old_home) == {"old": ("ready", 4), "new": ("answers", 4)}
    assert nearest(old_home) == in_space(NEW)
    assert list(nearest(old_home, tenant=7)) == ["another's secret"]
    drop_model(old_home, "old")
    assert rows(client, "SELECT DISTINCT TenantId AS tenant FROM AtomEmbedding ORDER BY TenantId") == [
        {"tenant": 0},
        {"tenant": 7},
    ]


def test_texts_that_come_meanwhile_are_embedded_by_what_answers_before_what_is_filled(
    old_home: Resources, client: Any, make_home: Callable[..., Resources]
) -> None:
    home = replace(make_home(embedding_batch_size=2), compute=SpacesCompute(OLD))
    add(home)
    take_in(home, client, "it came later", uri="file:///later")
    home.compute.texts.clear()

    run(home)
    assert home.compute.texts[0] == "it came later"
    assert states(home) == {"old": ("answers", 4), "new": ("ready", 4)}


def test_a_model_whose_files_vanish_while_it_is_filled_waits_and_the_old_one_goes_on(
    old_home: Resources, client: Any
) -> None:
    add(old_home)
    take_in(old_home, client, "it came later", uri="file:///later")
    home = replace(old_home, compute=SpacesCompute(OLD, gone=[NEW]))

    report = run(home, error="model 2, new: new is not there")
    assert report.counts["embedded"] == 1  # by the old one
    assert states(home) == {"old": ("answers", 4), "new": ("filling", 0)}
    assert len(nearest(home)) == 4
    assert not rows(client, "SELECT JobId AS id FROM BackgroundJob WHERE AttemptCount > 0 AND ModelId IS NOT NULL")
    with pytest.raises(Unavailable, match="new is not there"):
        activate_model(home, "new", partial_vectors=True)

    run(old_home)  # they are there again
    assert states(home) == {"old": ("answers", 4), "new": ("ready", 4)}


def test_a_model_that_fails_in_the_middle_holds_up_no_other(old_home: Resources, client: Any) -> None:
    add(old_home)
    take_in(old_home, client, "it came later", uri="file:///later")
    old_home.compute.failing["new"] = ComputeUnavailable("the API does not answer")

    run(old_home, error="the API does not answer")
    assert states(old_home) == {"old": ("answers", 4), "new": ("filling", 0)}

    old_home.compute.failing["new"] = ValueError("text 1 of 1 cannot be embedded")
    for _ in range(2):
        run(old_home)
    assert states(old_home)["new"] == ("incomplete", 0)
    letters = rows(client, "SELECT COUNT(*) AS n FROM DeadLetter WHERE Kind = 'job'")[0]["n"]
    assert letters == 4
    with pytest.raises(Conflict, match="4 of them because"):
        activate_model(old_home, "new")

    assert drop_model(old_home, "new")["vectors"] == 0
    assert rows(client, "SELECT COUNT(*) AS n FROM DeadLetter")[0]["n"] == 0
    assert rows(client, "SELECT COUNT(*) AS n FROM BackgroundJob WHERE Status <> 'Completed'")[0]["n"] == 0


def test_other_files_under_the_same_path_make_no_vector_of_the_model(old_home: Resources) -> None:
    add(old_home)
    run(old_home)
    activate_model(old_home, "new")

    class Replaced(SpacesCompute):
        def find(self, source: ModelSource) -> ModelIdentity:
            return replace(super().find(source), artifact_hash="f" * 64)

    with pytest.raises(Unavailable, match="is another model than the one whose vectors are here"):
        search(replace(old_home, compute=Replaced(OLD)), "question")


def test_dropping_leaves_nothing_but_what_others_have(old_home: Resources, client: Any) -> None:
    add(old_home)
    run(old_home)
    activate_model(old_home, "new")
    nearest(old_home)
    with old_home.database.read() as unit_of_work:
        for model_id in (1, 2):
            old_home.vectors.merge(unit_of_work, model_id)
    folders = list(old_home.settings.vector_dir.iterdir())
    assert len(folders) == 2

    assert drop_model(old_home, "old") == {"modelId": 1, "name": "old", "dropped": True, "vectors": 3}

    assert states(old_home) == {"new": ("answers", 3)}
    assert [row["id"] for row in rows(client, "SELECT DISTINCT ModelId AS id FROM AtomEmbedding")] == [2]
    assert [row["id"] for row in rows(client, "SELECT ModelId AS id FROM ProjectionModel")] == [2]
    assert len(list(old_home.settings.vector_dir.iterdir())) == 1
    assert nearest(old_home) == in_space(NEW)
    with pytest.raises(NotFound):
        drop_model(old_home, "old")
    take_in(old_home, client, "it came later", uri="file:///later")
    assert run(old_home).counts["embedded"] == 1  # by the new one alone


def test_what_answers_is_not_dropped(old_home: Resources) -> None:
    with pytest.raises(Conflict, match="answers questions"):
        drop_model(old_home, "old")
    add(old_home)
    run(old_home)
    activate_model(old_home, "new")
    with pytest.raises(Conflict, match="answers questions"):
        drop_model(old_home, "new")


def test_a_model_that_was_dropped_comes_back_by_being_added_and_its_id_is_never_another_s(old_home: Resources) -> None:
    add(old_home)
    run(old_home)
    drop_model(old_home, "new")
    assert add(old_home, THIRD)["model"]["modelId"] == 3

    again = add(old_home, NEW)
    assert (again["model"]["modelId"], again["estimate"]["atoms"]) == (2, 3)
    run(old_home)
    assert states(old_home) == {"old": ("answers", 3), "new": ("ready", 3), "third": ("ready", 3)}


def test_a_drop_that_is_under_way_deletes_nothing_of_a_model_that_is_added_again(
    old_home: Resources, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dropping_models, "ROWS_AT_ONCE", 1)
    add(old_home)
    run(old_home)

    def add_again(_deleted: int) -> None:
        monkeypatch.undo()
        name_models(monkeypatch, {SOURCES[OLD]: OLD})
        add(old_home)
        run(old_home)

    with pytest.raises(Conflict, match="added again"):
        drop_model(old_home, "new", report=add_again)
    assert states(old_home) == {"old": ("answers", 3), "new": ("ready", 3)}
    run(old_home)
    assert rows(client, "SELECT ModelId AS id FROM ProjectionModel WHERE Active = 1 ORDER BY ModelId") == [
        {"id": 1},
        {"id": 2},
    ]


def test_no_statement_of_a_drop_touches_a_model_that_is_not_dropped(old_home: Resources, client: Any) -> None:
    add(old_home)
    run(old_home)
    old_home.compute.failing["new"] = ValueError("it cannot be embedded")
    take_in(old_home, client, "one more", uri="file:///more")
    for _ in range(3):
        run(old_home)
    assert states(old_home) == {"old": ("answers", 4), "new": ("incomplete", 3)}

    assert dropping_models.clear_dropped_model(old_home.database, old_home.vectors, 2) == 0
    assert states(old_home)["new"] == ("incomplete", 3)
    assert rows(client, "SELECT COUNT(*) AS n FROM DeadLetter") == [{"n": 1}]
    assert rows(client, "SELECT COUNT(*) AS n FROM ProjectionModel WHERE ModelId = 2") == [{"n": 1}]


def test_a_run_that_began_by_the_settings_leaves_a_model_that_is_added_meanwhile(old_home: Resources) -> None:
    work = Work(current_hour(), "run", old_home)
    before = ask(old_home.database, added_models.added_models)
    add(old_home)

    assert {model.name for model in load_models(work, before).by_id.values()} == {"old", "new"}
    assert states(old_home) == {"old": ("answers", 3), "new": ("filling", 0)}
    with old_home.database.unit_of_work() as unit_of_work:
        assert unit_of_work.execute("deactivate_embedding_model", model_id=2) == 0
    run(old_home)
    assert states(old_home)["new"] == ("ready", 3)


def test_for_a_key_without_admin_no_vector_and_no_job_is_counted(
    old_home: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(old_home)
    run(old_home)
    counted: list[int] = []
    count = embedding_models.counts_of
    monkeypatch.setattr(
        embedding_models, "counts_of", lambda unit, model_id: counted.append(model_id) or count(unit, model_id)
    )

    def ask_with(*scopes: str) -> list[dict[str, Any]]:
        return json.loads(model_routes.models(old_home, cast(Any, SimpleNamespace(scopes=scopes))).body)["models"]

    fields = ("name", "state", "vectors", "waiting", "failed", "filled", "bytesOnDisk", "loadedFrom")
    assert [[row[name] for name in fields] for row in ask_with("read")] == [
        ["old", "answers", *[None] * 6],
        ["new", None, *[None] * 6],
    ]
    assert counted == []
    assert [row["vectors"] for row in ask_with("admin")] == [3, 3]
    assert counted == [1, 2]
    counted.clear()
    assert activate_model(old_home, "new")["vectors"] == 3
    assert set(counted) == {2}, "of a model that is named no other one is counted"


class Killed(BaseException):
    """The process ends here."""


def test_killed_in_the_middle_of_adding_a_run_goes_on(
    old_home: Resources, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(added_models, "ATOMS_AT_ONCE", 1)

    def die(*_: object) -> None:
        raise Killed

    with pytest.raises(Killed):
        add(old_home, report=die)
    state = {row["name"]: row for row in list_models(old_home)["models"]}["new"]
    assert (state["state"], state["waiting"], state["vectors"]) == ("filling", 3, 0)
    waiting = rows(client, "SELECT COUNT(*) AS n FROM BackgroundJob WHERE ModelId = 2")[0]["n"]
    assert 0 < waiting < 3
    assert broken_invariants(old_home.database, "unexplained_missing_embeddings") == {}

    run(old_home)
    assert states(old_home)["new"] == ("ready", 3)


def test_a_run_comes_for_a_model_that_has_no_job_yet_and_goes_on_to_the_first_atom_that_lacks_a_vector(
    old_home: Resources, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(added_models, "ATOMS_AT_ONCE", 1)
    add(old_home)
    run(old_home)
    client.cursor().execute(
        "DELETE FROM AtomEmbedding WHERE ModelId = 2 AND AtomId = (SELECT MAX(AtomId) FROM AtomToEmbed)"
    )
    client.commit()
    hour = current_hour()
    settings = old_home.settings.model_copy(update={"ingestion_enabled": False, "provenance_enabled": False})
    assert hours_with_work(old_home.database, settings, hour) == []
    with old_home.database.unit_of_work() as unit_of_work:  # as a process leaves it that is killed at once
        unit_of_work.execute("begin_queueing", model_id=2)

    assert hours_with_work(old_home.database, settings, hour) == [hour]
    run(old_home)
    assert states(old_home)["new"] == ("ready", 3)
    assert hours_with_work(old_home.database, settings, hour) == []


def test_an_atom_id_written_by_hand_makes_queueing_no_longer(old_home: Resources, client: Any) -> None:
    client.cursor().execute(
        "INSERT INTO Atom (AtomId, TenantId, Modality, ContentHash, CanonicalText) VALUES (?, 0, 'text', ?, 'by hand')",
        (10**15, hashlib.sha256(b"by hand").digest()),
    )
    client.commit()
    transactions: list[int] = []
    add(old_home, report=transactions.append)
    assert len(transactions) <= 2
    run(old_home)
    assert states(old_home)["new"] == ("ready", 4)


def test_killed_in_the_middle_of_dropping_the_same_command_or_housekeeping_goes_on(
    old_home: Resources, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dropping_models, "ROWS_AT_ONCE", 1)
    add(old_home)
    run(old_home)

    def die(*_: object) -> None:
        raise Killed

    with pytest.raises(Killed):
        drop_model(old_home, "new", report=die)
    assert states(old_home) == {"old": ("answers", 3), "new": ("dropping", 2)}
    assert nearest(old_home) == in_space(OLD)
    with pytest.raises(Conflict, match="is being dropped"):
        activate_model(old_home, "new")
    assert ask(old_home.database, dropping_models.dropped_models) == [2]

    assert drop_model(old_home, "new")["vectors"] == 2
    assert states(old_home) == {"old": ("answers", 3)}


def test_a_run_that_is_at_work_writes_no_vector_of_a_model_that_is_dropped_meanwhile(
    old_home: Resources, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(old_home)
    embed = old_home.compute.embed

    def drop_meanwhile(model: ModelIdentity, texts: Sequence[str]) -> Embeddings:
        if model.name == "new":
            transact(old_home.database, partial(dropping_models.mark_dropped, model_id=2))
            dropping_models.clear_dropped_model(old_home.database, old_home.vectors, 2)
        return embed(model, texts)

    monkeypatch.setattr(old_home.compute, "embed", drop_meanwhile)
    run(old_home)
    assert rows(client, "SELECT COUNT(*) AS n FROM AtomEmbedding WHERE ModelId = 2")[0]["n"] == 0
    assert states(old_home) == {"old": ("answers", 3)}


def test_a_run_that_is_under_way_takes_up_a_model_that_is_added_and_its_switch(
    old_home: Resources, client: Any
) -> None:
    """No process is started anew: a generator of the stage that has its models goes on with those that the database says there are."""
    take_in(old_home, client, "one more", uri="file:///more")
    steps = embeddings.STAGE.steps(Work(current_hour(), "run", old_home))
    assert next(steps).counts["embedded"] == 1

    add(old_home)
    done = [next(steps).counts for _ in range(3)]
    assert sum(counts.get("embedded", 0) for counts in done) == 4
    steps.close()


def test_two_switches_at_once_leave_one_that_answers(old_home: Resources, client: Any) -> None:
    add(old_home)
    run(old_home)
    activate_model(old_home, "new")

    with pytest.raises(Exception, match=r"(?i)unique|duplicate"):
        client.cursor().execute("UPDATE EmbeddingModel SET Answers = 1")
    client.rollback()
    assert [state for state, _ in states(old_home).values()].count("answers") == 1


def test_nothing_is_added_where_no_model_at_hand_made_the_vectors_that_are_here(
    old_home: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    name_models(monkeypatch, {SOURCES[THIRD]: THIRD})

    with pytest.raises(Conflict, match="third"):
        add(old_home)
    assert [row["name"] for row in list_models(old_home)["models"]] == ["old"]
    assert list_models(old_home)["chosenBy"] == "settings"


def test_in_an_empty_home_the_first_model_that_is_added_answers(home: Resources, client: Any) -> None:
    home = replace(home, compute=SpacesCompute(OLD))

    added = add(home)
    assert (added["model"]["state"], added["estimate"]["seconds"]) == ("answers", None)
    take_in(home, client, *TEXTS)
    run(home)
    assert nearest(home) == in_space(NEW)


def test_a_name_that_two_have_is_refused_and_says_their_ids(old_home: Resources) -> None:
    twin = replace(NEW, name="old")
    with old_home.database.unit_of_work() as unit_of_work:
        keep_settings_models(unit_of_work, {SOURCES[OLD]: OLD})
        add_embedding_model(unit_of_work, twin, SOURCES[NEW])

    with pytest.raises(Invalid, match=r"1 .* or 2 "):
        activate_model(old_home, "old")
    with pytest.raises(NotFound):
        activate_model(old_home, "none")


def test_what_somebody_wrote_by_hand_into_loaded_from_is_refused_by_its_name(old_home: Resources, client: Any) -> None:
    add(old_home)
    for written in ('{"model": "x", "shell": "rm"}', '{"model": "x", "api_url": "http://elsewhere.example"}'):
        client.cursor().execute("UPDATE EmbeddingModel SET LoadedFrom = ? WHERE ModelId = 1", (written,))
        client.commit()
        with pytest.raises(Unavailable, match="LoadedFrom"):
            search(old_home, "question")
