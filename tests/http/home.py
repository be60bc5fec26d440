"""What a server of the tests holds: sources, an inference, jobs and a dead letter."""

import hashlib

from hartonomous_resources.resources import Resources
from hartonomous_service.background_jobs import create_job
from hartonomous_service.inferences import InferenceRecord, record_inference
from tests.builders import request
from tests.stages import ingest

SENTENCE = "The moon pulls the water of the sea, and so the tide rises."
HASH = hashlib.sha256(SENTENCE.encode()).hexdigest()
INFERENCE = "tides/1"


def fill(home: Resources, sentence: str = SENTENCE) -> None:
    """Put a sentence in three sources of tenant 0 and one of tenant 1; record an answer, make jobs, and fail with a message."""
    for n in range(3):
        ingest(home, request(rawData=sentence.encode(), sourceUri=f"mail:{n}"))
    ingest(home, request(rawData=sentence.encode(), sourceUri="mail:other", tenantId=1))
    ingest(home, request(uri="ftp://nowhere/file"))
    given = [hashlib.sha256(sentence.encode()).hexdigest()]
    answer = InferenceRecord(model="writer-7b", inference_id=INFERENCE, input_atoms=given, output_texts=["The moon."])
    record_inference(home, answer)
    create_job(home, "SendReport", '{"To": "x"}', 0)
    create_job(home, "OfTenant1", "{}", 1)
