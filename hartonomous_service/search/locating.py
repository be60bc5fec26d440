"""Finds out where in 3-D a search looks: in which space, by which projection, and about which point."""

from collections.abc import Sequence
from typing import NamedTuple

from hartonomous_core.spatial.hilbert_ranges import Region
from hartonomous_resources.compute.protocol import Compute
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.embedding_rows import ACTIVE_PROJECTION_MODEL, ProjectionModel
from hartonomous_resources.work.placing import place
from hartonomous_service.errors import Unavailable
from hartonomous_service.search.questions import Question
from hartonomous_service.search.regions import Box, Radius, make_region

_NOTHING_PLACED = "nothing has a place in 3-D yet; `hartonomous ingest`, or a running `dev`, gives one to what waits"
_SOME_PLACED = "some embeddings have no place in 3-D yet, and are not among these"


class Sought(NamedTuple):
    """A region, in the space of a model as a projection of it places it."""

    model_id: int
    projection_model_id: int
    method: str
    region: Region


def locate(
    unit_of_work: UnitOfWork,
    compute: Compute,
    model_id: int,
    question: Question | None,
    at: Sequence[float] | None,
    box: Box | None,
    radius: Radius | None,
) -> Sought | None:
    """Make the region that is looked through; the point is the place of the question by the active projection, if there is a question.

    None while the model has no projection. What lies there is to be read in the same transaction. Raises Unavailable where the artefact of the
    projection is damaged.
    """
    active = unit_of_work.query(ACTIVE_PROJECTION_MODEL, model_id=model_id)
    if not active:
        return None
    projection = active[0]
    if question is not None:
        at = _place_of(unit_of_work, compute, projection, question)
    return Sought(model_id, projection["projectionModelId"], projection["method"], make_region(at, box, radius))


def _place_of(
    unit_of_work: UnitOfWork, compute: Compute, projection: ProjectionModel, question: Question
) -> list[float]:
    from hartonomous_core.spatial.fitted import DamagedArtifact

    try:
        at: list[float] = place(unit_of_work, compute, projection, question.vector[None])[0].tolist()
    except DamagedArtifact as error:
        raise Unavailable(f"{error}: run the asset `projection_model` with `switch_to` or `method`") from error
    return at


def describe_place(unit_of_work: UnitOfWork, tenant: int, sought: Sought | None) -> dict[str, object]:
    """Say where was looked, and whether everything has a place there."""
    if sought is None:
        return {"spatial": None, "note": _NOTHING_PLACED}
    said: dict[str, object] = {
        "spatial": {
            "at": sought.region.centre.tolist(),
            "method": sought.method,
            "projectionModelId": sought.projection_model_id,
        }
    }
    if unit_of_work.query("has_unplaced", tenant_id=tenant, model_id=sought.model_id):
        said["note"] = _SOME_PLACED
    return said
