"""What health says of the text model and of what computes it."""

from contextlib import closing

from hartonomous_resources.compute.protocol import ComputeUnavailable
from hartonomous_resources.settings import Settings
from hartonomous_service.check_outcomes import DEGRADED, HEALTHY, Outcome
from hartonomous_service.health_of_work import Counts
from hartonomous_service.models_in_use import ModelsInUse
from hartonomous_service.named_text_models import find_text_models


def check_text_model(in_use: ModelsInUse, counted: list[Counts]) -> Outcome:
    problem = in_use.models.problem or (counted[0].other_model if counted else None)
    problems = [problem] if problem else []
    for name, settings in in_use.beside.items():
        if missing := find_text_models(settings).problem:
            problems.append(f"{name}: {missing}: its jobs wait")
    return (DEGRADED, "; ".join(problems)) if problems else (HEALTHY, in_use.models.detail)


def check_device(in_use: ModelsInUse) -> Outcome:
    """Try the GPU, where a model is named that one would compute."""
    from hartonomous_resources.compute.devices import CudaDevice, probe_device

    settings = in_use.settings
    local = [each for each in (settings, *in_use.beside.values()) if each.compute != "api"]
    if not local:
        return HEALTHY, "none is needed: an API embeds"
    if settings.device == "cpu":
        return HEALTHY, "the processor"
    if not any(each.may_use_gpu for each in local):
        said = "int8 is computed by the processor"
        if settings.device == "auto":
            return HEALTHY, said
        return (
            DEGRADED,
            f"HARTONOMOUS_DEVICE={settings.device}, but {said}: a GPU takes HARTONOMOUS_TEXT_PRECISION=fp16",
        )
    found = probe_device(settings)
    if isinstance(found, CudaDevice):
        return HEALTHY, str(found)
    if settings.device == "auto":
        return HEALTHY, f"the processor, as no GPU computes: {found}"
    return DEGRADED, f"HARTONOMOUS_DEVICE={settings.device}, but {found}; what it is to embed waits"


def check_compute(settings: Settings, tenant: int | None) -> Outcome:
    if settings.compute == "in_process":
        return HEALTHY, "each process embeds itself"
    if settings.compute == "api":
        return _api(settings, tenant)
    from hartonomous_resources.compute.worker.worker_client import WorkerClient

    with closing(WorkerClient(settings.home, wait_seconds=0)) as worker:
        try:
            found = worker.health()
        except ComputeUnavailable:
            if settings.compute == "auto":
                return HEALTHY, "no worker answers: each process embeds itself"
            said = "no worker answers: start `hartonomous gpu-worker`"
            if settings.compute_fallback == "in_process":
                return DEGRADED, f"{said}; meanwhile each process embeds itself"
            return DEGRADED, f"{said}; meanwhile nothing is embedded, and search by meaning fails"
    return HEALTHY, f"a worker embeds ({found.device}), for {found.seconds:,.0f} s now"


def _api(settings: Settings, tenant: int | None) -> Outcome:
    from hartonomous_resources.compute.api.api_compute import ApiCompute

    with closing(ApiCompute(settings)) as compute:
        try:
            problem = compute.budget_problem()
        except ComputeUnavailable as error:
            problem = str(error)
        if problem:
            return DEGRADED, f"{problem}; meanwhile nothing is embedded, and search by meaning fails"
        return HEALTHY, "an API embeds" if tenant is not None else f"embeds {compute.device()}"
