"""Searches atoms by meaning, by words or by both, and lists the places of one.

`searching` is the call, `look_alikes` that for pictures. `questions` embeds what is asked, `finding` ranks, `by_words` by words, `fusing` makes
one list of two, `hits` shows what was found, `places` where it stands, `neighbours` what stands around it. `filters` reads what narrows a
search, `grouping` makes one hit a source, `highlighting` says which sentence answers.
"""

from hartonomous_service.search.finding import Mode
from hartonomous_service.search.look_alikes import search_like
from hartonomous_service.search.places import list_places
from hartonomous_service.search.searching import MAX_RESULTS, search

__all__ = ["MAX_RESULTS", "Mode", "list_places", "search", "search_like"]
