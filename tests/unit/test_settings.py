"""Settings: what is misspelt, wrong or secret in them."""

from pathlib import Path
from typing import get_args

import pytest
from pydantic import SecretStr, ValidationError

from hartonomous_core.credentials import without_credentials
from hartonomous_resources.resources import COMPUTES
from hartonomous_resources.settings import Settings
from hartonomous_resources.settings_problems import problems_of, remarks_on_settings, usable_settings


@pytest.mark.parametrize(
    ("variable", "nearest"),
    [
        ("HARTONOMOUS_LINGER_SECOND", "HARTONOMOUS_LINGER_SECONDS"),
        ("HARTONOMOUS_INGEST_BATCH_SIZE", "HARTONOMOUS_INGESTION_BATCH_SIZE"),
        ("hartonomous_hom", "HARTONOMOUS_HOME"),
    ],
)
def test_a_misspelt_variable_is_named_with_the_nearest(
    monkeypatch: pytest.MonkeyPatch, variable: str, nearest: str
) -> None:
    monkeypatch.setenv(variable, "1")

    assert remarks_on_settings(Settings()) == [f"{variable} is no setting and has no effect: is {nearest} meant?"]


@pytest.mark.parametrize(
    "variable",
    [
        "HARTONOMOUS_TEST_SQLSERVER_DSN",
        "HARTONOMOUS_DEV_OF_HOME",
        "HARTONOMOUS_DEBUG",
        "HARTONOMOUS_WORKER_PASSWORD",
        "hartonomous_threads",
        "HARTONOMOUS",
    ],
)
def test_a_variable_that_is_known_is_not_remarked_on(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "1")

    assert remarks_on_settings(Settings()) == []


def test_all_that_is_wrong_is_found_and_the_rest_is_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARTONOMOUS_THREADS", "-1")
    monkeypatch.setenv("HARTONOMOUS_ALLOWED_ROOTS", "/srv/inbox")
    monkeypatch.setenv("HARTONOMOUS_SQLSERVER_USER", "app")
    monkeypatch.setenv("ConnectionStrings__HartonomousDb", "nonsense")
    monkeypatch.setenv("HARTONOMOUS_BROKER", "table")

    settings, problems = usable_settings()

    assert set(problems) == {"threads", "allowed_roots", "sqlserver_user", "config"}
    assert "a JSON list is expected" in problems["allowed_roots"]
    assert (settings.threads, settings.allowed_roots, settings.sqlserver_user) == (0, [], None)
    assert settings.broker == "table"


def test_what_is_wrong_quotes_no_value() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(openlineage_url="hunter2", threads="hunter2")  # type: ignore[arg-type]

    assert "hunter2" not in str(caught.value) + str(problems_of(caught.value))


def test_paths_do_not_depend_on_the_folder_of_the_process_that_reads_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)

    settings = Settings(text_model="models/x.onnx", home=Path("home"), config=None, model_dir=Path("m"))

    assert settings.text_model == str(tmp_path / "models/x.onnx")
    assert (settings.home, settings.model_dir) == (tmp_path / "home", tmp_path / "m")


# ---- credentials


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bolt://neo4j:hunter2@graph:7687", "bolt://graph:7687"),
        ("https://hunter2@host/api?a=1", "https://host/api?a=1"),
        ("no answer from http://u:hunter2@a and http://u:hun@ter2@b/c", "no answer from http://a and http://b/c"),
        ("http://u:hun/ter2@host/path", "http://host/path"),
        ("postgresql://u:8080x/hunter2@host/db", "postgresql://host/db"),
        ("SERVER=db;UID=app;PWD={hun;ter}}2};Encrypt=yes", "SERVER=db;UID=app;PWD=***;Encrypt=yes"),
        ("Server=db;Password='hun;ter2';x=1", "Server=db;Password=***;x=1"),
        ("https://host/lineage?api_key=hunter2&b=2", "https://host/lineage?api_key=***&b=2"),
        ("https://host/?access_token=hunter2", "https://host/?access_token=***"),
        ("https://host/?sig=hun:ter2: only local files", "https://host/?sig=***: only local files"),
    ],
)
def test_credentials_are_taken_out(text: str, expected: str) -> None:
    assert without_credentials(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "file:///home/a@b/report.txt",
        "http://host:8080/a@b",
        "https://host/?mail=a@b.example",
        "a: b@c",
        "HARTONOMOUS_SQLSERVER_USER and _PASSWORD",
    ],
)
def test_what_is_no_credential_stays(text: str) -> None:
    assert without_credentials(text) == text


def test_no_secret_is_in_the_repr_of_the_settings() -> None:
    settings = Settings(sqlserver_server="db", sqlserver_password=SecretStr("hunter2"))

    assert "hunter2" not in repr(settings)


# ---- compute


def test_the_backends_of_compute_are_those_that_the_setting_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(get_args(Settings.model_fields["compute"].annotation)) == set(COMPUTES)
    monkeypatch.setenv("HARTONOMOUS_COMPUTE", "abacus")

    _, problems = usable_settings()

    assert problems == {"compute": "Input should be 'in_process', 'worker', 'auto' or 'api'"}


@pytest.mark.parametrize(
    ("given", "precisions"), [("fp32", ["fp32"]), ("int8,fp32", ["int8", "fp32"]), ("fp16,int8", ["fp16", "int8"])]
)
def test_a_text_model_may_have_several_precisions(given: str, precisions: list[str]) -> None:
    assert Settings(text_precision=given).text_precisions == precisions


@pytest.mark.parametrize("given", ["int4", "int8,int8", "int8, fp32", ","])
def test_a_precision_that_is_none_is_refused(given: str) -> None:
    with pytest.raises(ValidationError, match="int8, fp16 or fp32 is expected, or several, each once: int8,fp16"):
        Settings(text_precision=given)


@pytest.mark.parametrize("given", ["gpu", "cuda:", "cuda:-1", "cuda:1234", "CPU", "cuda:0,cuda:1"])
def test_a_device_that_is_none_is_refused(given: str) -> None:
    with pytest.raises(ValidationError, match="device"):
        Settings(device=given)
