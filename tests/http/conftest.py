"""The app in this process, on a home of the test's own."""

import pytest
from starlette.testclient import TestClient

from hartonomous_service.http.app import create_app
from tests.http.home import fill


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
