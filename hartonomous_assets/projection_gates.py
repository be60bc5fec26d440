"""Asset checks of a projection: what is left of neighbourhoods in 3-D, how the places spread, whether what is new still fits it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import dagster as dg
import numpy as np
from numpy.typing import NDArray

from hartonomous_assets.stage_metadata import markdown_table
from hartonomous_core.spatial.fitted import PCA_METHOD
from hartonomous_core.spatial.landmarks import LANDMARK_METHOD
from hartonomous_core.spatial.projection_quality import (
    LEAST_ROWS,
    NEIGHBOURS,
    OVERLAPPING,
    bucket_occupancy,
    drift_of,
    neighbour_overlap,
    trustworthiness_of,
)

LEAST_TRUSTWORTHINESS = 0.80
MOST_IN_A_BUCKET = 0.25
MOST_DRIFT = 0.25
_BY_CHANCE = 0.5
"""Trustworthiness of points that were drawn."""

TRUSTWORTHINESS = dg.AssetCheckSpec(
    "trustworthiness",
    asset="projection_model",
    description=f"Of vectors that it was not fitted to, {LEAST_ROWS} at least, else it warns: how few of the {NEIGHBOURS} neighbours in 3-D are none "
    "among the vectors (1: all are). "
    f"Of a map (UMAP, t-SNE) at least {LEAST_TRUSTWORTHINESS}, of PCA what the landmark axes reach, of these more than chance. A fit that "
    "fails does not come into force.",
)
OVERLAP = dg.AssetCheckSpec(
    "neighbour_overlap",
    asset="projection_model",
    description=f"Which share of the {OVERLAPPING} nearest vectors are among the {OVERLAPPING} nearest in 3-D: at least what the landmark axes "
    "keep of them, of these more than chance. A fit that fails does not come into force.",
)
OCCUPANCY = dg.AssetCheckSpec(
    "bucket_occupancy",
    asset="projection_model",
    description=f"Buckets that hold something. It warns where one of them holds more than {MOST_IN_A_BUCKET:.0%} of the vectors.",
)
DRIFT = dg.AssetCheckSpec(
    "drift",
    asset="projection_model",
    description="How differently what came after the fit is spread over the cube (population stability index over 64 cells; 0: alike). It warns "
    f"above {MOST_DRIFT}: fit the projection anew. Of the landmark axes, which were fitted to nothing: the newest against all.",
)
GATES = (TRUSTWORTHINESS, OVERLAP, OCCUPANCY, DRIFT)


@dataclass(frozen=True, slots=True)
class Gate:
    """A measured figure of one space; `least` is None where there is nothing to reach, `most` where there is no upper limit."""

    value: float
    least: float | None = None
    most: float | None = None
    more: str = ""

    @property
    def passed(self) -> bool:
        return (self.least is None or self.value >= self.least) and (self.most is None or self.value <= self.most)


def measure(
    method: str,
    judged: NDArray[np.float32],
    places: NDArray[np.float64],
    landmarks: NDArray[np.float64],
    newest: NDArray[np.float64],
) -> dict[str, Gate]:
    """Return the gates of a projection by name.

    `judged` are (n, d) unit vectors that it was not fitted to, `places` and `landmarks` (n, 3) where it and the landmark axes put them, `newest`
    (m, 3) where it puts what came after the fit. Of fewer than 40 judged vectors only those gates that do not need more.
    """
    gates = {}
    if len(judged) >= LEAST_ROWS:
        baseline = method == LANDMARK_METHOD
        trusted = _BY_CHANCE if baseline else trustworthiness_of(judged, landmarks)
        kept = OVERLAPPING / (len(judged) - 1) if baseline else neighbour_overlap(judged, landmarks)
        is_map = method not in (LANDMARK_METHOD, PCA_METHOD)
        gates[TRUSTWORTHINESS.name] = Gate(
            trustworthiness_of(judged, places), least=LEAST_TRUSTWORTHINESS if is_map else trusted
        )
        gates[OVERLAP.name] = Gate(neighbour_overlap(judged, places), least=kept)
        occupied, even, fullest = bucket_occupancy(places)
        gates[OCCUPANCY.name] = Gate(
            fullest, most=MOST_IN_A_BUCKET, more=f"{occupied} buckets, spread as over {even:.0f} even ones"
        )
        if len(newest) >= LEAST_ROWS:
            gates[DRIFT.name] = Gate(drift_of(places, newest), most=MOST_DRIFT, more=f"{len(newest)} new vectors")
    return gates


def results(spaces: Mapping[str, Mapping[str, Gate]]) -> Iterator[dg.AssetCheckResult]:
    """Yield a result of each check over all spaces, by their names: with the worst of its figures, as a number that the page plots.

    A space that could not be judged is no success: the check warns, and says so. But where nothing came after the fit, nothing has drifted.
    """
    for spec in GATES:
        found = {name: gates[spec.name] for name, gates in spaces.items() if spec.name in gates}
        unjudged = [name for name, gates in spaces.items() if not gates]
        without_news = [name for name in spaces if name not in found and name not in unjudged]
        said = [f"not judged, of fewer than {LEAST_ROWS} vectors: {', '.join(unjudged)}"] if unjudged else []
        if without_news:
            said.append(f"fewer than {LEAST_ROWS} vectors came after the fit: {', '.join(without_news)}")
        fails = any(not gate.passed for gate in found.values())
        blocks = fails and spec in (TRUSTWORTHINESS, OVERLAP)
        yield dg.AssetCheckResult(
            asset_key=spec.asset_key,
            check_name=spec.name,
            passed=not fails and not unjudged and bool(spaces),
            severity=dg.AssetCheckSeverity.ERROR if blocks else dg.AssetCheckSeverity.WARN,
            description="; ".join(said) if spaces else "not judged: nothing is embedded yet",
            metadata=_metadata(found),
        )


def failures(gates: Mapping[str, Gate]) -> Sequence[str]:
    """Return what keeps a fit from coming into force, in words."""
    return [
        f"{spec.name.replace('_', ' ')} is {gates[spec.name].value:.3f}, and has to be {gates[spec.name].least:.3f} at least"
        for spec in (TRUSTWORTHINESS, OVERLAP)
        if spec.name in gates and not gates[spec.name].passed
    ]


def _metadata(found: Mapping[str, Gate]) -> dict[str, dg.MetadataValue]:
    if not found:
        return {}
    values = [gate.value for gate in found.values()]
    worst = max(values) if any(gate.most is not None for gate in found.values()) else min(values)
    rows = [
        {
            "space": name,
            "figure": f"{gate.value:.4f}",
            "at least" if gate.most is None else "at most": f"{gate.least if gate.most is None else gate.most:.4f}",
            "more": gate.more,
        }
        for name, gate in found.items()
    ]
    return {"figure": dg.MetadataValue.float(float(worst)), "spaces": markdown_table(rows)}
