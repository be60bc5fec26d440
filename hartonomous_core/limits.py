"""Limits that messages, tables and settings share."""

INLINE_LIMIT = 1024 * 1024
"""Bytes that a message may carry itself; what is longer is read from its uri."""

MAX_ATTEMPTS = 5
"""Failed attempts at a source, a job or a message after which it is dead-lettered."""

KEPT_ANSWER_SECONDS = 24 * 3600.0
"""For so long what was answered to a request with an Idempotency-Key is kept, and given again."""
