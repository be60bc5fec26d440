"""What becomes of claimed embedding jobs: they need vectors, are done already, or can never succeed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hartonomous_core.json_objects import UnreadableJson, read_object, with_canonical_keys
from hartonomous_core.vocabulary import EMBEDDED_AS
from hartonomous_resources.compute.protocol import ModelIdentity
from hartonomous_resources.database.rows.embedding_rows import AtomToEmbed
from hartonomous_resources.database.rows.job_rows import ClaimedJob


@dataclass
class ByFate:
    """Claimed jobs by what becomes of them: they need vectors, are done already (by result), or are refused (by reason)."""

    ready: list[ClaimedJob] = field(default_factory=list)
    finished: dict[str, list[ClaimedJob]] = field(default_factory=dict)
    refused: dict[str, list[ClaimedJob]] = field(default_factory=dict)
    atoms_by_model: dict[int, list[AtomToEmbed]] = field(default_factory=dict)
    """Which atoms each model embeds, by ModelId."""
    models_of_job: dict[str, set[int]] = field(default_factory=dict)
    """By which models each of those that need vectors is done, by JobId."""

    def refuse_atoms(self, reasons: Mapping[int, str]) -> None:
        """Refuse the jobs that need vectors of these atoms, each for its reason."""
        for job in self.ready:
            if reason := reasons.get(job["atomId"] or 0):
                self.refused.setdefault(reason, []).append(job)
        self.ready = [job for job in self.ready if job["atomId"] not in reasons]
        for model_id, atoms in self.atoms_by_model.copy().items():
            self.atoms_by_model[model_id] = [atom for atom in atoms if atom["atomId"] not in reasons]
            if not self.atoms_by_model[model_id]:
                del self.atoms_by_model[model_id]


def sort_jobs(
    jobs: Sequence[ClaimedJob],
    atoms: Mapping[int | None, AtomToEmbed],
    models: Mapping[int, ModelIdentity],
    of_every_job: Mapping[int, ModelIdentity],
) -> ByFate:
    """Sort jobs by what becomes of them; one that names no model is done by `of_every_job`.

    Where two name the same atom and model (the trigger's, one by hand), the first does the work.
    """
    by_fate = ByFate()
    done = {
        (row["atomId"], model_id)
        for row in atoms.values()
        if row["embeddedBy"] != "[]"
        for model_id in json.loads(row["embeddedBy"])
    }
    for job in jobs:
        atom = atoms.get(job["atomId"])
        if reason := _why_refused(job, atom, models, of_every_job):
            by_fate.refused.setdefault(reason, []).append(job)
            continue
        assert atom is not None  # noqa: S101 - such a job is refused
        chosen = _models_for(job, atom, models, of_every_job)
        wanted = {(atom["atomId"], model_id) for model_id in chosen}
        if _take_texts(chosen) and not (atom["text"] or "").strip():
            by_fate.finished.setdefault("skipped: empty text", []).append(job)
        elif wanted <= done:
            by_fate.finished.setdefault("already embedded", []).append(job)
        else:
            by_fate.models_of_job[job["jobId"]] = {model_id for _, model_id in wanted - done}
            for model_id in by_fate.models_of_job[job["jobId"]]:
                by_fate.atoms_by_model.setdefault(model_id, []).append(atom)
            done |= wanted
            by_fate.ready.append(job)
    return by_fate


def _models_for(
    job: ClaimedJob,
    atom: AtomToEmbed,
    models: Mapping[int, ModelIdentity],
    of_every_job: Mapping[int, ModelIdentity],
) -> dict[int, ModelIdentity]:
    """Return the model that the job names, or those of every job that embed the modality of the atom."""
    return {
        model_id: model
        for model_id, model in (of_every_job if job["modelId"] is None else models).items()
        if job["modelId"] in (None, model_id) and model.modality == EMBEDDED_AS.get(atom["modality"], atom["modality"])
    }


def _take_texts(chosen: Mapping[int, ModelIdentity]) -> bool:
    """Whether the text of an atom is what is embedded; else it is a caption."""
    return any(model.takes == "texts" for model in chosen.values())


def _why_refused(
    job: ClaimedJob,
    atom: AtomToEmbed | None,
    models: Mapping[int, ModelIdentity],
    of_every_job: Mapping[int, ModelIdentity],
) -> str | None:
    """Say why a job can never succeed; None where it can. An atom of another tenant is reported as missing."""
    if atom is None or atom["tenantId"] != job["tenantId"]:
        try:
            parameters = with_canonical_keys(read_object(job["parameters"]), ["AtomId"])
        except UnreadableJson as error:
            return f"its Parameters: {error}"
        if "AtomId" not in parameters:
            return "its Parameters name no AtomId"
        return f"tenant {job['tenantId']} has no atom {json.dumps(parameters['AtomId'])[:40]}"
    chosen = _models_for(job, atom, models, of_every_job)
    if not chosen:
        which = "no embedding model" if job["modelId"] is None else f"no embedding model {job['modelId']}"
        return f"{which} is active for modality {atom['modality']!r}"
    if _take_texts(chosen) and atom["text"] and not atom["textIsValid"]:
        return f"the text of atom {job['atomId']} is not UTF-8"
    return None
