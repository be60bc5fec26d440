"""Says whether what was found answers the question, or is merely the nearest."""

from collections.abc import Sequence

from hartonomous_service.search.fusing import Found


def is_answered(best: float | None, floor: float | None, found: Sequence[Found]) -> bool:
    """Whether the highest cosine, `best`, reaches the floor of the model; where either is not known, whether anything was found."""
    if best is None or floor is None:
        return bool(found)
    return best >= floor
