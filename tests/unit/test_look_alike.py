"""The embedder of pictures: unit vectors that stay near when a picture is resized, cropped or packed anew, whatever its neighbours."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from hartonomous_core.embedders import LOOK_ALIKE_DIMENSION, LOOK_ALIKE_FLOOR
from hartonomous_core.embedders.look_alike import LookAlikeEmbedder
from tests.unit.drawn_scenes import cropped, packed, scene

EMBEDDER = LookAlikeEmbedder()


def pixels(picture: Image.Image) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    small = picture.convert("RGB")
    small.thumbnail((64, 64))
    return np.asarray(small)


def vectors(*pictures: Image.Image) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
    return EMBEDDER.embed([pixels(each) for each in pictures]).vectors


CHANGES: dict[str, Callable[[Image.Image, int], Image.Image]] = {
    "half as large": lambda picture, n: picture.resize((picture.width // 2, picture.height // 2)),
    "a tenth as large": lambda picture, n: picture.resize((picture.width // 10, picture.height // 10)),
    "without a tenth": lambda picture, n: cropped(picture, 0.1, n),
    "without a fifth": lambda picture, n: cropped(picture, 0.2, n),
    "packed at quality 30": lambda picture, n: Image.open(io.BytesIO(packed(picture, quality=30))),
    "turned by two degrees": lambda picture, n: picture.rotate(2, Image.Resampling.BICUBIC),
    "a little lighter": lambda picture, n: picture.point([min(255, int(each * 1.15)) for each in range(256)] * 3),
}


@pytest.fixture(scope="module")
def scenes() -> list[Image.Image]:
    return [scene(n, 320, 240) for n in range(60)]


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_picture_is_nearest_to_what_it_was(change: str, scenes: list[Image.Image]) -> None:
    known, asked = vectors(*scenes), vectors(*(CHANGES[change](each, n) for n, each in enumerate(scenes)))
    cosines = asked @ known.T
    assert (cosines.argmax(1) == np.arange(len(scenes))).mean() >= 0.95


def test_another_picture_is_below_the_floor(scenes: list[Image.Image]) -> None:
    known = vectors(*scenes)
    others = (known @ known.T)[~np.eye(len(scenes), dtype=bool)]
    assert (others < LOOK_ALIKE_FLOOR).mean() > 0.99
    again = vectors(*(CHANGES["packed at quality 30"](each, 0) for each in scenes))
    assert ((again * known).sum(1) >= LOOK_ALIKE_FLOOR).all()


def test_a_vector_is_of_unit_length_and_never_depends_on_its_neighbours(scenes: list[Image.Image]) -> None:
    together = vectors(*scenes[:5])
    assert together.dtype == np.float32 and together.shape == (5, LOOK_ALIKE_DIMENSION)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)
    alone = np.concatenate([vectors(each) for each in scenes[:5]])
    assert alone.tobytes() == together.tobytes()


def test_grey_is_grey_in_three_channels_and_what_cannot_be_seen_is_white() -> None:
    grey = np.asarray(scene(1, 60, 40).convert("L"))[..., None]
    [one, three] = EMBEDDER.embed([grey, np.repeat(grey, 3, axis=2)]).vectors
    np.testing.assert_allclose(one, three, atol=1e-6)
    clear = np.zeros((20, 20, 4), np.uint8)
    [nothing, white] = EMBEDDER.embed([clear, np.full((20, 20, 3), 255, np.uint8)]).vectors
    np.testing.assert_allclose(nothing, white, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(arrays(np.uint8, st.tuples(st.integers(1, 70), st.integers(1, 70), st.sampled_from([1, 3, 4]))))
def test_any_pixels_have_a_vector(picture: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]") -> None:
    [vector] = EMBEDDER.embed([picture]).vectors
    assert np.isfinite(vector).all() and abs(float(np.linalg.norm(vector)) - 1) < 1e-5


@pytest.mark.parametrize("shape", [(0, 5, 3), (5, 0, 3), (5, 5), (5, 5, 2), (5, 5, 5), (2, 5, 5, 3)])
def test_what_is_no_picture_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="no picture"):
        EMBEDDER.embed([np.zeros(shape, np.uint8)])


def test_nothing_has_no_vectors_and_texts_are_not_taken() -> None:
    assert EMBEDDER.embed([]).vectors.shape == (0, LOOK_ALIKE_DIMENSION)
    with pytest.raises(ValueError, match="no tokens"):
        EMBEDDER.embed_tokens(["a"])
    with pytest.raises(ValueError, match="no tokens"):
        EMBEDDER.embed_windows(np.zeros(1, np.int32), np.ones(1, np.int32))
