"""Limits that messages, tables and settings share."""

INLINE_LIMIT = 1024 * 1024
"""Bytes that a message may carry itself; what is longer is read from its uri."""

MAX_ATTEMPTS = 5
"""Failed attempts at a source, a job or a message after which it is dead-lettered."""
