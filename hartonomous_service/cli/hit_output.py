"""Prints what a search found for people: on a terminal with styles, elsewhere with marks."""

from collections.abc import Sequence
from typing import Any

from rich.text import Text

from hartonomous_service.cli.output import err, out, printable
from hartonomous_service.cli.places_in_words import describe_locator

_MARK = "**"
"""Around the sentence that answers, where nothing can be bold."""
_PLACES_SHOWN = 3
_NEAREST_SHOWN = 3


def show_search(result: Any, narrowed: Sequence[str] = ()) -> None:
    """Print search results, and what their numbers are; `narrowed` are the options that narrowed the search."""
    if "note" in result:
        err.print(f"note: {result['note']}", soft_wrap=True)
    if narrowed and not result["results"]:
        out.print(f"nothing found in what was asked for ({printable(', '.join(narrowed))})")
        return
    if "spatial" in result:
        _show_places(result)
        return
    show_results(result)
    cosine = next((hit["score"] for hit in result["results"] if hit["score"] is not None), None)
    if result["answered"] and cosine is not None:
        order = "meaning" if result["lexicalRanking"] is None else "meaning and by words"
        if _is_of_pictures(result):
            order = "look"
        out.print(f"{cosine:.2f} is the cosine; hits are ordered by {order}")


def show_results(result: Any) -> None:
    """Print search results; of a question that nothing answers, the first three."""
    hits = result["results"]
    if not hits:
        out.print("nothing found")
    elif not result["answered"]:
        nothing, it = ("Nothing here answers that", "an answer")
        if _is_of_pictures(result):
            nothing, it = ("The same picture is not here", "the same")
        out.print(
            f"{nothing} (the best cosine is {result['best']:.2f}, {it} has {result['floor']:.2f} or more). The nearest:"
        )
        hits = hits[:_NEAREST_SHOWN]
    for hit in hits:
        _show_hit(hit, "     -" if hit["score"] is None else f"{hit['score']:6.2f}")
    if (more := len(result["results"]) - len(hits)) > 0:
        out.print(f"… and {more:,} more: --json shows them")
    if "inferenceId" in result:
        out.print(f"recorded as inference {result['inferenceId']}")


def _is_of_pictures(result: Any) -> bool:
    return bool(result["results"]) and result["results"][0]["modality"] == "image"


def _show_places(result: Any) -> None:
    """Print the results of a search by place: each with its distance, where it lies, and its cosine to a text, if that was asked."""
    if not result["results"]:
        out.print("nothing found")
        return
    for hit in result["results"]:
        _show_hit(hit, f"{hit['distance']:.4f}")
        out.print(
            f"      at {_point(hit['position'])}{'' if hit['score'] is None else ', cosine {:.2f}'.format(hit['score'])}"
        )
    if "inferenceId" in result:
        out.print(f"recorded as inference {result['inferenceId']}")
    first, spatial = result["results"][0]["distance"], result["spatial"]
    out.print(
        f"{first:.4f} is the distance from {_point(spatial['at'])} by the {spatial['method']} projection; hits are ordered by it"
    )


def _point(coordinates: Sequence[float]) -> str:
    return f"({', '.join(f'{each:.4f}' for each in coordinates)})"


def _show_hit(hit: Any, number: str) -> None:
    out.print(Text.assemble(f"{hit['rank']:>2}. {number}  ", _mark_answer(hit)))
    for place in hit["sources"][:_PLACES_SHOWN]:
        out.print(f"      source {place['sourceId']}, {_where(place)}: {printable(place['sourceUri'])}")
        context = place.get("context", {"before": [], "after": []})
        for side in ("before", "after"):
            for neighbour in context[side]:
                out.print(Text(f"        {side + ':':<7} {printable(neighbour['text'])}", _style("dim")))
    out.print(f"      atom {hit['atomHash']}")
    if (more := hit["placeCount"] - _PLACES_SHOWN) > 0:
        sources = "1 source" if hit["sourceCount"] == 1 else f"{hit['sourceCount']:,} sources"
        out.print(f"      … and {more:,} more places, in {sources}: `hartonomous places` with the atom lists them")


def _mark_answer(hit: Any) -> Text:
    text = hit["text"] or ("(picture)" if hit["modality"] == "image" else "")
    sentence = (hit["highlight"] or {"text": ""})["text"]
    if sentence in ("", text):
        return Text(printable(text))
    before, _, after = text.partition(sentence)
    mark = "" if _has_styles() else _MARK
    return Text.assemble(printable(before), (f"{mark}{printable(sentence)}{mark}", _style("bold")), printable(after))


def _style(name: str) -> str:
    return name if _has_styles() else ""


def _has_styles() -> bool:
    return out.is_terminal and not out.is_dumb_terminal and not out.no_color


def _where(place: Any) -> str:
    """Say where in its source an atom occurs, and where the sentence that answers; one derived from the bytes has a place in its format."""
    words = describe_locator(place.get("locator") or {})
    if place["byteOffset"] is None:
        return words or "derived"
    return f"{_bytes(place)}, {words}" if words else _bytes(place)


def _bytes(place: Any) -> str:
    where = f"bytes {place['byteOffset']}-{place['byteOffset'] + place['byteLength']}"
    if place["highlightOffset"] is None or place["highlightLength"] == place["byteLength"]:
        return where
    return f"{where}, the answer {place['highlightOffset']}-{place['highlightOffset'] + place['highlightLength']}"
