"""Pictures of where a projection puts vectors, as Markdown for Dagster's page: a small one that it shows at once, and one that it opens."""

import base64
import io

import dagster as dg
import numpy as np
from numpy.typing import NDArray

_POINTS = 2000
_SIDES = ((0, 1), (0, 2), (1, 2))
_AXES = "xyz"
_PALE = "#b8c4d6"
_STRONG = "#1f5fbf"
_NEW = "#d1495b"
_SHOWN_AT_ONCE = 1000
"""Characters from which on the page has Markdown behind a link."""
_DENSITIES = ((255, 255, 255), (214, 224, 240), (128, 166, 222), (31, 95, 191))
_CELL_PIXELS = 4
_NOTHING = "no picture: matplotlib is not installed (pip install 'hartonomous[projections]')"


def picture(points: NDArray[np.float64], newest: NDArray[np.float64]) -> dg.MetadataValue:
    """Draw (n, 3) points, and (m, 3) of what came since, from three sides; a sentence where matplotlib is not installed."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return dg.MetadataValue.text(_NOTHING)
    figure = Figure(figsize=(9, 3.2), dpi=80, layout="constrained")
    for place, (across, up) in enumerate(_SIDES, 1):
        axes = figure.add_subplot(1, 3, place, aspect="equal")
        axes.set(xlim=(-1, 1), ylim=(-1, 1), xlabel=_AXES[across], ylabel=_AXES[up])
        axes.grid(color=_PALE, linewidth=0.3)
        axes.scatter(points[:_POINTS, across], points[:_POINTS, up], s=2, c=_STRONG, linewidths=0)
        axes.scatter(newest[:_POINTS, across], newest[:_POINTS, up], s=2, c=_NEW, linewidths=0)
    written = io.BytesIO()
    figure.savefig(written, format="png")
    return _as_markdown("where vectors lie; red: what came after the fit", written)


def glance(points: NDArray[np.float64]) -> dg.MetadataValue:
    """Draw how densely (n, 3) points lie, from three sides, with as many cells as the page shows at once; a sentence as above."""
    try:
        from PIL import Image
    except ImportError:
        return dg.MetadataValue.text(_NOTHING)
    cells = 32
    while True:
        sides = [_densities(points[:, side], cells) for side in _SIDES]
        pixels = np.concatenate(sides, axis=1).repeat(_CELL_PIXELS, axis=0).repeat(_CELL_PIXELS, axis=1)
        image = Image.frombytes("P", pixels.shape[::-1], pixels.tobytes())
        image.putpalette([part for colour in _DENSITIES for part in colour])
        written = io.BytesIO()
        image.save(written, format="png", bits=2, optimize=True)
        shown = _as_markdown("xy, xz, yz", written)
        if len(shown.md_str or "") < _SHOWN_AT_ONCE:
            return shown
        cells -= 2


def _densities(places: NDArray[np.float64], cells: int) -> NDArray[np.uint8]:
    """Return (cells, cells) of 0, where nothing lies, to 3, the densest third of the others; the second coordinate goes up."""
    counts, _, _ = np.histogram2d(places[:, 0], places[:, 1], bins=cells, range=[[-1, 1], [-1, 1]])
    occupied = counts[counts > 0]
    levels = np.quantile(occupied, [1 / 3, 2 / 3]) if len(occupied) else [0, 0]
    dense = (counts > 0) + 0 + (counts > levels[0]) + (counts > levels[1])
    return dense.T[::-1].astype(np.uint8)


def _as_markdown(said: str, png: io.BytesIO) -> dg.MarkdownMetadataValue:
    return dg.MetadataValue.md(f"![{said}](data:image/png;base64,{base64.b64encode(png.getvalue()).decode()})")
