"""The real text model for tests: fetched and built once into the user's cache, then only read.

HARTONOMOUS_MODEL_DIR names another folder. Without network, put model.safetensors and tokenizer.json into its
all-MiniLM-L6-v2 folder.
"""

import csv
import os
from pathlib import Path

import platformdirs
import pytest

from hartonomous_core.embedders.text_native import NativeTextEmbedder
from hartonomous_core.embedders.text_onnx import OnnxTextEmbedder
from hartonomous_resources.compute.text_model import TextModelFiles, ensure_text_model


@pytest.fixture(scope="session")
def model_dir() -> Path:
    default = platformdirs.user_cache_path("hartonomous") / "models"
    return Path(os.environ.get("HARTONOMOUS_MODEL_DIR", default))


@pytest.fixture(scope="session")
def text_model(model_dir: Path) -> TextModelFiles:
    return ensure_text_model(model_dir)


@pytest.fixture(scope="session")
def text_model_onnx(model_dir: Path) -> TextModelFiles:
    return ensure_text_model(model_dir, engine="onnxruntime")


@pytest.fixture(scope="session")
def text_model_fp32(model_dir: Path) -> TextModelFiles:
    return ensure_text_model(model_dir, precision="fp32")


@pytest.fixture(scope="session")
def text_model_fp16(model_dir: Path) -> TextModelFiles:
    return ensure_text_model(model_dir, precision="fp16")


@pytest.fixture(scope="session")
def embedder(text_model: TextModelFiles) -> NativeTextEmbedder:
    assert text_model.bert is not None
    compiled = [text_model.model_path.parent / "compiled"]
    return NativeTextEmbedder(text_model.model_path, text_model.tokenizer_path, text_model.bert, compiled=compiled)


@pytest.fixture(scope="session")
def embedder_onnx(text_model_onnx: TextModelFiles) -> OnnxTextEmbedder:
    return OnnxTextEmbedder(text_model_onnx.model_path, text_model_onnx.tokenizer_path)


@pytest.fixture(scope="session")
def embedder_fp32(text_model_fp32: TextModelFiles) -> OnnxTextEmbedder:
    return OnnxTextEmbedder(text_model_fp32.model_path, text_model_fp32.tokenizer_path)


@pytest.fixture(scope="session")
def sts_pairs() -> list[tuple[str, str, float]]:
    """Read the STS benchmark, English dev part: two sentences and their similarity from 0 to 5."""
    beside_checkout = Path(__file__).resolve().parents[2] / "shared" / "data"
    path = Path(os.environ.get("HARTONOMOUS_TEST_DATA", beside_checkout)) / "stsb_en_dev.csv"
    if not path.is_file():
        pytest.skip(f"NOT TESTED: {path} is missing; set HARTONOMOUS_TEST_DATA to the folder of stsb_en_dev.csv")
    with path.open(encoding="utf-8", newline="") as file:
        return [(first, second, float(score)) for first, second, score in csv.reader(file)]
