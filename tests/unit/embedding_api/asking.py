"""What the tests of the API ask, and how."""

from typing import Any

from hartonomous_resources.compute.api.api_compute import ApiCompute
from hartonomous_resources.compute.api.patience import Patience

KEY = "sk-test-4f1e0c"
QUICK = Patience(tries=3, try_seconds=1.0, all_seconds=5.0, pause_seconds=0.001, longest_pause_seconds=1.5)
TEXTS = ["Tides follow the moon.", "A word", "Ein Leuchtturm über dem Meer", "def tide(moon): return moon"]


def embed(compute: ApiCompute, texts: list[str] = TEXTS) -> Any:
    [model] = compute.models()
    return compute.embed(model, texts).vectors
