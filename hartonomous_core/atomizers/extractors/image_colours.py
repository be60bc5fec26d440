"""Names the colours that a picture mostly has."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_NAMED = {
    "black": "000000 181818",
    "dark grey": "404040",
    "grey": "808080",
    "light grey": "c0c0c0",
    "white": "ffffff f4f4f4",
    "dark red": "7a1010",
    "red": "d81e1e",
    "orange": "f08018",
    "brown": "6a4020 8a5a30",
    "beige": "dcc8a0",
    "yellow": "f4dc20",
    "olive": "707020",
    "dark green": "104818",
    "green": "28a030",
    "light green": "98d890",
    "turquoise": "20b0a8",
    "dark blue": "101c60 182848",
    "blue": "2050d0",
    "light blue": "90c0f0",
    "purple": "702090",
    "pink": "f088b0",
}
_MOST_NAMED = 4
_LEAST_SHARE = 0.1
_SIDE = 24
"""Pixels of a side that are looked at."""


def colours_in_words(picture: Image.Image) -> str:
    """Return such as "dark blue, orange and black": the colours of a tenth of an RGB picture or more, or its first; at most four."""
    pixels = np.asarray(picture.resize((_SIDE, _SIDE), Image.Resampling.BOX), np.float64).reshape(-1, 3)
    nearest = (_perceived(pixels) @ _TABLE.T - 0.5 * (_TABLE**2).sum(1)).argmax(1)
    shares = np.bincount(_NAME_OF_ROW[nearest], minlength=len(_NAMED)) / len(pixels)
    order = np.argsort(-shares, kind="stable")[:_MOST_NAMED]
    names = [list(_NAMED)[each] for each in order if shares[each] >= _LEAST_SHARE or each == order[0]]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _perceived(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return colours in Oklab (Ottosson, 2020), where distances are about as people see them; (n, 3) of 0 to 255."""
    linear = np.where(rgb <= 10.31475, rgb / (255 * 12.92), ((rgb / 255 + 0.055) / 1.055) ** 2.4)
    cones = np.cbrt(linear @ _TO_CONES.T)
    return np.asarray(cones @ _TO_OKLAB.T)


_TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_OKLAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_CODES = [(number, code) for number, codes in enumerate(_NAMED.values()) for code in codes.split()]
_NAME_OF_ROW = np.array([number for number, _ in _CODES])
_TABLE = _perceived(np.array([list(bytes.fromhex(code)) for _, code in _CODES], np.float64))
