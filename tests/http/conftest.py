"""The app in this process, on a home of the test's own."""

import pytest
from starlette.testclient import TestClient

from hartonomous_resources.compute.in_process import InProcessCompute
from hartonomous_resources.resources import COMPUTES
from hartonomous_resources.settings import Settings
from hartonomous_service.http.app import create_app
from tests.http.home import fill

_OF_MODELS = {
    "model_dir",
    "text_model",
    "text_model_source",
    "text_engine",
    "text_precision",
    "threads",
    "answer_floor",
}


class _Kept(InProcessCompute):
    """Its models stay loaded for the next server: to load them is half of what a test of one costs."""

    def close(self) -> None:
        pass


@pytest.fixture(scope="session")
def kept() -> dict[str, _Kept]:
    """By the settings that say which models there are."""
    return {}


@pytest.fixture(autouse=True)
def share_models(kept: dict[str, _Kept], monkeypatch: pytest.MonkeyPatch) -> None:
    """All servers in this process have one compute, as those of a real one have it for all their requests."""

    def compute(settings: Settings) -> _Kept:
        return kept.setdefault(settings.model_dump_json(include=_OF_MODELS), _Kept(settings))

    monkeypatch.setitem(COMPUTES, "in_process", compute)


@pytest.fixture
def client(settings):
    """A client of a server without keys: tenant 0, every right."""
    app = create_app(settings, without_keys=True)
    with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def filled(client):
    """The client of a server that holds something."""
    fill(client.app.state.resources)
    return client
