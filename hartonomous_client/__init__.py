"""A client of `hartonomous serve`: `Client`, and `AsyncClient` with the same calls. Needs httpx alone: `pip install 'hartonomous[client]'`.

from hartonomous_client import Client

with Client("http://127.0.0.1:8350", key="…") as client:
    client.create_source(b"The moon makes the sea rise.", source_uri="mail:1", content_type="text/plain")
    for hit in client.search("what makes the sea rise")["results"]:
        print(hit["text"], hit["sources"])
"""

from importlib.util import find_spec

if find_spec("httpx") is None:
    raise ModuleNotFoundError("hartonomous_client needs httpx: pip install 'hartonomous[client]'", name="httpx")

from hartonomous_client.async_client import AsyncClient
from hartonomous_client.failures import ConnectionFailed, HartonomousError
from hartonomous_client.sync_client import Client

__all__ = ["AsyncClient", "Client", "ConnectionFailed", "HartonomousError"]
