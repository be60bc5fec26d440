"""The call that searches: by meaning, by words or by both, or by place."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import Field

from hartonomous_core.vocabulary import Modality
from hartonomous_core.words import question_terms
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.searchable_atoms import AtomFilter
from hartonomous_resources.database.transactions import ask
from hartonomous_resources.resources import Resources
from hartonomous_resources.work.rows_read_later import read_matching_rows
from hartonomous_service.arguments import Id, Name, Tenant, Text, TypedText, checked
from hartonomous_service.errors import Invalid
from hartonomous_service.inferences import InferenceRecord, record_inference
from hartonomous_service.moments import Moment
from hartonomous_service.search.answering import is_answered
from hartonomous_service.search.by_words import how_words_rank
from hartonomous_service.search.filters import MediaType, Metadata, UriPrefix
from hartonomous_service.search.finding import Finder, Mode
from hartonomous_service.search.fusing import Found, by_nearness
from hartonomous_service.search.grouping import best_of_each_source
from hartonomous_service.search.highlighting import Meaning, Span, answering_sentences
from hartonomous_service.search.hits import describe_hits, mark_sentence
from hartonomous_service.search.locating import describe_place, locate
from hartonomous_service.search.neighbours import MAX_HITS, MAX_NEIGHBOURS
from hartonomous_service.search.places import sources_of
from hartonomous_service.search.questions import Question, answering_space, embed_question
from hartonomous_service.search.regions import Box, Point, Radius
from hartonomous_service.search.remembered import remembered
from hartonomous_service.search.search_result import SearchResult

Group = Literal["source"]

MAX_RESULTS = 1000
_BY_WORDS = ("hybrid", "lexical")
_BY_MEANING = ("hybrid", "semantic")

_NO_VECTOR = (
    "nothing is embedded yet, so only words were compared; `hartonomous ingest`, or a running `dev`, embeds what waits"
)

_ROWS_LEFT_OUT = "the store could not be written to just now, so rows of large tables that were not read yet are missing; the log says why"


@checked
def search(
    resources: Resources,
    text: TypedText | None = None,
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
    at: Point | None = None,
    box: Box | None = None,
    radius: Radius | None = None,
    group: Group | None = None,
    context: Annotated[int, Field(ge=0, le=MAX_NEIGHBOURS)] = 0,
    highlight: bool = True,
    record_for: Name | None = None,
    task: Text | None = None,
) -> SearchResult:
    """Find the k best atoms for a text, each with the places where it occurs: the first 20 are in `sources`.

    `placeCount` and `sourceCount` count them all; `list_places` pages through them.

    `score` is an atom's cosine: None in lexical mode, and where the atom has no vector. `semanticRank` and `lexicalRank` are its ranks by meaning and
    by words, None in a list that it is not in. Hybrid results are ordered by both: a text with every word of the question is the first, and the
    nearest is among the first three.

    `answered` says whether anything found can be an answer: `best`, the highest cosine, is at least `floor`, or a text has every word of the
    question. Otherwise the results are merely those nearest by meaning, with the best by words among the first three. Where no floor
    is known (another text model, lexical mode), whatever is found counts as an answer.

    `lexicalRanking` says how the store ranks by words: bm25, fulltext (SQL Server's index) or matches (how many of the words a text holds).

    `highlight` is the sentence of a text that answers, and `highlightOffset`, `highlightLength` say where it stands in each source, in bytes
    (None where the text has no place of its own there); `highlight=False` spares the 10 to 30 ms that it takes, and in spatial mode none is
    looked for. `context` adds to each place so many texts before and after it. `group="source"` gives one hit a source, the best of each; its ranks
    are those in sources that had no hit before it.

    Those of a source, by its id; of sources whose uri begins so, and of files within them; of a content type ("text/csv", or "text/*" for
    every type of text); received at or after a time, or before one; whose metadata hold these keys and values. What was found is then shown
    only where it stands in such sources. By `modality="image"` a text finds pictures: by what is said of them. `search_like` finds those that
    look like another one.

    In spatial mode the hits are those whose places in 3-D are nearest to that of the text, or to the point `at`, or else to the middle of `box`:
    exactly so, by `distance`, and equally near ones by id. `box` and `radius` narrow them to a part of the cube. `position` is a hit's place;
    `spatial` says where was looked, and by which projection. What it does not place is not found. Three coordinates hold little of what a vector
    does: for what answers a question, search by meaning.

    `note` is there only where nothing was compared by meaning, for nothing has a vector yet, or where places or rows are missing.

    With `record_for`, the name of a model, the search records an inference that was given these atoms; `record_inference` adds the answer
    under its `inferenceId`, which is returned.

    The result is a dict; its `to_frame()` makes a table of pandas of the hits.

    Raises Invalid for a text without words or a k out of range, Unavailable when the text model cannot be loaded, Conflict when the
    embeddings are by another model.
    """
    text = None if text is None else text.replace("\0", " ")
    _require_question(text, mode, at, box, radius)
    if context and k > MAX_HITS:
        raise Invalid(f"neighbours are shown of {MAX_HITS} results at most, not of {k}", argument="context")
    if group and k > MAX_HITS:
        raise Invalid(f"{MAX_HITS} sources are shown at most, not {k}", argument="group")
    if modality == "image" and (content_type or "image/").startswith("image/"):
        modality, content_type = None, content_type or "image/"  # words find what is said of a picture, which is text
    atom_filter = AtomFilter(
        modality=modality,
        source_id=source_id,
        uri_prefix=uri_prefix,
        media_type=content_type,
        received_since=received_since,
        received_until=received_until,
        metadata=metadata,
    )
    question = None if mode == "lexical" or text is None else embed_question(resources, tenant, text)
    space = _searched_space(resources, question, at, box) if mode == "spatial" else None
    notes = []
    if mode in _BY_WORDS:
        resources.database.index_texts()
        if modality in (None, "text"):
            terms = question_terms(text or "")
            of_each_source = group == "source"
            if not read_matching_rows(resources, tenant, terms, atom_filter, k, of_each_source=of_each_source):
                notes.append(_ROWS_LEFT_OUT)

    def read(unit_of_work: UnitOfWork) -> SearchResult:
        sought = None
        if space is not None:
            sought = locate(unit_of_work, resources.compute, space, question, at, box, radius)
        finder = Finder(unit_of_work, resources.vectors, tenant, mode, text or "", question, sought)
        ranking = finder.find(k, atom_filter)
        best = max((each.cosine for each in ranking if each.cosine is not None), default=None)
        floor = question.floor if question is not None else None
        answered = is_answered(unit_of_work, text or "", best, floor, ranking)
        if not answered and mode != "spatial":
            # Words such as "how do I" would choose among texts that have nothing to do with the question.
            finder, ranking = replace(finder, nearest_first=True), by_nearness(ranking)
        return SearchResult(
            answered=answered,
            floor=floor,
            best=None if best is None else round(best, 6),
            lexicalRanking=how_words_rank(unit_of_work, text) if mode in _BY_WORDS and text else None,
            **(describe_place(unit_of_work, tenant, sought) if mode == "spatial" else {}),
            results=show_ranked(finder, ranking, k, atom_filter, group, context),
        )

    found = ask(resources.database, read)
    if question is None and mode in _BY_MEANING:
        notes.append(_NO_VECTOR)
    if notes:
        found["note"] = ". ".join(notes)
    if highlight and text is not None and mode != "spatial":
        _mark_answers(resources, tenant, text, question, found["results"])
    if record_for is None:
        return found
    given = [hit["atomHash"] for hit in found["results"]]
    record = InferenceRecord(model=record_for, task=task, input_atoms=given, tenant_id=tenant)
    recorded = record_inference(resources, record)
    found["inferenceId"] = recorded["inferenceId"]
    return found


def show_ranked(
    finder: Finder, ranking: Sequence[Found], k: int, atom_filter: AtomFilter, group: Group | None, context: int
) -> list[dict[str, Any]]:
    """Describe the first k of a ranking, or the best of k sources, each with its rank."""
    parts = [(list(ranking[:k]), atom_filter)]
    if group == "source":
        of_sources = partial(sources_of, finder.unit_of_work, finder.tenant)
        parts = list(best_of_each_source(finder.find, of_sources, k, atom_filter))
    described = [
        hit
        for hits, wanted in parts
        for hit in describe_hits(finder.unit_of_work, hits, finder.tenant, wanted, context)
    ]
    return [{"rank": rank, **hit} for rank, hit in enumerate(described, start=1)]


def _require_question(text: str | None, mode: Mode, at: Point | None, box: Box | None, radius: Radius | None) -> None:
    """Raises Invalid where nothing is asked, or something that does not go together."""
    narrowed = {"at": at, "box": box, "radius": radius}
    given = [argument for argument, value in narrowed.items() if value is not None]
    if mode != "spatial" and given:
        raise Invalid("it is for mode spatial alone", argument=given[0])
    if text is None and (mode != "spatial" or (at is None and box is None)):
        raise Invalid(
            "give some words to search for" + (", a point or a box" if mode == "spatial" else ""), argument="text"
        )
    if text is not None and not question_terms(text):
        alone = "" if at is None and box is None else ", or no text with a point or a box"
        raise Invalid(f"the search text has no word; give some words{alone}", argument="text")
    if text is not None and at is not None:
        raise Invalid("a text has a place of its own: give a point or a text, not both", argument="at")


def _searched_space(resources: Resources, question: Question | None, at: Point | None, box: Box | None) -> int | None:
    """Return the ModelId of the space in which a question, a point or a box is looked for; None before anything was embedded."""
    if question is not None:
        return question.model_id
    return answering_space(resources) if at is not None or box is not None else None


def _mark_answers(
    resources: Resources, tenant: int, text: str, question: Question | None, hits: Sequence[dict[str, Any]]
) -> None:
    with_text = [hit for hit in hits if hit["text"]]
    texts = [hit["text"] for hit in with_text]
    if question is None:
        spans = answering_sentences(text, texts, None)
    else:
        embed = partial(resources.compute.embed_tokens, question.model)

        def choose() -> list[Span | None]:
            [asked] = [question.asked] if question.asked is not None else embed([text])
            return answering_sentences(text, texts, Meaning(asked, embed))

        spans = remembered(resources.compute).sentences(tenant, question.model, text, texts, choose)
    for hit, span in zip(with_text, spans, strict=True):
        if span is not None:
            mark_sentence(hit, *span)
