"""The call that searches: by meaning, by words or by both."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from hartonomous_core.vocabulary import Modality
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.search_rows import LEXICAL_RANKING
from hartonomous_resources.database.searchable_atoms import AtomFilter
from hartonomous_resources.database.transactions import ask
from hartonomous_resources.resources import Resources
from hartonomous_resources.vectors.stored_vectors import cosines_of
from hartonomous_service.arguments import Id, Name, Tenant, Text, TypedText, checked
from hartonomous_service.errors import Invalid
from hartonomous_service.inferences import InferenceRecord, record_inference
from hartonomous_service.search.answering import is_answered
from hartonomous_service.search.by_words import rank_by_words
from hartonomous_service.search.filters import MediaType, Metadata, Moment, UriPrefix
from hartonomous_service.search.fusing import DEPTH, fuse
from hartonomous_service.search.hits import describe_hits
from hartonomous_service.search.questions import embed_question

Mode = Literal["hybrid", "semantic", "lexical"]

MAX_RESULTS = 1000


@checked
def search(
    resources: Resources,
    text: TypedText,
    *,
    tenant: Tenant = 0,
    k: Annotated[int, Field(ge=1, le=MAX_RESULTS)] = 10,
    mode: Mode = "hybrid",
    modality: Modality | None = None,
    source_id: Id | None = None,
    uri_prefix: UriPrefix | None = None,
    content_type: MediaType | None = None,
    received_since: Moment | None = None,
    received_until: Moment | None = None,
    metadata: Metadata | None = None,
    record_for: Name | None = None,
    task: Text | None = None,
) -> dict[str, Any]:
    """Find the k best atoms for a text, each with the places where it occurs: the first 20 are in `sources`.

    `placeCount` and `sourceCount` count them all; `list_places` pages through them.

    `score` is an atom's cosine: None in lexical mode, and where the atom has no vector. `semanticRank` and `lexicalRank` are its ranks by meaning and
    by words, None in a list that it is not in; the results are ordered by both (hybrid).

    `answered` says whether anything found is near enough to be an answer: `best`, the highest cosine, is at least `floor`. Otherwise the
    results are merely the nearest. Where no floor is known (another text model, lexical mode), whatever is found counts as an answer.

    `lexicalRanking` says how the store ranks by words: bm25, fulltext (SQL Server's index) or matches (how many of the words a text holds).

    Those of a source, by its id; of sources whose uri begins so; of a content type ("text/csv", or "text/*" for every type of text); received
    at or after a time, or before one; whose metadata hold these keys and values. What was found is then shown only where it stands in such
    sources.

    With `record_for`, the name of a model, the search records an inference that was given these atoms; `record_inference` adds the answer
    under its `inferenceId`, which is returned.

    Raises Invalid for an empty text or a k out of range, Unavailable when the text model cannot be loaded, Conflict when the
    embeddings are by another model.
    """
    text = text.replace("\0", " ")
    if not text.strip():
        raise Invalid("the search text is empty; give some words")
    atom_filter = AtomFilter(modality, source_id, uri_prefix, content_type, received_since, received_until, metadata)
    question = None if mode == "lexical" else embed_question(resources, text)
    if mode != "semantic":
        resources.database.index_texts()

    def read(unit_of_work: UnitOfWork) -> dict[str, Any]:
        def by_meaning(limit: int) -> Sequence[tuple[int, float]]:
            if question is None:
                return []
            space = tenant, question.model_id, question.vector
            return resources.vectors.nearest(unit_of_work, *space, limit, atom_filter=atom_filter)

        depth = max(DEPTH, k) if mode == "hybrid" else k
        nearest = [] if mode == "lexical" else by_meaning(depth)
        matching = [] if mode == "semantic" else rank_by_words(unit_of_work, text, tenant, depth, atom_filter)
        others: dict[int, float] = {}
        if question is not None:
            missing = {atom_id for atom_id, _ in matching} - {atom_id for atom_id, _ in nearest}
            others = cosines_of(unit_of_work, tenant, question.model_id, question.vector, missing)
        found = fuse(nearest, matching, others)[:k]
        floor = question.floor if question is not None else None
        best = nearest[0][1] if nearest else None
        return {
            "answered": is_answered(best, floor, found),
            "floor": floor,
            "best": None if best is None else round(best, 6),
            "lexicalRanking": None if mode == "semantic" else unit_of_work.query(LEXICAL_RANKING)[0]["ranking"],
            "results": describe_hits(unit_of_work, found, tenant, atom_filter),
        }

    found = ask(resources.database, read)
    if record_for is None:
        return found
    given = [hit["atomHash"] for hit in found["results"]]
    record = InferenceRecord(model=record_for, task=task, input_atoms=given, tenant_id=tenant)
    recorded = record_inference(resources, record)
    return {**found, "inferenceId": recorded["inferenceId"]}
