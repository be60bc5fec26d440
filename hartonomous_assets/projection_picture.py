"""A picture of where a projection puts vectors, as Markdown for Dagster's page."""

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


def picture(points: NDArray[np.float64], newest: NDArray[np.float64]) -> dg.MetadataValue:
    """Draw (n, 3) points, and (m, 3) of what came since, from three sides; a sentence where matplotlib is not installed."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return dg.MetadataValue.text("no picture: matplotlib is not installed (pip install 'hartonomous[projections]')")
    figure = Figure(figsize=(9, 3.2), dpi=80, layout="constrained")
    for place, (across, up) in enumerate(_SIDES, 1):
        axes = figure.add_subplot(1, 3, place, aspect="equal")
        axes.set(xlim=(-1, 1), ylim=(-1, 1), xlabel=_AXES[across], ylabel=_AXES[up])
        axes.grid(color=_PALE, linewidth=0.3)
        axes.scatter(points[:_POINTS, across], points[:_POINTS, up], s=2, c=_STRONG, linewidths=0)
        axes.scatter(newest[:_POINTS, across], newest[:_POINTS, up], s=2, c=_NEW, linewidths=0)
    written = io.BytesIO()
    figure.savefig(written, format="png")
    data = base64.b64encode(written.getvalue()).decode()
    return dg.MetadataValue.md(f"![where vectors lie; red: what came after the fit](data:image/png;base64,{data})")
