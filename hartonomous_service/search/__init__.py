"""Searches atoms by meaning, by words or by both, and lists the places of one.

`searching` is the call: `questions` embeds what is asked, `by_words` ranks by words, `fusing` makes one list of two, `hits` shows what was
found, `places` where it stands.
"""

from hartonomous_service.search.places import list_places
from hartonomous_service.search.searching import MAX_RESULTS, Mode, search

__all__ = ["MAX_RESULTS", "Mode", "list_places", "search"]
