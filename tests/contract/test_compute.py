"""Compute: what every backend promises of its models and their vectors."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hartonomous_core.embedders.protocol import Items
from hartonomous_core.spatial.landmarks import landmark_axes, project, scale_for
from hartonomous_resources.compute.in_process import InProcessCompute
from hartonomous_resources.compute.protocol import Compute, ComputeUnavailable, ModelIdentity
from hartonomous_resources.compute.text_model import TextModelFiles
from hartonomous_resources.settings import Settings
from tests.backends import COMPUTES

TEXTS = ["Tides follow the moon.", "A word", "The lighthouse was lit at dusk. " * 40, "def tide(moon): return moon"]
ITEMS: dict[str, Items] = {
    "texts": TEXTS,
    "pixels": [np.zeros((2, 2, 3), dtype=np.uint8)],
    "samples": [np.zeros(16, dtype=np.float32)],
}


@pytest.fixture(scope="module", params=COMPUTES)
def compute(request: pytest.FixtureRequest, model_dir: Path) -> Iterator[Compute]:
    """A backend with two models of one modality."""
    with COMPUTES[request.param](Settings(model_dir=model_dir, text_precision="int8,fp32")) as opened:
        yield opened


def items_for(model: ModelIdentity) -> Items:
    return ITEMS[model.takes]


def vectors(compute: Compute, model: ModelIdentity) -> NDArray[np.float32]:
    return compute.embed(model, items_for(model)).vectors


def test_models_are_told_apart_and_stay_the_same(compute: Compute) -> None:
    models = compute.models()

    assert [model.precision for model in models] == ["int8", "fp32"]
    assert len(set(models)) == len({model.artifact_hash for model in models}) == 2
    assert compute.models() == models


def test_a_vector_of_unit_length_for_each_item_in_their_order(compute: Compute) -> None:
    for model in compute.models():
        items = items_for(model)
        found = compute.embed(model, items)
        backwards = compute.embed(model, items[::-1])

        assert found.vectors.dtype == np.float32
        assert found.vectors.shape == (len(items), model.dimension)
        assert found.window_counts.shape == (len(items),)
        assert np.allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-5)
        assert np.array_equal(found.vectors[::-1], backwards.vectors)
        assert found.window_counts.tolist() == backwards.window_counts[::-1].tolist()


def test_a_vector_does_not_depend_on_what_else_is_in_its_batch(compute: Compute) -> None:
    for model in compute.models():
        together = vectors(compute, model)
        alone = [compute.embed(model, [item]).vectors[0] for item in items_for(model)]  # type: ignore[list-item]

        assert ((together * np.array(alone)).sum(axis=1) >= 0.9999).all()


def test_tokens_have_vectors_of_unit_length_and_say_where_they_stand(compute: Compute) -> None:
    for model in compute.models():
        made = compute.embed_tokens(model, TEXTS)

        assert np.array_equal([each.vector for each in made], compute.embed(model, TEXTS).vectors)
        assert [TEXTS[0][start:stop] for start, stop in made[0].offsets] == ["Tides", "follow", "the", "moon", "."]
        for text, each in zip(TEXTS, made, strict=True):
            assert each.tokens.shape == (len(each.offsets), model.dimension)
            assert np.allclose(np.linalg.norm(each.tokens, axis=1), 1, atol=1e-5)
            assert each.offsets[-1, 1] == len(text.rstrip())


def test_a_token_has_another_vector_in_another_context(compute: Compute) -> None:
    for model in compute.models():
        river, money = compute.embed_tokens(model, ["bank of the river", "bank with my money"])

        assert 0.2 < river.tokens[0] @ money.tokens[0] < 0.95


def test_each_model_has_vectors_of_its_own(compute: Compute) -> None:
    first, second = (vectors(compute, model) for model in compute.models())

    assert not np.array_equal(first, second)


def test_a_text_longer_than_a_window_says_of_how_many_it_is_the_mean(compute: Compute) -> None:
    for model in compute.models():
        if model.takes == "texts":
            assert compute.embed(model, TEXTS).window_counts.tolist() == [1, 1, 2, 1]


def test_nothing_to_embed_gives_no_vectors(compute: Compute) -> None:
    for model in compute.models():
        nothing = compute.embed(model, [])

        assert nothing.vectors.shape == (0, model.dimension)
        assert nothing.window_counts.shape == (0,)


def test_an_item_of_another_kind_is_refused_with_its_position(compute: Compute) -> None:
    for model in compute.models():
        items = list(items_for(model))
        for kind in ITEMS.keys() - {model.takes}:
            with pytest.raises(ValueError, match=rf"takes {model.takes}: item {len(items)} of {len(items) + 1}"):
                compute.embed(model, [*items, ITEMS[kind][0]])  # type: ignore[list-item]
            with pytest.raises(ValueError, match=rf"takes {model.takes}: item 0 of 1"):
                compute.embed_tokens(model, [ITEMS[kind][0]])  # type: ignore[list-item]


def test_a_model_that_is_not_there_is_refused(compute: Compute) -> None:
    unknown = ModelIdentity("text", "of another home", 3, "f" * 64, "fp32", "{}")

    with pytest.raises(ValueError, match="no model of another home"):
        compute.embed(unknown, ["A text"])


def test_a_closed_one_can_be_used_again(compute: Compute) -> None:
    for model in compute.models():
        before = vectors(compute, model)
        compute.close()

        assert np.array_equal(vectors(compute, model), before)


def test_threads_share_it(compute: Compute) -> None:
    compute.close()  # so that they load it side by side

    def embed(model: ModelIdentity) -> NDArray[np.float32]:
        return vectors(compute, model)

    models = list(compute.models()) * 4
    with ThreadPoolExecutor(len(models)) as pool:
        found = list(pool.map(embed, models))

    for model, of_thread in zip(models, found, strict=True):
        assert np.array_equal(of_thread, vectors(compute, model))


def test_the_vectors_are_the_same_wherever_they_are_computed(compute: Compute, model_dir: Path) -> None:
    here = InProcessCompute(Settings(model_dir=model_dir, text_precision="int8,fp32"))
    long = ["The lighthouse was lit at dusk. " * 1500, "\x01", *TEXTS * 20]
    assert here.models() == compute.models()
    for model in compute.models():
        texts = long if model.precision == "int8" else long[1:40]
        expected, found = here.embed(model, texts), compute.embed(model, texts)
        assert np.array_equal(found.vectors, expected.vectors)
        assert np.array_equal(found.window_counts, expected.window_counts)
        of_tokens = zip(here.embed_tokens(model, TEXTS), compute.embed_tokens(model, TEXTS), strict=True)
        for token_by_token, there in of_tokens:
            assert np.array_equal(token_by_token.tokens, there.tokens)
            assert np.array_equal(token_by_token.offsets, there.offsets)
    here.close()


def test_it_says_what_embeds(compute: Compute) -> None:
    for model in compute.models():
        vectors(compute, model)

    assert compute.device().split()[0] == "cpu"


def test_coordinates_are_those_of_the_projection(compute: Compute) -> None:
    drawn = np.random.default_rng(7).normal(size=(20, 8))
    points = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)
    axes, mean, scale = landmark_axes(8), np.zeros(3), scale_for(8)

    found = compute.project(points, axes, mean, scale)

    assert np.array_equal(found, project(points, axes, mean, scale))
    assert np.abs(found).max() <= 1


@pytest.mark.parametrize("backend", COMPUTES)
def test_a_model_that_cannot_be_had_is_unavailable(backend: str, tmp_path: Path) -> None:
    settings = Settings(model_dir=tmp_path, text_model=str(tmp_path / "none.onnx"))

    with COMPUTES[backend](settings) as opened, pytest.raises(ComputeUnavailable, match=r"none\.onnx"):
        opened.models()


# ---- loading ahead


@pytest.mark.parametrize("backend", COMPUTES)
def test_warmed_it_gives_the_same_vectors(backend: str, model_dir: Path, compute: Compute) -> None:
    with COMPUTES[backend](Settings(model_dir=model_dir, text_precision="int8,fp32")) as opened:
        opened.warm()
        opened.warm()

        assert opened.models() == compute.models()
        for model in opened.models():
            assert np.array_equal(vectors(opened, model), vectors(compute, model))


@pytest.mark.parametrize("backend", COMPUTES)
def test_warming_fetches_nothing(backend: str, tmp_path: Path) -> None:
    with COMPUTES[backend](Settings(model_dir=tmp_path)) as opened:
        opened.warm()

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("backend", COMPUTES)
def test_what_warming_met_is_raised_where_the_model_is_used_and_then_it_is_tried_anew(
    backend: str, tmp_path: Path, text_model: TextModelFiles
) -> None:
    files = [text_model.model_path, text_model.tokenizer_path]
    for file in files:
        (tmp_path / file.name).write_text("neither")
    with COMPUTES[backend](Settings(model_dir=tmp_path, text_model=str(tmp_path))) as opened:
        opened.warm()

        with pytest.raises(ComputeUnavailable, match=text_model.model_path.name):
            opened.models()
        for file in files:
            (tmp_path / file.name).write_bytes(file.read_bytes())
        assert [model.dimension for model in opened.models()] == [text_model.dimension]
