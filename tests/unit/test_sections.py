"""How sections become derived atoms."""

import io
import json

import pytest

from hartonomous_core.atomizers import Partial, Section, TextAtomizer, sections
from hartonomous_core.atomizers.sections import derived_atoms
from hartonomous_core.vocabulary import TextUnit

PARAGRAPHS = "\n\n".join(f"Paragraph {n} of many. " + "It says that the sea is wide and deep. " * 15 for n in range(9))


@pytest.mark.parametrize("unit", ["passage", "sentence"])
def test_a_section_gives_the_atoms_that_its_text_gives_by_itself(unit: TextUnit) -> None:
    of_text = [atom for atom in TextAtomizer(unit).atomize(io.BytesIO(PARAGRAPHS.encode())) if atom.text]

    derived = list(derived_atoms([Section(f"\n{PARAGRAPHS}\n", {"page": 3})], unit))

    assert len(of_text) > 5
    same = [(atom.content, atom.subtype, atom.content_type, atom.modality) for atom in of_text]
    assert [(atom.content, atom.subtype, atom.content_type, atom.modality) for atom in derived] == same
    assert {(atom.role, atom.suffix, json.dumps(atom.locator)) for atom in derived} == {("derived", b"", '{"page": 3}')}


def test_each_section_has_its_own_place_and_one_that_says_nothing_has_no_atom() -> None:
    derived = derived_atoms(
        [Section("Fog.", {"slide": 1}), Section(" \n"), Section("Tides."), Section("Fog.")], "passage"
    )
    assert [(atom.text, atom.locator) for atom in derived] == [("Fog.", {"slide": 1}), ("Tides.", None), ("Fog.", None)]


def test_what_stands_in_the_source_as_it_is_says_where() -> None:
    data = b"\0\0\0" + PARAGRAPHS.encode() + "  Où est la mer ?".encode()
    text = data[3:].decode()

    derived = list(derived_atoms([Section(text, {"cell": 4}, byte_offset=3)], "sentence"))

    for atom in derived:
        assert atom.locator is not None
        offset, length = atom.locator["byteOffset"], atom.locator["byteLength"]
        assert isinstance(offset, int) and isinstance(length, int)
        assert data[offset : offset + length] == atom.content
    assert derived[-1].text == "Où est la mer ?"


def test_code_and_subtypes() -> None:
    [atom] = derived_atoms([Section("def f(): ...", {"symbol": "f"}, "function", "code")], "passage")
    assert (atom.modality, atom.subtype, atom.content_type) == ("code", "function", "code/function")


def test_a_locator_stays_small_and_text_can_be_encoded() -> None:
    long = {"heading": ["\ud800" + "x" * 10**6] * 40, "n": 1}
    [atom] = derived_atoms([Section("lone \udfff surrogate", long)], "passage")
    assert atom.text == "lone \ufffd surrogate"
    assert atom.locator == {"heading": ["\ufffd" + "x" * 198 + "…"] * 16, "n": 1}
    for locator in ({f"key {n}": "y" * 100 for n in range(99)}, {"page": b"3"}):
        with pytest.raises(Partial, match="a place in it"):
            list(derived_atoms([Section("x", locator)], "passage"))


@pytest.mark.parametrize(("limit", "most"), [("MOST_SECTIONS", 3), ("MOST_TEXT_BYTES", 15)])
def test_what_says_more_than_any_document_is_partial(limit: str, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sections, limit, most)
    atoms = derived_atoms((Section(f"No. {n}") for n in range(10**9)), "passage")
    assert [next(atoms).text for _ in range(3)] == ["No. 0", "No. 1", "No. 2"]
    with pytest.raises(Partial, match="it says more than"):
        next(atoms)
