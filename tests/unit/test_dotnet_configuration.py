"""The appsettings.json of the .NET workers and its variables, as they lie on a machine that switches over."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from hartonomous_resources.dotnet_configuration import FIELDS, NOT_NEEDED, SQL_SERVER_KEY
from hartonomous_resources.settings import Settings
from hartonomous_resources.settings_problems import problems_of, remarks_on_settings

SEED = """{
  "ConnectionStrings": {
    "HartonomousDb": "Server=localhost;Database=Hartonomous;Trusted_Connection=True;",
    "Neo4j": "bolt://localhost:7687"
  },
  "ServiceBroker": {
    "IngestionQueue": "IngestionQueue",
    "ProvenanceQueue": "ProvenanceQueue"
  },
  "EmbeddingModel": {
    "Type": "ONNX",
    "ModelPath": "./models/all-MiniLM-L6-v2.onnx"
  },
  "Workers": {
    "Ingestion": {
      "Enabled": true,
      "BatchSize": 100
    },
    "Neo4jSync": {
      "Enabled": true,
      "RetryDelaySeconds": 5
    },
    "EmbeddingGenerator": {
      "Enabled": true,
      "PollingIntervalSeconds": 10
    },
    "SpatialProjector": {
      "Enabled": true,
      "PollingIntervalSeconds": 60
    }
  }
}
"""


@pytest.fixture(autouse=True)
def _nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("HARTONOMOUS_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Writes appsettings.json and names it in the environment."""

    def write_file(content: str | bytes) -> Path:
        file = tmp_path / "appsettings.json"
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        monkeypatch.setenv("HARTONOMOUS_CONFIG", str(file))
        return file

    return write_file


def connection(text: str) -> str:
    return json.dumps({"ConnectionStrings": {"HartonomousDb": text}})


def problem() -> str:
    with pytest.raises(ValidationError) as caught:
        Settings()
    [(field, text)] = problems_of(caught.value).items()
    assert field == "config"
    return text


# ---- the file


def test_the_file_of_the_net_workers_is_read_as_it_stands(write: Any, tmp_path: Path) -> None:
    write(SEED)

    settings = Settings()

    assert (settings.sqlserver_server, settings.sqlserver_database) == ("localhost", "Hartonomous")
    assert settings.sqlserver_user is settings.sqlserver_password is None
    assert settings.neo4j_uri == "bolt://localhost:7687"
    assert settings.text_model == str(tmp_path / "models/all-MiniLM-L6-v2.onnx")
    assert (settings.ingestion_batch_size, settings.retry_delay_seconds) == (100, 5)


def leaves(document: dict[str, Any], path: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in document.items():
        found |= leaves(value, f"{path}{key}:") if isinstance(value, dict) else {f"{path}{key}": value}
    return found


def test_every_key_of_it_has_a_setting_or_is_named_as_not_needed(write: Any) -> None:
    write(SEED)
    keys = leaves(json.loads(SEED))

    assert set(keys) == {SQL_SERVER_KEY, *FIELDS, *NOT_NEEDED}
    assert remarks_on_settings(Settings()) == [
        f"{key} is not needed: {NOT_NEEDED[key]}" for key in keys if key in NOT_NEEDED
    ]


@pytest.mark.parametrize(
    ("key", "value", "field", "expected"),
    [
        ("Workers:Ingestion:Enabled", False, "ingestion_enabled", False),
        ("Workers:Ingestion:BatchSize", 7, "ingestion_batch_size", 7),
        ("Workers:Ingestion:BatchSize", "7", "ingestion_batch_size", 7),
        ("Workers:Neo4jSync:Enabled", "False", "provenance_enabled", False),
        ("Workers:Neo4jSync:RetryDelaySeconds", 0.5, "retry_delay_seconds", 0.5),
        ("workers:EMBEDDINGGENERATOR:enabled", False, "embedding_enabled", False),
        ("Workers:SpatialProjector:Enabled", False, "projection_enabled", False),
        ("EmbeddingModel:ModelPath", "all-MiniLM-L6-v2", "text_model", "all-MiniLM-L6-v2"),
        ("EmbeddingModel:ModelPath", "/models/x.onnx", "text_model", "/models/x.onnx"),
    ],
)
def test_a_key_changes_its_setting(write: Any, key: str, value: object, field: str, expected: object) -> None:
    write(json.dumps({key: value}))

    assert getattr(Settings(), field) == expected


def test_comments_trailing_commas_and_a_byte_order_mark_are_no_error(write: Any) -> None:
    text = """// as Visual Studio writes it
    { /* a comment with } and , */ "Workers": { "Ingestion": { "BatchSize": 7, // of "100"
      }, },
      "ConnectionStrings": {"Neo4j": "bolt://graph/*no comment*/,}"}, "AllowedHosts": "*", "None": null, }"""
    write(text.encode("utf-8-sig"))

    settings = Settings()

    assert settings.ingestion_batch_size == 7
    assert settings.neo4j_uri == "bolt://graph/*no comment*/,}"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is not JSON: Expecting value: line 1 column 1"),
        (b'{"Workers": {"Ingestion" 7}}', "is not JSON: Expecting ':' delimiter: line 1 column 26"),
        (b"[" * 100_000, "is not JSON"),
        (b"[1]", "an object is expected"),
        (b"\xff\xfe{}", "cannot be read: it is not UTF-8"),
    ],
)
def test_a_broken_file_is_one_sentence(write: Any, content: bytes, says: str) -> None:
    file = write(content)

    assert says in problem()
    assert str(file) in problem()


def test_a_missing_file_is_one_sentence(write: Any) -> None:
    file = write("{}")
    file.unlink()

    assert problem() == f"{file} cannot be read: No such file or directory"


def test_keys_of_other_programs_are_passed_over_and_unknown_ones_of_the_workers_named(write: Any) -> None:
    write(
        '{"Logging": {"LogLevel": {"Default": "Information"}}, "AllowedHosts": "*", "Workers": {"Ingestion": {"Batchsze": 1}}}'
    )

    assert remarks_on_settings(Settings()) == [
        "Workers:Ingestion:Batchsze is no key that the .NET workers had: it has no effect"
    ]


# ---- which one wins


def test_a_variable_of_net_wins_over_the_file_and_one_of_ours_over_both(
    write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(
        json.dumps(
            {
                "Workers": {"Ingestion": {"BatchSize": 1}, "Neo4jSync": {"RetryDelaySeconds": 1}},
                "ConnectionStrings": {"Neo4j": "bolt://a"},
            }
        )
    )
    monkeypatch.setenv("WORKERS__Ingestion__batchsize", "2")
    monkeypatch.setenv("ConnectionStrings__Neo4j", "bolt://b")
    monkeypatch.setenv("HARTONOMOUS_INGESTION_BATCH_SIZE", "3")

    settings = Settings()

    assert (settings.retry_delay_seconds, settings.neo4j_uri, settings.ingestion_batch_size) == (1, "bolt://b", 3)
    assert Settings(ingestion_batch_size=4).ingestion_batch_size == 4


def test_a_connection_string_of_the_environment_replaces_the_whole_one_of_the_file(
    write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(connection("Server=old;Database=Old;User=me;Password=old"))
    monkeypatch.setenv("ConnectionStrings__HartonomousDb", "Server=sqlserver;User=sa;Password=YourPassword")

    settings = Settings()

    assert (settings.sqlserver_server, settings.sqlserver_database, settings.sqlserver_user) == (
        "sqlserver",
        None,
        "sa",
    )


def test_a_variable_works_without_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "ConnectionStrings__HartonomousDb", "Server=sqlserver;Database=Hartonomous;User=sa;Password=YourPassword"
    )
    monkeypatch.setenv("Other__Ingestion__Enabled", "x")

    assert Settings().sqlserver_password == SecretStr("YourPassword")
    assert remarks_on_settings(Settings()) == []


# ---- connection strings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Server=db;User Id=u;Password=p", {"server": "db", "user": "u", "password": "p"}),
        ("data source=db,1433; Initial Catalog = Atoms ;UID=u;PWD=p;", {"server": "db,1433", "database": "Atoms", "user": "u", "password": "p"}),
        ('Server=db;Password="a;b""c=d";User=u', {"server": "db", "password": 'a;b"c=d', "user": "u"}),
        ("Server=db;Password='a;b''c\"';User=u", {"server": "db", "password": "a;b'c\"", "user": "u"}),
        ("Server=db;Password=a=b'c;User=u", {"server": "db", "password": "a=b'c", "user": "u"}),
        ("Server=db;Encrypt=False;TrustServerCertificate=True", {"server": "db", "encrypt": "no", "trust_certificate": True}),
        ("Server=db;Encrypt=Strict;Trust Server Certificate=no", {"server": "db", "encrypt": "strict"}),
        ("Server=db;Encrypt=Mandatory;Connect Timeout=3;Command Timeout=4", {"server": "db", "login_seconds": 3, "query_seconds": 4}),
        ("Server=.;Integrated Security=SSPI;User=ignored;Password=ignored", {"server": "localhost"}),
        (r"Server=tcp:.\SQLEXPRESS", {"server": r"tcp:localhost\SQLEXPRESS"}),
        ("Server=(local),1433;Trusted_Connection=False;User=u", {"server": "localhost,1433", "user": "u"}),
        ("Server=db;Authentication=Active Directory Default", {"server": "db", "entra_token": True}),
        ("Server=db;Authentication=Sql Password;User=u;Password=p;Database=", {"server": "db", "user": "u", "password": "p"}),
    ],
)  # fmt: skip
def test_a_connection_string_becomes_the_settings(write: Any, text: str, expected: dict[str, object]) -> None:
    write(connection(text))

    settings = Settings()

    made = {name: getattr(settings, f"sqlserver_{name}") for name in expected}
    made = {name: v.get_secret_value() if isinstance(v, SecretStr) else v for name, v in made.items()}
    assert made == expected
    assert {"user", "password"} & set(expected) or settings.sqlserver_user is settings.sqlserver_password is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hunter2", "is no connection string: keyword=value is expected at character 1"),
        ('Server=db;Password="hunter2', "is no connection string: keyword=value is expected at character 11"),
        ("Server=db;Password='hunter2'x", "is no connection string: keyword=value is expected at character 11"),
        ("Database=Atoms;Password=hunter2", "names no Server"),
        ("Server=db;Authentication=Active Directory Interactive;Password=hunter2", "asks for an Authentication that is not known"),
    ],
)  # fmt: skip
def test_a_connection_string_that_cannot_be_used_is_one_sentence_without_its_words(
    write: Any, text: str, says: str
) -> None:
    write(connection(text))

    assert problem().startswith(f"ConnectionStrings:HartonomousDb {says}")
    assert "hunter2" not in problem()


def test_keywords_without_a_counterpart_are_named(write: Any) -> None:
    write(connection("Server=db;MultipleActiveResultSets=true;Max Pool Size=9"))

    assert remarks_on_settings(Settings()) == [
        "ConnectionStrings:HartonomousDb: MultipleActiveResultSets is not needed",
        "ConnectionStrings:HartonomousDb: Max Pool Size is not needed",
    ]
