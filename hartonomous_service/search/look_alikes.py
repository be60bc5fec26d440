"""The call that finds pictures that look like another one."""

from typing import Annotated

from pydantic import Field

from hartonomous_core.atomizers import Partial
from hartonomous_resources.compute.own_models import LOOK_ALIKE
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.searchable_atoms import AtomFilter
from hartonomous_resources.database.transactions import ask
from hartonomous_resources.parsing.pictures import read_pixels
from hartonomous_resources.resources import Resources
from hartonomous_resources.work.models import active_embedding_models
from hartonomous_service.arguments import Id, Tenant, checked
from hartonomous_service.errors import Invalid
from hartonomous_service.model_check import first_active
from hartonomous_service.moments import Moment
from hartonomous_service.search.filters import MediaType, Metadata, UriPrefix
from hartonomous_service.search.finding import Finder
from hartonomous_service.search.neighbours import MAX_HITS
from hartonomous_service.search.questions import Question
from hartonomous_service.search.search_result import SearchResult
from hartonomous_service.search.searching import MAX_RESULTS, Group, show_ranked

MOST_BYTES = 32 * 1024 * 1024
"""Of a picture that is sent to be compared."""
_NO_VECTOR = "no picture is embedded yet; `hartonomous ingest`, or a running `dev`, embeds what waits"


@checked
def search_like(
    resources: Resources,
    picture: Annotated[bytes, Field(max_length=MOST_BYTES)],
    *,
    tenant: Tenant = 0,
    k: Annotated[int, Field(ge=1, le=MAX_RESULTS)] = 10,
    source_id: Id | None = None,
    uri_prefix: UriPrefix | None = None,
    content_type: MediaType | None = None,
    received_since: Moment | None = None,
    received_until: Moment | None = None,
    metadata: Metadata | None = None,
    group: Group | None = None,
) -> SearchResult:
    """Find the k pictures that look most like one, given by the bytes of its file: PNG, JPEG, GIF, WebP, TIFF or BMP.

    A hit is what is seen of a picture, made small: `thumbnail` gives it for a source. `answered` says whether the nearest is the same picture,
    perhaps resized, cropped a little or packed anew: then its cosine, `best`, is at least `floor`. The filters are those of `search`, and so
    is what is returned.

    Raises Invalid for what is no picture, or a damaged one.
    """
    if group and k > MAX_HITS:
        raise Invalid(f"{MAX_HITS} sources are shown at most, not {k}", argument="group")
    atom_filter = AtomFilter(
        modality="image",
        source_id=source_id,
        uri_prefix=uri_prefix,
        media_type=content_type,
        received_since=received_since,
        received_until=received_until,
        metadata=metadata,
    )
    try:
        pixels = read_pixels(resources.parsers, picture)
    except Partial as problem:
        raise Invalid(f"it cannot be compared: {problem}", argument="picture") from problem
    [vector] = resources.compute.embed(LOOK_ALIKE, [pixels]).vectors

    def read(unit_of_work: UnitOfWork) -> SearchResult:
        found = first_active(unit_of_work, [LOOK_ALIKE], active_embedding_models(unit_of_work))
        question = None if found is None else Question(found[1], LOOK_ALIKE, vector, None)
        finder = Finder(unit_of_work, resources.vectors, tenant, "semantic", "", question)
        ranking = finder.find(k, atom_filter)
        best = ranking[0].cosine if ranking else None
        result = SearchResult(
            answered=best is not None and best >= (LOOK_ALIKE.answer_floor or 0.0),
            floor=LOOK_ALIKE.answer_floor,
            best=None if best is None else round(best, 6),
            lexicalRanking=None,
            results=show_ranked(finder, ranking, k, atom_filter, group, 0),
        )
        return result if question else SearchResult(result, note=_NO_VECTOR)

    return ask(resources.database, read)
