"""Vectors of another text model than the settings name: each command that meets them says which they are, and what helps."""

import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from hartonomous_core.embedders import TEXT_MODEL
from hartonomous_resources.compute.protocol import ModelIdentity
from hartonomous_resources.compute.text_model import TextModelFiles
from hartonomous_resources.compute.text_model_download import PINNED, WEIGHTS
from hartonomous_resources.database.transactions import transact
from hartonomous_resources.resources import Resources
from hartonomous_resources.settings import Settings
from hartonomous_resources.work.models import activate_embedding_models
from hartonomous_service import named_text_models
from hartonomous_service.cli.ingested import show_ingested
from hartonomous_service.errors import Conflict
from hartonomous_service.health import check_health
from hartonomous_service.ingest import ingest
from hartonomous_service.model_check import find_other_model
from hartonomous_service.search import search
from tests.builders import SmallCompute

NATIVE = ModelIdentity("text", TEXT_MODEL, 3, PINNED[WEIGHTS].sha256, "int8", '{"arithmetic": "int8-9"}')
ONNX = replace(NATIVE, artifact_hash="ab" * 32, settings="{}")
API = ModelIdentity("text", "small", 3, "cd" * 32, "api", '{"origin": "https://host"}')


def with_vectors_of(resources: Resources, model: ModelIdentity) -> Resources:
    transact(resources.database, partial(activate_embedding_models, models=[model]))
    return replace(resources, compute=SmallCompute(NATIVE))


@pytest.mark.parametrize(
    ("here", "helps"),
    [
        (ONNX, "set HARTONOMOUS_TEXT_ENGINE=onnxruntime, or ingest a new file to embed all anew"),
        (
            replace(ONNX, precision="fp32"),
            "set HARTONOMOUS_TEXT_PRECISION=fp32 and HARTONOMOUS_TEXT_ENGINE=onnxruntime",
        ),
        (replace(ONNX, name="mine", precision="own"), "set HARTONOMOUS_TEXT_MODEL to its folder"),
        (replace(NATIVE, settings='{"arithmetic": "int8-1"}'), "by another release or from another file: ingest a new"),
        (API, "are by small of an API: set HARTONOMOUS_COMPUTE=api and HARTONOMOUS_API_MODEL=small, or ingest"),
    ],
    ids=["engine", "precision", "encoder", "arithmetic", "api"],
)
def test_search_says_what_differs_and_what_helps(resources: Resources, here: ModelIdentity, helps: str) -> None:
    with pytest.raises(Conflict, match=helps):
        search(with_vectors_of(resources, here), "What makes the sea rise?")


@pytest.mark.parametrize(
    ("here", "helps"),
    [
        (
            replace(API, name="other", artifact_hash="ef" * 32),
            "are by other of an API: set HARTONOMOUS_API_MODEL=other, or ingest a new",
        ),
        (replace(API, artifact_hash="ef" * 32), "of another server, or of another dimension: ingest a new file"),
        (
            NATIVE,
            f"set HARTONOMOUS_COMPUTE=in_process and HARTONOMOUS_TEXT_MODEL={TEXT_MODEL} and HARTONOMOUS_TEXT_PRECISION=int8 "
            "and HARTONOMOUS_TEXT_ENGINE=native, or ingest",
        ),
    ],
    ids=["model", "server", "in process"],
)
def test_search_by_an_api_says_what_differs(resources: Resources, here: ModelIdentity, helps: str) -> None:
    with pytest.raises(Conflict, match=helps):
        search(replace(with_vectors_of(resources, here), compute=SmallCompute(API)), "What makes the sea rise?")


def test_an_ingest_by_an_api_says_that_the_vectors_are_of_another_model(resources: Resources) -> None:
    chosen = resources.settings.model_copy(update={"compute": "api", "api_model": "small"})
    with_vectors_of(resources, NATIVE)

    assert "the settings name the text model small of an API" in str(find_other_model(resources.database, chosen))
    with_vectors_of(resources, API)
    assert find_other_model(resources.database, chosen) is None


def test_an_ingest_that_embeds_nothing_says_it(resources: Resources, capsys: pytest.CaptureFixture[str]) -> None:
    result = ingest(with_vectors_of(resources, ONNX), [], wait=False)
    show_ingested(result, Path("/"))

    assert "not searchable by meaning: the settings name" in capsys.readouterr().err
    assert ingest(with_vectors_of(resources, NATIVE), [], wait=False)["otherModel"] is None


def text_model_check(settings: Settings) -> tuple[str, str]:
    [found] = [check for check in check_health(settings)["checks"] if check["name"] == "text_model"]
    return found["status"], found["detail"]


def test_health_says_that_the_vectors_are_of_another_model(resources: Resources, text_model: TextModelFiles) -> None:
    settings = resources.settings.model_copy(update={"model_dir": text_model.model_path.parents[1]})
    assert text_model_check(settings)[0] == "healthy", "no vectors yet"
    with_vectors_of(resources, ONNX)

    status, detail = text_model_check(settings)

    assert status == "degraded"
    assert "set HARTONOMOUS_TEXT_ENGINE=onnxruntime" in detail


def test_health_reads_the_files_of_the_model_anew_once_one_has_changed(
    resources: Resources, text_model: TextModelFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(text_model.model_path.parent, tmp_path / "models" / TEXT_MODEL)
    settings = resources.settings.model_copy(update={"model_dir": tmp_path / "models"})
    read: list[None] = []
    really = named_text_models._read
    monkeypatch.setattr(named_text_models, "_read", lambda settings: read.append(None) or really(settings))

    assert [text_model_check(settings)[0] for _ in range(3)] == ["healthy"] * 3
    assert len(read) == 1
    with (tmp_path / "models" / TEXT_MODEL / WEIGHTS).open("r+b") as file:
        file.write(b"\xff" * 16)
    assert text_model_check(settings)[0] == "degraded"
    assert len(read) == 2
    monkeypatch.setattr(named_text_models, "_LONGEST_SECONDS", -1.0)
    text_model_check(settings)
    assert len(read) == 3, "a disk may lose what it holds"


@pytest.mark.parametrize("harm", ["truncated", "flipped"])
def test_health_says_that_the_model_is_damaged(
    resources: Resources, text_model: TextModelFiles, tmp_path: Path, harm: str
) -> None:
    copy = tmp_path / "models" / TEXT_MODEL
    copy.mkdir(parents=True)
    for path in (text_model.model_path, text_model.tokenizer_path):
        shutil.copy(path, copy)
    with (copy / WEIGHTS).open("r+b") as file:
        if harm == "truncated":
            file.truncate(50_000_000)
        else:
            file.seek(70_000_000)
            file.write(b"harm")

    status, detail = text_model_check(resources.settings.model_copy(update={"model_dir": tmp_path / "models"}))

    assert status == "degraded"
    assert str(copy / WEIGHTS) in detail and "delete it and run again" in detail
