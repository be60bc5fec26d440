"""What stages have done adds up, and what waits is told with its age, on every store."""

from hartonomous_resources.database.transactions import query, transact
from hartonomous_service.background_jobs import create_job, get_job
from hartonomous_service.figures import StageFigures, measure_home
from hartonomous_service.ingest import submit


def test_totals_add_up_by_stage(home):
    for stage, seconds, done in (("atoms", 1.5, 3), ("sources", 0.5, 1), ("atoms", 0.25, 4)):
        transact(
            home.database,
            lambda unit, row=(stage, seconds, done): unit.execute(
                "add_to_stage_total", stage=row[0], seconds=row[1], done=row[2]
            ),
        )
    assert measure_home(home).stages == {"atoms": StageFigures(2, 1.75, 7), "sources": StageFigures(1, 0.5, 1)}


def test_what_waits_is_counted_with_its_age(home):
    assert {kind: each.count for kind, each in measure_home(home).waiting.items()} == {
        "IngestionQueue": 0,
        "ProvenanceQueue": 0,
        "sources": 0,
        "jobs": 0,
    }
    submit(home, b"It waits.", source_uri="test:a")
    waiting = measure_home(home).waiting["sources"]
    assert waiting.count == 1 and 0 <= waiting.seconds < 60
    assert query(home.database, "waiting_work", job_types="[]")


def test_of_jobs_the_age_of_the_oldest_is_told(home):
    ids = [create_job(home, "GenerateEmbedding", "{}", 0) for _ in range(2)]
    [told] = [
        row for row in query(home.database, "waiting_work", job_types='["GenerateEmbedding"]') if row["kind"] == "jobs"
    ]
    assert (told["n"], told["since"]) == (2, get_job(home, ids[0])["createdAt"])
