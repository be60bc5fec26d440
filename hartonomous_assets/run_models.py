"""Which models a run embeds by: those that were added, or, before any was, those that the settings name."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from hartonomous_assets.stage import StageUnavailable, Work
from hartonomous_resources.compute.own_models import own_model
from hartonomous_resources.compute.protocol import ComputeUnavailable, ModelIdentity
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.embedding_rows import EmbeddingModel
from hartonomous_resources.database.transactions import ask, transact
from hartonomous_resources.work.added_models import added_models, load_added_model, queue_some_for_model
from hartonomous_resources.work.models import activate_embedding_models, active_embedding_models


@dataclass(slots=True)
class RunModels:
    """`by_id` are those at hand, by ModelId; of the others `unavailable` says why. `own` are those that need no files."""

    by_id: dict[int, ModelIdentity]
    answering: frozenset[int]
    added: Sequence[EmbeddingModel] = ()
    unavailable: dict[int, str] = field(default_factory=dict)
    own: dict[int, ModelIdentity] = field(default_factory=dict)

    @property
    def at_hand(self) -> Mapping[int, ModelIdentity]:
        """All by which jobs are done."""
        return self.by_id | self.own

    @property
    def of_every_job(self) -> Mapping[int, ModelIdentity]:
        """Those by which a job is done that names no model: what answers questions comes first, and the others have jobs of their own.

        Where that one is not at hand, the others do not wait for it.
        """
        modalities = {self.by_id[each].modality for each in self.answering & self.by_id.keys()}
        chosen = {
            model_id: model
            for model_id, model in self.by_id.items()
            if model_id in self.answering or model.modality not in modalities
        }
        return chosen | self.own

    def are_of(self, added: Sequence[EmbeddingModel]) -> bool:
        """Whether these are still the models that the database says there are."""
        return [*map(_chosen, self.added)] == [*map(_chosen, added)]

    def activate_own(self, work: Work, modalities: Collection[str]) -> None:
        """Have models of our own embed these modalities, as far as there are such, and no other model does."""
        known = {model.modality for model in self.at_hand.values()}
        if wanted := [model for each in {*modalities} - known if (model := own_model(each))]:
            self.own |= transact(work.resources.database, partial(activate_embedding_models, models=wanted))

    def lose(self, model_id: int, error: ComputeUnavailable) -> None:
        """Go on without a model that cannot be had any more. Raises StageUnavailable where it was the only one."""
        if self.by_id.keys() <= {model_id}:
            raise StageUnavailable("; ".join([*self.unavailable.values(), str(error)])) from error
        if lost := self.by_id.pop(model_id, None):
            self.unavailable[model_id] = f"model {model_id}, {lost.name}: {error}"


def load_models(work: Work, added: Sequence[EmbeddingModel]) -> RunModels:
    """Find the models of a run. Raises StageUnavailable where none can be had."""
    compute = work.resources.compute
    if not added:
        try:
            named = compute.models()
        except ComputeUnavailable as error:
            raise StageUnavailable(str(error)) from error
        by_id, added = transact(work.resources.database, partial(_activate_unless_added, named=named))
        if not added:
            return _with_own(work, RunModels(by_id, frozenset(by_id)))
    models = RunModels({}, frozenset(row["modelId"] for row in added if row["answers"]), added)
    for row in added:
        try:
            models.by_id[row["modelId"]] = load_added_model(compute, row)
        except ComputeUnavailable as error:
            models.unavailable[row["modelId"]] = f"model {row['modelId']}, {row['name']}: {error}"
    if not models.by_id:
        raise StageUnavailable("; ".join(models.unavailable.values()))
    return _with_own(work, models)


def _with_own(work: Work, models: RunModels) -> RunModels:
    """Add models of our own for what has been embedded already, perhaps by the one before."""
    active = ask(work.resources.database, active_embedding_models)
    models.activate_own(work, {row["modality"] for row in active})
    return models


def queue_next(work: Work, added: Sequence[EmbeddingModel]) -> int:
    """Queue some more atoms for each added model whose adding was cut off, or is going on, until one lacks a vector; returns how many."""
    return sum(
        next(filter(None, iter(partial(queue_some_for_model, work.resources.database, row["modelId"]), None)), 0)
        for row in added
        if row["queuedThrough"] is not None
    )


def _activate_unless_added(
    unit_of_work: UnitOfWork, named: Sequence[ModelIdentity]
) -> tuple[dict[int, ModelIdentity], Sequence[EmbeddingModel]]:
    """Activate what the settings name, unless a model was added since the caller looked: then they name nothing any more."""
    added = added_models(unit_of_work)
    return ({} if added else activate_embedding_models(unit_of_work, named)), added


def _chosen(row: EmbeddingModel) -> tuple[int, str | None, int]:
    return row["modelId"], row["loadedFrom"], row["answers"]
