"""The pages say what the product does: settings, commands, tables, messages and SQL are held against the code."""

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from hartonomous_core.messages import InferenceEvent, parse_ingestion_request, parse_provenance_event
from hartonomous_resources.database.graph_views import EDGE_VIEWS, NODE_VIEWS
from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.dotnet_configuration import FIELDS, NOT_NEEDED, SQL_SERVER_KEY
from hartonomous_resources.settings import Settings
from hartonomous_resources.work.inference_recording import write_inference
from hartonomous_resources.work.invariants import INVARIANTS
from hartonomous_service.cli import app
from hartonomous_service.sql_console import run_sql
from tests.builders import write

CHECKOUT = Path(__file__).resolve().parents[2]
DOCS = CHECKOUT / "docs"
ARCHITECTURE = (DOCS / "architecture.md").read_text("utf-8")
OPERATIONS = (DOCS / "operations.md").read_text("utf-8")
LINEAGE = (DOCS / "lineage.md").read_text("utf-8")
PAGES = [CHECKOUT / "README.md", *sorted(DOCS.rglob("*.md"))]
VARIABLES = {f"HARTONOMOUS_{name.upper()}": field for name, field in Settings.model_fields.items()}


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def code(text: str) -> Iterator[str]:
    """What stands in fenced blocks, line by line without comments, and between backticks."""
    fenced = re.compile(r"^```\w*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
    for block in fenced.findall(text):
        yield from (line.split("#")[0] for line in block.splitlines())
    yield from re.findall(r"`([^`\n]+)`", fenced.sub("", text))


def commands(command: Any, name: str = "hartonomous") -> Iterator[tuple[str, Any]]:
    """Every command and group below `command`, by the words that call it."""
    yield name, command
    for word, below in getattr(command, "commands", {}).items():
        yield from commands(below, f"{name} {word}")


COMMANDS = dict(commands(typer.main.get_command(app)))
LEAVES = [name for name, command in COMMANDS.items() if not hasattr(command, "commands")]


def options(name: str) -> set[str]:
    """The options of a command and of the program itself."""
    found = {option for each in (name, "hartonomous") for p in COMMANDS[each].params for option in p.opts}
    return found | {"--help", "-h"}


# ---- settings


def test_every_setting_is_in_the_table_and_no_variable_is_made_up() -> None:
    assert set(re.findall(r"HARTONOMOUS_[A-Z0-9]+(?:_[A-Z0-9]+)*", OPERATIONS)) == set(VARIABLES)
    assert re.findall(r"^\| `(HARTONOMOUS_\w+)` \|", OPERATIONS, re.MULTILINE) == list(VARIABLES)


def test_the_defaults_in_the_table_are_those_of_the_code() -> None:
    table = dict(re.findall(r"^\| `(HARTONOMOUS_\w+)` \| (.+?) \|", OPERATIONS, re.MULTILINE))
    fixed = {name: field.default for name, field in VARIABLES.items() if field.default_factory is None}

    def written(value: object) -> str:
        return f"`{value}`" if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value)

    assert {name: table[name] for name in fixed} == {
        name: written(value).lower() if value is None or isinstance(value, bool) else written(value)
        for name, value in fixed.items()
    }


def test_every_key_of_the_net_workers_is_in_the_table() -> None:
    table = OPERATIONS.split("| Key there | Here |")[1].split("\n\n")[0]
    keys = re.findall(r"`([A-Z]\w+(?:\.\w+)+)`(?=[^|]*\|[^|]*\|\n)", f"{table}\n")

    assert sorted(keys) == sorted(key.replace(":", ".") for key in (SQL_SERVER_KEY, *FIELDS, *NOT_NEEDED))


# ---- commands


def test_every_command_is_in_the_table_of_commands() -> None:
    rows = re.findall(r"^\| `(hartonomous [^`]+)`", OPERATIONS, re.MULTILINE)
    assert sorted(name for row in rows for name in LEAVES if f"{row} ".startswith(f"{name} ")) == sorted(LEAVES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_a_page_mentions_exists_with_its_options(page: Path) -> None:
    unknown = []
    for line in code(page.read_text("utf-8")):
        for words in re.findall(r"(?<![\w./-])hartonomous((?: +[^\s|;&]+)*)", line):
            name = "hartonomous"
            for word in words.split():
                is_group = hasattr(COMMANDS[name], "commands")
                if f"{name} {word}" in COMMANDS:
                    name = f"{name} {word}"
                elif word.startswith("--"):
                    unknown += [line] if word not in options(name) else []
                elif is_group and word.isidentifier() and word.islower():
                    unknown.append(line)
    assert unknown == []


# ---- tables, checks, files


def test_every_table_and_every_view_of_the_graph_is_described(tmp_path: Path) -> None:
    store = SqliteDatabase(tmp_path / "hartonomous.db")
    store.migrate()
    made = store.connection().execute("SELECT type, name FROM sqlite_schema WHERE type IN ('table', 'view')").fetchall()
    store.close()
    tables = {name for kind, name in made if kind == "table"}
    own = {name for name in tables if not name.startswith(("sqlite_", "AtomText_", "UnreadWords_"))}  # FTS5 keeps some
    graph = {*NODE_VIEWS.values(), *(view.name for view in EDGE_VIEWS)}

    assert own - set(re.findall(r"`(\w+)`", ARCHITECTURE)) == set()
    assert graph <= {name for kind, name in made if kind == "view"}
    assert graph - set(re.findall(r"`(\w+)`", LINEAGE)) == set()


def test_every_check_is_explained() -> None:
    for name in [*(invariant.name for invariant in INVARIANTS), "nothing_dead_lettered", "graph_agrees"]:
        assert f"`{name}`" in ARCHITECTURE
        assert f"| `{name}` |" in OPERATIONS


def test_decisions_are_numbered_once_and_in_order() -> None:
    files = sorted((DOCS / "decisions").glob("*.md"))
    headings = [file.read_text("utf-8").partition(". ")[0] for file in files]
    assert headings == [f"# {number}" for number in range(1, len(files) + 1)]
    assert [int(file.name[:4]) for file in files] == list(range(1, len(files) + 1))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_links_to_is_there(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_files_that_the_page_of_the_architecture_names_are_there() -> None:
    spans = re.findall(r"`([^`\s]+/[^`\s]*)`", ARCHITECTURE)
    named = {span for span in spans if (CHECKOUT / span.split("/")[0]).is_dir()}
    assert len(named) > 10
    assert [span for span in sorted(named) if not (CHECKOUT / span).exists()] == []


def test_the_page_of_the_architecture_names_a_module_by_its_file_alone() -> None:
    named = set(re.findall(r"`(\w+\.py)`", ARCHITECTURE))
    files = [file.name for folder in ("hartonomous_*", "tests") for file in CHECKOUT.glob(f"{folder}/**/*.py")]
    assert len(named) > 10
    assert {name: files.count(name) for name in named if files.count(name) != 1} == {}


# ---- messages and SQL


@pytest.mark.parametrize("text", blocks(ARCHITECTURE, "json"))
def test_the_examples_of_messages_are_read(text: str) -> None:
    is_event = "eventtype" in {name.lower() for name in json.loads(text)}
    (parse_provenance_event if is_event else parse_ingestion_request)(text.encode())


@pytest.mark.parametrize("text", blocks(LINEAGE, "sql"))
def test_the_sql_of_the_page_of_lineage_finds_what_it_asks_for(tmp_path: Path, text: str) -> None:
    settings = Settings(home=tmp_path)
    database = SqliteDatabase(settings.database_path)
    database.migrate()
    write(database, moon := "The moon makes the sea rise.")
    given = [hashlib.sha256(moon.encode()).hexdigest()]
    answer = InferenceEvent(event_type="InferenceCompleted", inference_id="1", model="writer-7b", input_atoms=given)
    with database.unit_of_work() as unit_of_work:
        unit_of_work.connection.execute("UPDATE Source SET Status = 'Atomized'")
        unit_of_work.connection.execute("INSERT INTO SourceRun (SourceId, RunId) VALUES (1, 'a run')")
        write_inference(unit_of_work, answer)
    database.close()

    results = run_sql(settings, text)["results"]

    assert len(results) == text.count(";") and all(result["rows"] for result in results)


@pytest.mark.parametrize("text", blocks(OPERATIONS, "sql"))
def test_the_sql_runs_on_a_fresh_home(tmp_path: Path, text: str) -> None:
    settings = Settings(home=tmp_path)
    SqliteDatabase(settings.database_path).migrate()

    run_sql(settings, text, write="INSERT" in text)
