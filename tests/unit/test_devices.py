"""Which device computes: what a probe found, what hangs or crashes in it, and what is said of a device that is not there."""

import sys
import time
from pathlib import Path

import numpy as np
import pytest

from hartonomous_core.embedders.protocol import DeviceError
from hartonomous_resources.compute import devices, spaces
from hartonomous_resources.compute.devices import CudaDevice, cuda_device, probe_cuda, run_probe
from hartonomous_resources.compute.in_process import InProcessCompute
from hartonomous_resources.compute.protocol import ComputeUnavailable
from hartonomous_resources.settings import Settings

A_DEVICE = '{"name": "A GPU", "memoryBytes": 34359738368, "driver": "13.0"}'


def answer_of(program: str, seconds: float = 30.0) -> CudaDevice | str:
    return run_probe(1, [sys.executable, "-c", program], seconds)


def test_a_device_that_computed_is_named() -> None:
    found = answer_of(f"print('a library says something'); print('{A_DEVICE}')")

    assert str(found) == "cuda:1 (A GPU, 32 GiB, CUDA 13.0)"


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "trying it ended with -11"),
        ("raise SystemExit('the driver is of another version')", "ended with 1: the driver is of another version"),
        ("print('{}')", "ended with 0"),
        ("print('[]')", "ended with 0"),
        ("print('no JSON')", "ended with 0"),
        ("""print('{"problem": "it has no memory"}')""", "it has no memory"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="NOT TESTED: signals")
def test_why_it_cannot_be_used_is_told(program: str, words: str) -> None:
    found = answer_of(program)

    assert isinstance(found, str)
    assert words in found


def test_a_driver_that_hangs_is_given_up_on() -> None:
    began = time.monotonic()

    assert "took more than 0.5 s" in str(answer_of("import time; time.sleep(600)", 0.5))
    assert time.monotonic() - began < 60


def test_a_program_that_is_not_there_is_a_reason_too(tmp_path: Path) -> None:
    assert "it could not be tried" in str(run_probe(0, [str(tmp_path / "none")]))


def test_the_probe_answers_for_this_machine() -> None:
    """Whichever answer it is: where there is a GPU it has computed something."""
    devices.forget_devices()
    found = probe_cuda(0)
    if isinstance(found, CudaDevice):
        assert found.memory_bytes > 2**30
    else:
        assert found
        with pytest.raises(ComputeUnavailable, match="HARTONOMOUS_DEVICE=cuda, but "):
            cuda_device(Settings(device="cuda"))
        assert cuda_device(Settings(device="auto")) is None
    assert cuda_device(Settings(device="cpu")) is None


@pytest.mark.slow
def test_without_that_gpu_a_model_is_not_loaded_and_int8_is_the_processors(model_dir: Path) -> None:
    settings = Settings(model_dir=model_dir, text_precision="int8,fp32", device="cuda:99")
    compute = InProcessCompute(settings)
    int8, fp32 = compute.models()
    assert compute.device() == "cuda:99, no model is loaded yet"
    compute.embed(int8, ["a text"])

    assert compute.device() == "cpu"
    with pytest.raises(ComputeUnavailable, match="HARTONOMOUS_DEVICE=cuda:99, but "):
        compute.embed(fp32, ["a text"])
    compute.close()


class Failing:
    """An embedder on a device that fails as it is told."""

    device = "cuda:0 (A GPU)"
    dimension = 384

    def embed(self, _items: object) -> object:
        raise DeviceError("the device failed: error 719")


@pytest.mark.slow
def test_a_device_that_fails_leaves_the_work_waiting_and_the_model_is_loaded_anew(
    model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "_found", {0: CudaDevice(0, "A GPU", 2**35, "13.0")})
    compute = InProcessCompute(Settings(model_dir=model_dir, text_precision="fp32"))
    [model] = compute.models()
    load = spaces._load_onnx
    monkeypatch.setattr(spaces, "_load_onnx", lambda *_: Failing())
    with pytest.raises(ComputeUnavailable, match=r"cuda:0 \(A GPU\): the device failed"):
        compute.embed(model, ["a text"])
    monkeypatch.setattr(spaces, "_load_onnx", load)

    assert devices._found == {}
    assert np.linalg.norm(compute.embed(model, ["a text"]).vectors) == pytest.approx(1)
    compute.close()


@pytest.mark.slow
def test_a_gpu_on_which_the_model_does_not_load_leaves_it_to_the_processor(
    model_dir: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A device of which a probe said that it computes, and there is none: onnxruntime meets it as it would a broken one."""
    monkeypatch.setattr(
        devices, "_found", {99: CudaDevice(99, "A GPU", 2**35, "13.0"), 0: CudaDevice(99, "A GPU", 2**35, "13.0")}
    )
    compute = InProcessCompute(Settings(model_dir=model_dir, text_precision="fp16"))
    [model] = compute.models()

    assert compute.embed(model, ["a text"]).vectors.shape == (1, 384)
    assert compute.device() == "cpu"
    assert "is computed by the processor, not by cuda:99 (A GPU" in caplog.text
    assert (model.precision, model.settings) == ("fp16", '{"engine": "onnxruntime", "windowTokens": 256}')
    compute.close()
