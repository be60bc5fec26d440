"""What Dagster is told of a reason: the words that are always the same, and never what somebody wrote."""

from pathlib import Path

import pytest

from hartonomous_resources.work.dead_letter_reasons import KNOWN, reason_without_content

CHECKOUT = Path(__file__).resolve().parents[2]
MADE_BY_PYDANTIC = {"Field required", "Input should be"}


def test_every_known_reason_is_one_that_the_product_gives() -> None:
    product = "".join(
        path.read_text("utf-8")
        for package in ("hartonomous_core", "hartonomous_resources", "hartonomous_assets")
        for path in (CHECKOUT / package).rglob("*.py")
        if path.name != "dead_letter_reasons.py"
    )

    assert [reason for reason in KNOWN if reason not in product and reason not in MADE_BY_PYDANTIC] == []


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        (
            "file:///secret.txt: the file is not there (any more); put it back and replay",
            "the file is not there (any more)",
        ),
        ("tenantId: Field required", "Field required"),
        ("ValueError: 'a secret' is no number", "see `hartonomous dead-letters show`"),
        ("", "see `hartonomous dead-letters show`"),
    ],
)
def test_nothing_that_somebody_wrote_is_told(reason: str, told: str) -> None:
    assert reason_without_content(reason) == told
