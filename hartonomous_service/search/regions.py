"""Reads where a search in 3-D looks, as callers say it."""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, BeforeValidator, Field

from hartonomous_core.spatial.hilbert_ranges import Region
from hartonomous_service.arguments import Text
from hartonomous_service.errors import Invalid


# Both count before the numbers are looked at: who gives too few has to hear that, not which of them is out of range.
def _require_three(value: object) -> object:
    if isinstance(value, Sequence) and not isinstance(value, str) and len(value) != 3:
        raise ValueError(f"a point has three coordinates x, y, z, not {len(value)}")
    return value


def _require_six(value: object) -> object:
    if isinstance(value, Sequence) and not isinstance(value, str) and len(value) != 6:
        raise ValueError(
            f"a box has six coordinates, of its lowest and its highest corner x0, y0, z0, x1, y1, z1, not {len(value)}"
        )
    return value


def _require_corners(value: Sequence[float]) -> Sequence[float]:
    for axis, low, high in zip("xyz", value[:3], value[3:], strict=True):
        if low > high:
            raise ValueError(
                f"a box goes from its lowest corner to its highest, but {axis} goes from {low:g} to {high:g}"
            )
    return value


Coordinate = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]
Point = Annotated[Sequence[Coordinate], BeforeValidator(_require_three)]
"""x, y, z, each from -1 to 1."""
Box = Annotated[Sequence[Coordinate], BeforeValidator(_require_six), AfterValidator(_require_corners)]
"""x0, y0, z0, x1, y1, z1: the lowest and the highest corner."""
Radius = Annotated[float, Field(ge=0, allow_inf_nan=False)]


def read_coordinates(text: Text, argument: str) -> list[float]:
    """Read numbers with commas between them, such as "0.5,-0.2,0". Raises Invalid, naming the argument that they are of."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise Invalid(f"{text!r} is no list of numbers with commas between them", argument=argument) from None


def make_region(centre: Sequence[float] | None, box: Box | None, radius: Radius | None) -> Region:
    """Make the region of a box, the whole cube where there is none, and of a ball about a point, else about the centre of the box."""
    low, high = np.array(box or [-1, -1, -1, 1, 1, 1], dtype=np.float64).reshape(2, 3)
    middle = (low + high) / 2 if centre is None else np.array(centre, dtype=np.float64)
    return Region(low, high, middle, np.inf if radius is None else radius)
