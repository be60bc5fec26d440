"""GGUF, ONNX and checkpoints of PyTorch: the same tensors are the same atoms in each; hostile ones are their bytes, and no pickle is run."""

import io
import random
import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hartonomous_core.atomizers.content_type import sniff
from hartonomous_core.atomizers.tensors.pickled_tensors import pickled_tensors
from hartonomous_core.atomizers.tensors.tensor_layout import LONGEST_NAME
from tests.unit.checkpoint_files import (
    BROKEN_CHECKPOINTS,
    CANARY,
    LONG_NAMES,
    SAFE_CHECKPOINTS,
    a_checkpoint,
    pickled_state,
    pickled_tensor,
    zipped_checkpoint,
)
from tests.unit.gguf_files import BROKEN_GGUF, a_gguf
from tests.unit.onnx_files import BROKEN_ONNX, an_onnx
from tests.unit.test_weight_atomizer import SAFETENSORS, atoms_of, weights_in
from tests.unit.weight_files import Weights, a_safetensors, drawn, layers

GGUF, ONNX, PYTORCH = "application/vnd.gguf", "application/onnx", "application/x-pytorch"
MAKERS: dict[str, Callable[[Mapping[str, Weights]], bytes]] = {GGUF: a_gguf, ONNX: an_onnx, PYTORCH: a_checkpoint}
EXTENSIONS = {GGUF: "gguf", ONNX: "onnx", PYTORCH: "pt"}
BROKEN = {
    **{(GGUF, name): case for name, case in BROKEN_GGUF.items()},
    **{(ONNX, name): case for name, case in BROKEN_ONNX.items()},
    **{(PYTORCH, name): case for name, case in BROKEN_CHECKPOINTS.items()},
}


@pytest.mark.parametrize("content_type", MAKERS)
def test_the_same_tensors_are_the_same_atoms_in_each_format(content_type: str) -> None:
    tensors = {**layers(2), "norm": drawn(50, 7), "wide": drawn(51, 3, 200_000)}
    data = MAKERS[content_type](tensors)
    assert sniff(data[:8192], f"model.{EXTENSIONS[content_type]}") == content_type
    atoms, note = atoms_of(data, content_type)
    in_safetensors, _ = atoms_of(a_safetensors(tensors), SAFETENSORS)

    assert note is None
    assert [(a.content, a.locator) for a in weights_in(atoms)] == [
        (a.content, a.locator) for a in weights_in(in_safetensors)
    ]
    assert {a.content for a in atoms if a.subtype == "statistics"} == {
        a.content for a in in_safetensors if a.subtype == "statistics"
    }
    texts = [atom.text for atom in atoms if atom.text is not None]
    assert "tensor norm, f32, 7" in texts


@pytest.mark.parametrize(("content_type", "name"), BROKEN)
def test_what_breaks_a_rule_is_chunks_and_says_which(content_type: str, name: str) -> None:
    data, expected = BROKEN[content_type, name]
    atoms, note = atoms_of(data, content_type)
    assert note is not None and expected in note
    assert {atom.subtype for atom in atoms} == {"chunk"}


@pytest.mark.parametrize("content_type", MAKERS)
def test_every_file_that_is_cut_off_is_its_bytes(content_type: str) -> None:
    whole = MAKERS[content_type]({"a": drawn(1, 4), "b": drawn(2, 3, 3, dtype="F16")})
    for length in range(1, len(whole), 3):
        atoms_of(whole[:length], content_type)


@pytest.mark.parametrize("content_type", MAKERS)
@settings(derandomize=True, deadline=None, max_examples=150)
@given(st.data())
def test_a_file_that_is_changed_anywhere_is_its_bytes(content_type: str, data: st.DataObject) -> None:
    whole = bytearray(MAKERS[content_type]({"a": drawn(1, 4), "b": drawn(2, 3, 3, dtype="F16")}))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    atoms_of(bytes(whole), content_type)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.binary(max_size=300), st.booleans())
def test_any_pickle_is_read_without_running_it(pickle: bytes, has_tensor: bool) -> None:
    start = pickled_state({"a": pickled_tensor("0", (4,))})[:-1] if has_tensor else b""
    atoms_of(zipped_checkpoint(start + pickle, {"0": bytes(16)}), PYTORCH)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.integers(0, 2**32))
def test_opcodes_in_any_order_are_read_without_running_them(seed: int) -> None:
    draw = random.Random(seed)
    parts = [b"]", b"}", b")", b"(", b"0", b"2", b"q\0", b"h\0", b"R", b"b", b"u", b"e", b"a", b"s", b"t", b"\x85", b"N", b"K\7",
             b"cos\nsystem\n", b"ccollections\nOrderedDict\n", b"X\1\0\0\0a", b"Q", b"\x81", b"\x94", pickled_tensor("0", (4,))]  # fmt: skip
    pickle = b"\x80\x04" + b"".join(draw.choices(parts, k=draw.randrange(40))) + b"."
    atoms_of(zipped_checkpoint(pickle, {"0": bytes(16)}), PYTORCH)


@pytest.mark.parametrize("name", SAFE_CHECKPOINTS)
def test_no_pickle_is_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    atoms, note = atoms_of(SAFE_CHECKPOINTS[name], PYTORCH)
    assert note is None
    assert [atom.locator for atom in weights_in(atoms)] == (
        [{"tensor": "a", "dtype": "f32", "shape": (4,)}] if "tensor" in name else []
    )
    assert not (tmp_path / CANARY).exists()


def test_tied_tensors_and_views_are_told_and_their_bytes_are_the_first_ones() -> None:
    state = {
        "embed": pickled_tensor("0", (4, 2)),
        "head": pickled_tensor("0", (4, 2)),
        "turned": pickled_tensor("0", (2, 4), strides=(1, 2)),
        "part": pickled_tensor("1", (2,), offset=2),
    }
    storages = {"0": drawn(1, 4, 2).data, "1": drawn(2, 4).data}
    atoms, note = atoms_of(zipped_checkpoint(pickled_state(state), storages), PYTORCH)
    assert note is None
    assert [atom.content for atom in weights_in(atoms)] == [storages["0"], storages["1"][8:]]
    texts = [atom.text for atom in atoms if atom.text is not None]
    assert "tensor head, f32, 4 x 2, in the bytes of embed" in texts
    assert "tensor turned, f32, 2 x 4, in the bytes of embed" in texts


def test_onnx_as_its_library_writes_it_with_numbers_in_another_file(tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weight = np.random.default_rng(1).normal(0, 1, (64, 64)).astype("<f4")
    initializers = [
        numpy_helper.from_array(weight, "layer.0.weight"),
        helper.make_tensor("typed", TensorProto.FLOAT, [3], [1.0, 2.0, 3.0]),
        helper.make_tensor("shape", TensorProto.INT64, [2], [64, 64]),
    ]
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [64, 64])
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [value], [value], initializers)
    model = helper.make_model(graph, producer_name="the tests")
    atoms, note = atoms_of(model.SerializeToString(), ONNX)
    assert note is None
    assert [atom.content for atom in weights_in(atoms)] == [weight.tobytes(), np.array([1, 2, 3], "<f4").tobytes()]

    onnx.save(model, tmp_path / "model.onnx", save_as_external_data=True, location="model.onnx.data", size_threshold=99)
    data = (tmp_path / "model.onnx").read_bytes()
    assert sniff(data, "model.onnx") == ONNX
    atoms, note = atoms_of(data, ONNX)
    assert note is None
    texts = [atom.text for atom in atoms if atom.text is not None]
    assert "producer: the tests" in texts
    assert "tensor layer.0.weight, f32, 64 x 64, in the file model.onnx.data" in texts
    assert "tensor shape, i64, 2" in texts


def test_a_checkpoint_is_told_from_other_zips() -> None:
    assert sniff(a_checkpoint({"a": drawn(1, 4)})[:8192], "pytorch_model.bin") == PYTORCH
    other = io.BytesIO()
    import zipfile

    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("notes/data.txt", "fog")
    assert sniff(other.getvalue(), "a.pt") == "application/zip"


def test_names_are_joined_no_further_than_a_name_may_be_long() -> None:
    tracemalloc.start()
    try:
        [(name, _)] = pickled_tensors(io.BytesIO(LONG_NAMES))
        assert len(name) == LONGEST_NAME + 1
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
