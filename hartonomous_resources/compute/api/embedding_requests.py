"""Asks an API for vectors, and again where it may answer later, a limited number of times, and as far as the budget goes."""

from __future__ import annotations

import json
import random
import re
import threading
import time
from collections.abc import Sequence

from hartonomous_resources.compute.api.embedding_answers import (
    Answer,
    AnswerError,
    Refused,
    answer_bytes,
    read_answer,
)
from hartonomous_resources.compute.api.patience import Patience, seconds_of
from hartonomous_resources.compute.api.posting import Poster, PostFailed, Reply
from hartonomous_resources.compute.api.token_budget import TokenBudget, estimate_tokens
from hartonomous_resources.compute.protocol import ComputeUnavailable

_REFUSALS = {400, 413, 422}
_PASSING = {408, 409, 424, 425, 429}
_MOST_RETRY_AFTER = 3600.0
_CODE = re.compile(r"[a-z][a-z_]{2,50}")


class _NotNow(Exception):
    def __init__(self, problem: str, seconds: float | None = None) -> None:
        super().__init__(problem)
        self.seconds = seconds
        """For how long the API asks to be left alone."""


class EmbeddingRequests:
    """Requests of one model at one address. Any threads may call it."""

    def __init__(
        self, poster: Poster, model: str, budget: TokenBudget, key: str | None, patience: Patience | None = None
    ) -> None:
        self._poster, self._model, self._budget, self._key = poster, model, budget, key
        self._patience = patience or Patience()
        self._not_before = 0.0
        self._closed = threading.Event()

    def ask(self, texts: Sequence[str], dimension: int | None) -> Answer:
        """Return the vectors of texts. Raises Refused, and ComputeUnavailable for everything that may be otherwise later."""
        patience = self._patience
        asked = {"model": self._model, "input": list(texts), "encoding_format": "float"}
        body = json.dumps(asked).encode()
        until = time.monotonic() + patience.all_seconds
        tried = 0
        while True:
            now = time.monotonic()
            if self._not_before > now:
                raise ComputeUnavailable(f"the API asks to be left alone for {self._not_before - now:,.0f} s more")
            try:
                return self._try(body, texts, dimension, min(patience.try_seconds, until - now))
            except _NotNow as error:
                tried += 1
                pause = patience.pause_seconds * 2 ** (tried - 1) * random.uniform(0.5, 1)
                if error.seconds is not None and error.seconds > patience.longest_pause_seconds:
                    self._not_before = time.monotonic() + min(error.seconds, _MOST_RETRY_AFTER)
                    raise ComputeUnavailable(f"{error}; it asks to be left alone for {error.seconds:,.0f} s") from None
                pause = min(max(pause, error.seconds or 0), patience.longest_pause_seconds)
                if tried >= patience.tries or time.monotonic() + pause >= until:
                    raise ComputeUnavailable(f"{error}; asked {tried} times") from None
                if self._closed.wait(pause):
                    raise ComputeUnavailable("the API was closed while it was asked") from None

    def close(self) -> None:
        """Hang up, also on who waits. Nothing more may be asked."""
        self._closed.set()
        self._poster.close()

    def _try(self, body: bytes, texts: Sequence[str], dimension: int | None, seconds: float) -> Answer:
        estimated = sum(map(estimate_tokens, texts))
        self._budget.reserve(estimated)
        used = estimated  # unless it is told: also where an answer was cut off, for the server has computed it
        try:
            reply = self._poster.post(body, answer_bytes(len(texts), dimension), seconds)
            if reply.status != 200:
                used = 0
                raise self._judge(reply)
            answer = read_answer(reply.body, len(texts), dimension)
            used = estimated if answer.tokens is None else answer.tokens
            return answer
        except PostFailed as error:
            used = estimated if error.was_sent else 0
            raise _NotNow(f"the API does not answer: {error}") from None
        except AnswerError as error:
            raise _NotNow(f"the API's answer cannot be used: {error}") from None
        finally:
            self._budget.settle(estimated, used)

    def _judge(self, reply: Reply) -> Exception:
        said = f"the API answers HTTP {reply.status}{self._code_of(reply.body)}"
        if reply.status in _REFUSALS:
            return Refused(said)
        if reply.status in _PASSING or reply.status >= 500 or reply.status < 300:
            return _NotNow(said, seconds_of(reply.retry_after))
        if reply.status in (401, 403):
            if self._key:
                return ComputeUnavailable(f"{said}: correct HARTONOMOUS_API_KEY, or its key in HARTONOMOUS_API_KEYS")
            return ComputeUnavailable(
                f"{said}, and no key was sent: set HARTONOMOUS_API_KEY for the server of HARTONOMOUS_API_URL, and for any other "
                """HARTONOMOUS_API_KEYS='{"https://HOST": "KEY"}'"""
            )
        if reply.status < 400:
            return ComputeUnavailable(f"{said}, which leads elsewhere and is not followed: correct HARTONOMOUS_API_URL")
        return ComputeUnavailable(f"{said}: correct HARTONOMOUS_API_URL or HARTONOMOUS_API_MODEL")

    def _code_of(self, body: bytes) -> str:
        """Return the code of an error, a word for programs. Its message may quote a text, or the key."""
        try:
            error = json.loads(body).get("error")
            code = error.get("code") or error.get("type")
        except (ValueError, AttributeError, RecursionError):
            return ""
        is_word = isinstance(code, str) and _CODE.fullmatch(code) and (not self._key or self._key not in code)
        return f" ({code})" if is_word else ""
