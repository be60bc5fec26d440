"""The pages about SQL Server name settings, tables and procedures that exist, and their T-SQL is well formed."""

import re
from pathlib import Path

import pytest
import sqlglot

from hartonomous_resources.database.sqlserver.adoption.target import FEATURES, Table, later_names, target_definitions
from hartonomous_resources.settings import Settings

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGES = ("sqlserver.md", "cutover.md")
VARIABLES = {f"HARTONOMOUS_{name.upper()}" for name in Settings.model_fields}
COMPOSE = set(
    re.findall(r"HARTONOMOUS_\w+_PASSWORD", (DOCS.parent / "deploy" / "docker-compose.yml").read_text("utf-8"))
)
BATCHES = [
    (page, batch)
    for page in PAGES
    for block in re.findall(r"^```sql\n(.*?)^```$", (DOCS / page).read_text("utf-8"), re.DOTALL | re.MULTILINE)
    for batch in re.split(r"^GO$", block, flags=re.MULTILINE)
]


@pytest.mark.parametrize("page", PAGES)
def test_every_variable_is_a_setting(page: str) -> None:
    found = set(re.findall(r"HARTONOMOUS_[A-Z]+(?:_[A-Z]+)*", (DOCS / page).read_text("utf-8")))
    assert found
    assert found - VARIABLES - COMPOSE == set()


@pytest.mark.parametrize(("page", "batch"), BATCHES)
def test_the_t_sql_names_what_exists(page: str, batch: str) -> None:
    tables = {one.name for one in target_definitions() if isinstance(one, Table)}
    named = set(re.findall(r"\bdbo\.(\w+)", batch))
    assert named - tables - set(later_names(FEATURES)) == set()


@pytest.mark.parametrize(("page", "batch"), BATCHES)
def test_the_t_sql_is_well_formed(page: str, batch: str) -> None:
    if "BACKUP" not in batch:  # which sqlglot does not know
        assert [one for one in sqlglot.parse(batch, read="tsql") if one]
    checker = pytest.importorskip("tests.tools.tsql.checker").checker()
    assert not isinstance(checker.parse(batch), list), batch


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    links = re.findall(r"\]\(([\w./-]+)(?:#([\w-]+))?\)", (DOCS / page).read_text("utf-8"))
    assert links
    for file, anchor in links:
        headings = re.findall(r"^#+ (.+)$", (DOCS / file).read_text("utf-8"), re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings}
        assert not anchor or anchor in anchors, f"{file}#{anchor}"


def test_the_procedures_that_the_cutover_maps_are_there() -> None:
    text = (DOCS / "cutover.md").read_text("utf-8")
    procedures = set(re.findall(r"`((?:sp|fn|clr)_[A-Za-z0-9]+)`", text)) - {"sp_rename"}
    assert len(procedures) >= 7
    assert procedures - set(later_names(FEATURES)) == set()
