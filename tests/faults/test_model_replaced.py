"""The file of a model is replaced under a running worker: no vector of another file comes under the old identity."""

import sys
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper, save

from hartonomous_resources.compute.in_process import InProcessCompute
from hartonomous_resources.compute.protocol import ComputeUnavailable
from hartonomous_resources.compute.text_model import TextModelFiles
from hartonomous_resources.compute.worker import worker_compute
from hartonomous_resources.compute.worker.worker_compute import WorkerCompute
from hartonomous_resources.settings import Settings
from tests.running_worker import working

pytestmark = [pytest.mark.skipif(sys.platform == "win32", reason="NOT TESTED: Unix sockets"), pytest.mark.slow]

WORDS, DIMENSION = 30522, 4
TEXTS = ["Tides follow the moon.", "The lighthouse was lit at dusk."]


@pytest.fixture
def replace(tmp_path: Path, text_model: TextModelFiles) -> "Replace":
    (tmp_path / "tokenizer.json").write_bytes(text_model.tokenizer_path.read_bytes())
    return Replace(tmp_path)


class Replace:
    """Puts a small encoder in the place of what lies there: a table of tokens, drawn from a seed."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "model.onnx"

    def __call__(self, seed: int) -> None:
        table = np.random.default_rng(seed).normal(size=(WORDS, DIMENSION)).astype(np.float32)
        graph = helper.make_graph(
            [helper.make_node("Gather", ["table", "input_ids"], ["tokens"])],
            "small",
            [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "length"])],
            [helper.make_tensor_value_info("tokens", TensorProto.FLOAT, ["batch", "length", DIMENSION])],
            [numpy_helper.from_array(table, "table")],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
        save(model, self.path.with_name("new"))
        self.path.with_name("new").replace(self.path)


def test_a_worker_goes_on_with_the_model_that_it_has_and_refuses_who_asks_for_the_new_one(
    replace: Replace, socket_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_compute, "WAIT_SECONDS", 0.2)
    replace(1)
    settings = Settings(home=socket_folder / "home", text_model=str(replace.path), compute="worker")
    with working(settings, socket_folder):
        old = WorkerCompute(settings)
        [model] = old.models()
        before = old.embed(model, TEXTS).vectors
        replace(2)
        fresh = WorkerCompute(settings)
        [other] = fresh.models()
        after = old.embed(model, TEXTS).vectors
        with pytest.raises(ComputeUnavailable, match="start it again"):
            fresh.embed(other, TEXTS)
        old.close()
        fresh.close()

    assert np.array_equal(before, after)
    assert model.artifact_hash != other.artifact_hash


def test_a_file_that_is_replaced_before_it_is_loaded_is_not_taken_for_the_one_that_was_there(replace: Replace) -> None:
    replace(1)
    compute = InProcessCompute(Settings(text_model=str(replace.path)))
    [model] = compute.models()
    expected = compute.embed(model, TEXTS).vectors
    compute.close()
    assert np.array_equal(compute.embed(model, TEXTS).vectors, expected)
    compute.close()
    replace(2)

    with pytest.raises(ComputeUnavailable, match=r"model\.onnx has changed since this process read it"):
        compute.embed(model, TEXTS)
    with pytest.raises(ComputeUnavailable, match="has changed"):
        compute.load_windows(model)
    compute.close()


def test_a_file_that_is_gone_is_said_to_have_changed(replace: Replace) -> None:
    replace(1)
    compute = InProcessCompute(Settings(text_model=str(replace.path)))
    [model] = compute.models()
    replace.path.unlink()

    with pytest.raises(ComputeUnavailable):
        compute.embed(model, TEXTS)
    compute.close()
