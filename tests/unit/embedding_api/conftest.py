"""A server of embeddings, and what asks it."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import SecretStr

from hartonomous_resources.compute.api.api_compute import ApiCompute
from hartonomous_resources.settings import Settings
from tests.embedding_server import EmbeddingServer
from tests.unit.embedding_api.asking import KEY, QUICK


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    with EmbeddingServer() as running:
        yield running


@pytest.fixture
def settings(server: EmbeddingServer, tmp_path: Path) -> Settings:
    return Settings(
        home=tmp_path / "home", compute="api", api_url=server.url, api_model="small", api_key=SecretStr(KEY)
    )


@pytest.fixture
def compute(settings: Settings) -> Iterator[ApiCompute]:
    with closing(ApiCompute(settings, QUICK)) as opened:
        yield opened
