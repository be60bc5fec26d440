"""Shortens the reason of a dead letter to what Dagster may store.

A reason quotes the uri and may quote content. Of a known one, the words that are always the same are kept; of any other, none.
"""

KNOWN = (
    "lies outside the allowed roots",
    "may lie outside the allowed roots",
    "not UTF-8",
    "not a regular file",
    "the file is not there (any more)",
    "cannot be opened",
    "more than HARTONOMOUS_MAX_SOURCE_BYTES",
    "was replaced while it was being opened",
    "only local files can be read",
    "not an absolute path",
    "not JSON",
    "not a JSON object",
    "is nested more than",
    "it is given more than once",
    "a key is there twice in one object",
    "eventType: it is none of",
    "Field required",
    "Input should be",
    "exactly one of rawData and uri must be given",
    "inline data is limited",
    "was written to while it was read",
    "the process that worked on it died each time",
    "no embedding model is active",
    "is recorded already, with another",
)
_OTHER = "see `hartonomous dead-letters show`"


def reason_without_content(reason: str) -> str:
    """Return the part of a reason that quotes neither uri nor content."""
    return next((known for known in KNOWN if known in reason), _OTHER)
