"""How many messages are taken at a time."""

from hartonomous_assets.receiving import in_batches
from hartonomous_assets.stage import IDLE, Progress


def test_a_batch_that_failed_comes_one_at_a_time_however_long_nothing_can_be_taken() -> None:
    received, held = Progress({"received": 1}), Progress(others_are_working=True)
    script = [Progress({"returned to the queue": 2}), held, IDLE, received, received, received]
    progress, asked = iter(script), []

    def batch(n: int) -> Progress:
        asked.append(n)
        return next(progress)

    batches = in_batches(20, batch)

    assert [next(batches) for _ in script] == script
    assert asked == [20, 1, 1, 1, 1, 20]
