"""What a search answers, as a dict, and as a table of pandas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_OF_PLACE = ("sourceId", "sourceUri", "byteOffset", "byteLength", "locator")


class SearchResult(dict[str, Any]):
    """A dict with what was found; JSON writes it as one."""

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each hit, by its rank; of its places the first, and of its sentence that answers the text.

        `x`, `y`, `z` and `distance` are NaN but in spatial mode.
        """
        import pandas as pd

        rows = [_row(hit) for hit in self["results"]]
        frame = pd.DataFrame(rows, columns=list(_row(_NO_HIT)))
        return frame.set_index("rank").astype(dict.fromkeys(("score", "distance", "x", "y", "z"), "float64"))


_NO_HIT: dict[str, Any] = dict.fromkeys(
    (
        "rank",
        "score",
        "atomHash",
        "modality",
        "subtype",
        "text",
        "highlight",
        "semanticRank",
        "lexicalRank",
        "distance",
        "position",
        "placeCount",
        "sourceCount",
        "sources",
    )
)


def _row(hit: dict[str, Any]) -> dict[str, Any]:
    place = (hit["sources"] or [{}])[0]
    return {
        **{name: hit[name] for name in _NO_HIT if name not in ("highlight", "position", "sources")},
        **dict(zip("xyz", hit["position"] or (None, None, None), strict=True)),
        "highlight": hit["highlight"] and hit["highlight"]["text"],
        **{name: place.get(name) for name in _OF_PLACE},
    }
