"""Limits that messages, tables and settings share."""

INLINE_LIMIT = 1024 * 1024
"""Bytes that a message may carry itself; what is longer is read from its uri."""
