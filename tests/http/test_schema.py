"""Requests that schemathesis makes of our OpenAPI: whatever is asked, the answer is as described, and never an error of ours."""

import os

import hypothesis
import pytest
import schemathesis
from schemathesis.python import asgi
from schemathesis.specs.openapi import checks as openapi_checks

from hartonomous_resources.settings import Settings
from hartonomous_service.http.app import create_app
from tests.http.home import fill

EXAMPLES = int(os.environ.get("HARTONOMOUS_TEST_SCHEMA_EXAMPLES", "25"))
"""Per route, beside those at the edges of what OpenAPI allows; a thousand take minutes."""

NOT_MEANT = [
    openapi_checks.positive_data_acceptance,  # a name may be of the right form, and stand for nothing
]


def _described():
    """What a server without keys is: no call needs one."""
    document = create_app(Settings(), without_keys=True).openapi()
    del document["components"]["securitySchemes"]
    for calls in document["paths"].values():
        for call in calls.values():
            call.pop("security", None)
    return document


schema = schemathesis.openapi.from_dict(_described())
schema.config.generation.update(allow_extra_parameters=False)  # headers that nobody knows are in every request
schema.config.update(base_url="http://localhost")  # a name that a server without keys answers to
schema.config.checks.negative_data_rejection.expected_statuses = [
    "4xx"
]  # 413, too: what is too large may be nonsense as well


@pytest.fixture(scope="module")
def served(tmp_path_factory, model_dir):
    """A server without keys on a home that holds something, and a client of it, which keeps it open."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HARTONOMOUS_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("HARTONOMOUS_MODEL_DIR", str(model_dir))
        app = create_app(Settings(linger_seconds=0), without_keys=True)
        with asgi.get_client(app) as client:
            fill(app.state.resources)
            yield app, client


@schema.parametrize()
@hypothesis.settings(
    max_examples=EXAMPLES,
    derandomize="HARTONOMOUS_TEST_SCHEMA_EXAMPLES" not in os.environ,
    suppress_health_check=list(hypothesis.HealthCheck),
)
def test_every_answer_is_as_described(case, served):
    app, client = served
    case.call_and_validate(app=app, session=client, excluded_checks=NOT_MEANT)
