"""A real server on a free port, and both clients of it, used alike."""

import asyncio
import inspect
import threading
import time
from contextlib import contextmanager

import pytest
import uvicorn

from hartonomous_client import AsyncClient, Client
from hartonomous_resources.settings import Settings
from hartonomous_service.http.app import create_app
from tests.http.home import fill


class Awaited:
    """An AsyncClient that is used as a Client is: each call is run to its end."""

    def __init__(self, client):
        self._client, self._loop = client, asyncio.new_event_loop()

    def __getattr__(self, name):
        def call(*args, **kwargs):
            made = getattr(self._client, name)(*args, **kwargs)
            if inspect.isasyncgen(made):
                return iter(self._loop.run_until_complete(_collect(made)))
            return self._streamed(made) if name == "stream_content" else self._loop.run_until_complete(made)

        return call

    @contextmanager
    def _streamed(self, made):
        blocks = self._loop.run_until_complete(made.__aenter__())
        try:
            yield iter(self._loop.run_until_complete(_collect(blocks)))
        except Exception as error:
            self._loop.run_until_complete(made.__aexit__(type(error), error, error.__traceback__))
            raise
        self._loop.run_until_complete(made.__aexit__(None, None, None))

    def close(self):
        self._loop.run_until_complete(self._client.close())
        self._loop.close()


async def _collect(rows):
    return [row async for row in rows]


@pytest.fixture(scope="module")
def url(tmp_path_factory, model_dir):
    """The address of a server without keys, whose home holds something."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HARTONOMOUS_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("HARTONOMOUS_MODEL_DIR", str(model_dir))
        app = create_app(Settings(linger_seconds=0), without_keys=True)
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None))
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        fill(app.state.resources)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        server.should_exit = True
        thread.join()


@pytest.fixture(params=["sync", "async"])
def make_client(request):
    """Makes a client of each kind; both are used alike."""
    made = []

    def make(*args, **kwargs):
        is_sync = request.param == "sync"
        made.append(Client(*args, **kwargs) if is_sync else Awaited(AsyncClient(*args, **kwargs)))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(make_client, url):
    return make_client(url)
