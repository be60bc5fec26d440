"""The dagster.yaml of a home: a link to ours, or a file of ours that names the storage, and never in place of the user's own."""

import os
from pathlib import Path

import pytest
import yaml
from pydantic import SecretStr, ValidationError
from sqlalchemy.exc import OperationalError

from hartonomous_core.credentials import without_credentials
from hartonomous_resources.project_files import project_file
from hartonomous_resources.settings import Settings
from hartonomous_service.cli.main import describe_dagster_storage_error
from hartonomous_service.dagster_home import prepare_dagster_home
from hartonomous_service.errors import Conflict

URL = "postgresql://dagster:s3cret@db.example/dagster"
WITH_DRIVER = "postgresql+psycopg2://dagster:s3cret@db.example/dagster"
VARIABLE = "HARTONOMOUS_DAGSTER_POSTGRES_URL"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What preparing a home sets is taken back."""
    for name in ("DAGSTER_HOME", "DAGSTER_DISABLE_TELEMETRY", "HARTONOMOUS_HOME", VARIABLE):
        monkeypatch.setenv(name, "")


def on_postgres(tmp_path: Path, url: str = URL) -> Settings:
    return Settings(home=tmp_path, dagster_postgres_url=SecretStr(url))


def prepared(settings: Settings) -> Path:
    return prepare_dagster_home(settings) / "dagster.yaml"


def test_without_the_setting_it_is_a_link_to_ours(tmp_path: Path) -> None:
    assert prepared(Settings(home=tmp_path)).readlink() == project_file("dagster.yaml")


def test_with_the_setting_it_is_ours_with_a_storage_that_reads_the_url_from_the_environment(tmp_path: Path) -> None:
    written = yaml.safe_load(prepared(on_postgres(tmp_path)).read_text())

    ours = yaml.safe_load(project_file("dagster.yaml").read_text())
    assert written == {**ours, "storage": {"postgres": {"postgres_url": {"env": VARIABLE}}}}


def test_our_own_file_stays_as_it_is(tmp_path: Path) -> None:
    before = project_file("dagster.yaml").read_text()
    prepared(Settings(home=tmp_path))

    prepared(on_postgres(tmp_path))

    assert project_file("dagster.yaml").read_text() == before


def test_the_processes_that_are_started_get_the_url(tmp_path: Path) -> None:
    prepared(on_postgres(tmp_path))

    assert os.environ[VARIABLE] == WITH_DRIVER


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg2"])
def test_the_driver_that_dagster_works_with_is_named_whatever_the_scheme(tmp_path: Path, scheme: str) -> None:
    settings = on_postgres(tmp_path, URL.replace("postgresql", scheme))

    assert settings.dagster_postgres_url is not None
    assert settings.dagster_postgres_url.get_secret_value() == WITH_DRIVER


@pytest.mark.parametrize(
    "url",
    [
        "mysql://dagster:s3cret@db/dagster",
        "s3cret",
        "postgresql://dagster:s3cret@db:port/x",
        "postgresql+psycopg://dagster:s3cret@db/x",
    ],
)
def test_another_url_is_refused_without_showing_it(tmp_path: Path, url: str) -> None:
    with pytest.raises(ValidationError) as refused:
        on_postgres(tmp_path, url)

    said = without_credentials(str(refused.value))  # as every command prints it
    assert "postgresql://HOST:PORT/DATABASE with USER:PASSWORD@ before HOST" in said
    assert "s3cret" not in str(refused.value)


def test_with_the_setting_taken_back_it_is_the_link_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared(on_postgres(tmp_path))
    monkeypatch.setenv(VARIABLE, "")

    assert prepared(Settings(home=tmp_path)).readlink() == project_file("dagster.yaml")


def test_a_file_of_the_users_own_is_kept(tmp_path: Path) -> None:
    (tmp_path / "dagster").mkdir()
    (tmp_path / "dagster" / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")

    assert prepared(Settings(home=tmp_path)).read_text() == "telemetry:\n  enabled: false\n"


def test_a_file_of_the_users_own_and_the_setting_are_a_contradiction(tmp_path: Path) -> None:
    (tmp_path / "dagster").mkdir()
    (tmp_path / "dagster" / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")

    with pytest.raises(Conflict, match=f"dagster.yaml is your own.*{VARIABLE}"):
        prepared(on_postgres(tmp_path))


def test_a_server_that_goes_away_while_a_command_works_is_one_sentence(tmp_path: Path) -> None:
    error = OperationalError(
        "SELECT 1", {}, Exception("server closed the connection unexpectedly\n\tThis probably means")
    )

    said = describe_dagster_storage_error(error, tmp_path)

    assert said.startswith(
        "Dagster's storage on PostgreSQL: server closed the connection unexpectedly; start the server"
    )
