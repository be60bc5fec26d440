"""Whatever bytes of a document change, each of our parsers gives what it promises or says why not: all that tests/fuzz/targets.py names."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hartonomous_core.atomizers import atomizer_for
from hartonomous_core.atomizers.code_atomizer import CodeAtomizer
from hartonomous_core.atomizers.content_type import sniff
from hartonomous_core.atomizers.document_atomizer import Format
from hartonomous_core.atomizers.languages import LANGUAGES
from hartonomous_core.atomizers.registry import ANYTHING, OUR_ENTRIES
from tests.fuzz.targets import seeds_of, targets
from tests.unit.changed_bytes import cut, cuts_of


@pytest.mark.slow
@pytest.mark.parametrize("name", targets())
def test_whatever_bytes_change(name: str) -> None:
    read, seeds = targets()[name], seeds_of(name)

    @settings(derandomize=True, deadline=None, max_examples=60)
    @given(st.data())
    def change(data: st.DataObject) -> None:
        seed = data.draw(st.sampled_from(seeds))
        read(cut(seed, data.draw(cuts_of(seed))))

    change()


def test_each_of_our_parsers_has_a_target() -> None:
    """But for what cuts text in another encoding, which "encoding" tells of, and chunks, which read nothing."""
    read = [entry.atomizer("passage") for entry in OUR_ENTRIES if entry.priority > ANYTHING]
    names = {each.name for each in read if not isinstance(each, CodeAtomizer)} | {
        f"code-{each.name}" for each in LANGUAGES
    }
    assert names - {"encoded-text"} <= set(targets())


FORMATS = [entry for entry in OUR_ENTRIES if isinstance(entry, Format)]


@pytest.mark.parametrize("format_", FORMATS, ids=[each.name for each in FORMATS])
def test_a_parser_is_fuzzed_from_documents_of_its_own_format(format_: Format) -> None:
    names = {"html": "a.html", "xml": "a.xml", "subtitles": "a.srt", "notebook": "a.ipynb", "mail": "a.eml"}
    for seed in seeds_of(format_.name):
        assert sniff(seed[:8192], names.get(format_.name, "")) in format_.content_types


@pytest.mark.parametrize("name", targets())
def test_each_target_has_what_to_begin_with(name: str) -> None:
    seeds = seeds_of(name)
    assert seeds and all(seeds)
    for seed in seeds:
        targets()[name](seed)


@pytest.mark.parametrize("kind", ["csv", "json-lines", "json"])
def test_the_tables_to_begin_with_are_read_row_by_row(kind: str) -> None:
    content_type = {"csv": "text/csv", "json-lines": "application/x-ndjson", "json": "application/json"}[kind]
    tables = []
    for seed in seeds_of(kind):
        atoms = list(atomizer_for(content_type).atomize(io.BytesIO(seed), content_type))
        tables.append(any(atom.role == "derived" and "row" in (atom.locator or {}) for atom in atoms))
    assert any(tables)
