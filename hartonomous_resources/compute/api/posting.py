"""Posts to one address with one key. Each has a deadline in all; no redirect is followed, nothing is decompressed, no cookie is kept."""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import CancelledError
from dataclasses import dataclass

import httpx

from hartonomous_resources.compute.protocol import ComputeUnavailable

_CONNECT_SECONDS = 10.0

for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)  # below it they log what a server says, which may be the key


class PostFailed(Exception):
    """No whole reply came. `was_sent` says whether the server may have worked on it."""

    def __init__(self, problem: str, *, was_sent: bool = True) -> None:
        super().__init__(problem)
        self.was_sent = was_sent


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered."""

    status: int
    retry_after: str | None
    body: bytes


class Poster:
    """Keeps connections between posts. Any threads may call it, until it is closed.

    An event loop in a thread does it, for a deadline that holds whatever drips in: httpx limits each read alone.
    """

    def __init__(self, url: str, key: str | None) -> None:
        self._url, self._key = url, key
        self._lock = threading.Lock()
        self._running: tuple[asyncio.AbstractEventLoop, threading.Thread, httpx.AsyncClient] | None = None

    def post(self, body: bytes, most_bytes: int, seconds: float) -> Reply:
        """Post JSON and return the reply. Raises PostFailed, also for one that has more bytes or takes longer.

        Raises ComputeUnavailable where it is closed meanwhile.
        """
        with self._lock:
            if self._running is None:
                loop = asyncio.new_event_loop()
                thread = threading.Thread(target=loop.run_forever, name="embedding-api", daemon=True)
                self._running = loop, thread, self._new_client()
                thread.start()
            loop, _, client = self._running
            reply = asyncio.run_coroutine_threadsafe(self._post(client, body, most_bytes, seconds), loop)
        try:
            return reply.result()
        except CancelledError:
            raise ComputeUnavailable("the API was closed while it was asked") from None
        finally:
            reply.cancel()  # where this thread was interrupted

    def close(self) -> None:
        """Hang up, also on who waits."""
        with self._lock:
            running, self._running = self._running, None
        if running is not None:
            loop, thread, client = running
            asyncio.run_coroutine_threadsafe(_hang_up(client), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    def _new_client(self) -> httpx.AsyncClient:
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        return httpx.AsyncClient(
            headers=headers,
            timeout=httpx.Timeout(None, connect=_CONNECT_SECONDS),
            trust_env=self._url.startswith("https:"),  # no proxy may see what is meant for this machine
        )

    async def _post(self, client: httpx.AsyncClient, body: bytes, most_bytes: int, seconds: float) -> Reply:
        found = bytearray()
        try:
            async with asyncio.timeout(seconds), client.stream("POST", self._url, content=body) as response:
                client.cookies.clear()
                if response.headers.get("Content-Encoding", "identity").lower() != "identity":
                    raise PostFailed("it answers compressed, though asked not to")
                async for some in response.aiter_raw():
                    found += some
                    if len(found) > most_bytes:
                        raise PostFailed(f"it answers with more than {most_bytes:,} bytes")
            return Reply(response.status_code, response.headers.get("Retry-After"), bytes(found))
        except TimeoutError:
            raise PostFailed(f"no whole answer within {seconds:,.0f} s") from None
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise PostFailed(f"cannot connect: {error or type(error).__name__}", was_sent=False) from None
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:
            # Its text may quote what the server sent, the key perhaps.
            raise PostFailed(f"the connection broke off ({type(error).__name__})") from None


async def _hang_up(client: httpx.AsyncClient) -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for each in others:
        each.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await client.aclose()
