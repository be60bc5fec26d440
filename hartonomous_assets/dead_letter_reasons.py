"""What Dagster may store of why something was given up on.

A reason quotes the uri and may quote content. Of one that is known, the words that are always the same are told; of any other nothing is.
"""

_KNOWN = (
    "lies outside the allowed roots",
    "not UTF-8",
    "is empty",
    "there is nothing to ingest",
    "not a regular file",
    "a symbolic link",
    "the file is not there (any more)",
    "cannot be opened",
    "more than HARTONOMOUS_MAX_SOURCE_BYTES",
    "was replaced while it was being opened",
    "only local files can be read",
    "not an absolute path",
    "not JSON",
    "exactly one of rawData and uri must be given",
    "inline data is limited",
    "was written to while it was read",
    "the process that worked on it died each time",
    "no embedding model is active",
    "is recorded already, otherwise",
)
_OTHER = "see `hartonomous dead-letters show`"


def tellable(reason: str) -> str:
    """The part of a reason that quotes nobody."""
    return next((known for known in _KNOWN if known in reason), _OTHER)
