"""Puts an error of the service into words of the command line: the option that was wrong, and the command that helps."""

from collections.abc import Mapping

from hartonomous_service.errors import Remedy, ServiceError

REMEDIES: Mapping[Remedy, str] = {
    "activate_partial": "wait, or give --partial",
    "find_atoms": "`hartonomous search` shows the hashes of atoms",
    "give_more_time": "give --seconds for more",
    "list_dead_letters": "`hartonomous dead-letters list --all-tenants` shows what is there",
    "list_failed_jobs": "`hartonomous jobs list --status Failed` shows those that did",
    "list_inferences": "`hartonomous inferences list` shows what is recorded",
    "list_jobs": "`hartonomous jobs list` shows what is there",
    "list_keys": "`hartonomous keys list` shows what is there",
    "list_models": "`hartonomous models list` shows what is there",
    "list_sources": "`hartonomous sources list` shows what is there",
    "migrate": "`hartonomous ingest` or `hartonomous migrate` makes it; HARTONOMOUS_HOME names another home",
    "reconstruct": "`hartonomous reconstruct ID -o FILE` writes its bytes",
    "reset_demo": "`hartonomous demo --reset` starts over",
    "search_by_words": "--mode lexical works without",
    "sync_events": "run `hartonomous ingest` or the daemon first, then verify again",
    "upload": "`hartonomous ingest` takes files in",
    "verify": "`hartonomous verify` names the atoms at fault",
    "write": "give --write to change data",
    "write_to_stdout": "- is stdout",
}

_OPTIONS = {
    "adopt": "--adopt",
    "after": "--after",
    "api_price": "--price",
    "api_url": "--api",
    "as_of": "--as-of",
    "at": "--at",
    "box": "--box",
    "content_type": "--content-type",
    "context": "--context",
    "expires": "--expires",
    "group": "--group",
    "output": "-o",
    "page": "--page",
    "picture": "--like",
    "port": "--port",
    "radius": "--radius",
    "received_since": "--since",
    "received_until": "--until",
    "scopes": "--scope",
    "uri_prefix": "--uri",
}
"""Options by the argument of a call that they set; only those whose values the commands do not check themselves."""


def describe_error(error: ServiceError) -> str:
    """Return the one line that a command prints for an error."""
    said = str(error)
    argument = (error.argument or "").partition(".")[0]  # the list of the value at fault
    if argument in _OPTIONS:
        said = f"{_OPTIONS[argument]}: {error.problem}"
    return f"{said}; {REMEDIES[error.remedy]}" if error.remedy else said
