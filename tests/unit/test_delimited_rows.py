"""What is read of CSV and its kin, whatever delimits the values; of damaged files, and of those that mean harm."""

import csv
import io
import time
import tracemalloc
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hartonomous_core.atomizers import NotUtf8Error, atomizer_for
from hartonomous_core.atomizers.rows.delimited_rows import DelimitedRows
from hartonomous_core.atomizers.rows.row_blocks import LONGEST_ROW
from tests.unit.changed_bytes import Cuts, cut, cuts_of
from tests.unit.rows_of_files import read_rows

TIDES = b"""date,place,height_m,remark
2026-04-01,Lyme,5.13,"gauge cleaned,
then ""read"" anew"

2026-04-02,Whitby,,
"""
CELLS = st.text(st.sampled_from('aZ9 ",;\t|\n\r\xe9\u6f6e'), max_size=6)


def read(data: bytes, content_type: str = "text/csv") -> tuple[list[tuple[str, Any]], str | None]:
    return read_rows(data, content_type)


def test_each_value_stands_beside_the_name_of_its_column_and_the_locator_names_the_row() -> None:
    place = {"columns": ("date", "place", "height_m", "remark")}
    first, second = TIDES.index(b"2026-04-01"), TIDES.index(b"2026-04-02")
    assert read(TIDES) == (
        [
            ("date | place | height_m | remark", {"row": 1, "byteOffset": 0, "byteLength": first - 1}),
            (
                'date: 2026-04-01; place: Lyme; height_m: 5.13; remark: gauge cleaned, then "read" anew',
                {"row": 2, **place, "byteOffset": first, "byteLength": second - 2 - first},
            ),
            ("date: 2026-04-02; place: Whitby", {"row": 4, **place, "byteOffset": second, "byteLength": 19}),
        ],
        None,
    )


@pytest.mark.parametrize("delimiter", ",;\t|")
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "windows-1252", "utf-16le", "utf-16be"])
def test_delimiters_line_ends_and_encodings_are_found_out(delimiter: str, line_end: str, charset: str) -> None:
    target = io.StringIO(newline="")
    writer = csv.writer(target, delimiter=delimiter, lineterminator=line_end)
    writer.writerows(
        [
            ["größe", "wert"],
            *(
                [f"Höhe {n} über dem Meer von Brüssel, gemessen im Auftrag der Stadt", f"{n},5; {n}.5"]
                for n in range(9)
            ),
        ]
    )
    of_utf8 = charset.startswith("utf-8")
    found, problem = read(target.getvalue().encode(charset), "text/csv" if of_utf8 else f"text/csv; charset={charset}")
    assert problem is None
    assert [(text, place["row"]) for text, place in found[1:]] == [
        (f"größe: Höhe {n} über dem Meer von Brüssel, gemessen im Auftrag der Stadt; wert: {n},5; {n}.5", n + 2)
        for n in range(9)
    ]
    assert all(("byteOffset" in place) is of_utf8 for _, place in found)


@pytest.mark.parametrize(
    ("data", "texts"),
    [
        (b",name\n0,Ada Lovelace\n", [",name".replace(",", ""), "0; name: Ada Lovelace"]),
        (
            b"Sales of the year\nitem,sum\nnets,5\nbuoys,7\n",
            ["Sales of the year", "item | sum", "item: nets; sum: 5", "item: buoys; sum: 7"],
        ),
        (
            b"a sentence,another,4.5\nthird one,fourth one,2.0\n",
            ["a sentence | another | 4.5", "third one | fourth one | 2.0"],
        ),
        (b"pos,good film\nneg,bad film\npos,nice\n", ["pos | good film", "neg | bad film", "pos | nice"]),
        (
            b"a,b\n1,2,3\n4\n" + b"5,6\n" * 4,
            ["a | b", "a: 1; b: 2; 3", "a: 4", *["a: 5; b: 6"] * 4],
        ),
        (b" name , n \n x , \n", ["name | n", "name: x"]),
    ],
)
def test_names_are_only_what_looks_like_names(data: bytes, texts: list[str]) -> None:
    found, problem = read(data)
    assert problem is None
    assert [line for text, _ in found for line in text.split("\n\n")] == texts


@pytest.mark.parametrize("delimiter", [*",;\t| ", *"^]\\-.~:"])
@pytest.mark.parametrize("first", ["sep={}\n", "SEP={}\r\n", '"sep={}"\r', "\ufeffsep={}\r\n"])
def test_the_first_line_may_name_the_delimiter_and_is_counted(first: str, delimiter: str) -> None:
    line_end = first.partition("}")[2].removeprefix('"')
    lines = [f"name{delimiter}sum", f"Ada{delimiter}4,5;5", f"Bob{delimiter}7"]
    found, problem = read((first.format(delimiter) + line_end.join(lines)).encode())
    amount = {",": "4; 5;5", ";": "4,5; 5"}.get(delimiter, "4,5;5")
    assert problem is None
    assert [(text, place.get("rows") or place["row"]) for text, place in found] == [
        ("name | sum", 2),
        (f"name: Ada; sum: {amount}\n\nname: Bob; sum: 7", [3, 4]),
    ]


def test_a_delimiter_that_is_named_is_believed_of_rows_of_any_length() -> None:
    found, _ = read(b"sep=;\na;b\n1;2;3\n4;5;6;7\n8\n")
    assert [line for text, _ in found for line in text.split("\n\n")] == [
        *("a | b", "a: 1; b: 2; 3", "a: 4; b: 5; 6; 7", "a: 8")
    ]
    found, _ = read(b"sep=;\n1,5;2,5\n3,5;4,5\n")
    assert [line for text, _ in found for line in text.split("\n\n")] == ["1,5 | 2,5", "3,5 | 4,5"]


@pytest.mark.parametrize("data", [b"sep=;", b"sep=;\n", b"sep=;\nword\n", b'sep="\na\n', b"sep=\na\n", b"sep=ab\nc\n"])
def test_a_first_line_that_names_what_delimits_nothing_is_text(data: bytes) -> None:
    assert read(data) == ([], None)


def test_what_nothing_delimits_is_text() -> None:
    prose = (
        b"The tide turned at five, as it does. The pilot waited.\nNobody came\nthat day, or the next, or ever.\n" * 9
    )
    assert read(prose) == ([], None)
    assert [atom.text for atom in atomizer_for("text/csv").atomize(io.BytesIO(b"a word"), "text/csv")] == ["a word"]


def test_short_rows_are_told_together_and_long_ones_in_parts_of_one_place() -> None:
    found, _ = read(b"id,n\n" + b"".join(b"%d,%d\n" % (n, n * 7) for n in range(60)))
    spans = [place.get("rows") or [place["row"]] * 2 for _, place in found[1:]]
    assert [row for first, last in spans for row in range(first, last + 1)] == list(range(2, 62))
    assert max(last - first for first, last in spans) > 2
    long = " ".join(f"Sentence {n} of a remark." for n in range(200))
    found, _ = read(f"id,remark\n1,{long}\n2,short\n".encode())
    assert len([text for text, place in found if place["row"] == 2]) > 3
    assert {"id: 1", "short"} <= {word for text, _ in found for word in text.replace("remark: ", "").split("; ")} | {
        "id: 1"
    }


def test_names_that_would_drown_a_row_are_left_out() -> None:
    names = ",".join(f"a very long name of a column {n}" for n in range(300))
    found, _ = read(f"{names}\n{','.join('7' * 300)}\n".encode() * 1)
    assert sum(len(text) for text, place in found if place["row"] == 2) < 4 * 600
    columns = found[-1][1]["columns"]
    assert (len(columns), columns[-1]) == (14, "…")


@given(
    st.lists(st.lists(CELLS, min_size=2, max_size=4), min_size=1, max_size=12), st.sampled_from(",;\t|"), st.booleans()
)
def test_a_table_is_read_as_it_was_written(rows: list[list[str]], delimiter: str, all_quoted: bool) -> None:
    target = io.StringIO(newline="")
    csv.writer(target, delimiter=delimiter, quoting=csv.QUOTE_ALL if all_quoted else csv.QUOTE_MINIMAL).writerows(rows)
    data = target.getvalue().encode()
    reader = DelimitedRows(delimiter)
    texts = [row for block in reader.blocks(io.BytesIO(data)) for row in reader.texts(block)]
    assert reader.broken.count == 0
    assert [text.text for text in texts] == [
        " ".join(" | ".join(cell for cell in row if cell and not cell.isspace()).split()) for row in rows
    ]
    read(data)


@given(st.text(st.sampled_from('ab",\n\r '), max_size=40))
def test_rows_end_where_the_module_csv_ends_them(text: str) -> None:
    reader = DelimitedRows(",")
    blocks = list(reader.blocks(io.BytesIO(text.encode())))
    rows = [block.data[start:end].decode() for block in blocks for start, end in block.rows()]
    assert "".join(rows) == text
    if not any(block.plain for block in blocks):
        assert [next(csv.reader([row])) for row in rows] == list(csv.reader(io.StringIO(text, newline="")))


class Trickling(io.BytesIO):
    """Gives a few bytes at a time."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(size, 7) if size and size > 0 else size)


@given(st.one_of(st.binary(max_size=300), st.text(st.sampled_from('a",;\n\r\xe9'), max_size=300).map(str.encode)))
def test_any_bytes_come_back_however_they_are_read(data: bytes) -> None:
    read_twice = []
    for stream in (io.BytesIO(data), Trickling(data)):
        reader = DelimitedRows(",")
        blocks = list(reader.blocks(stream))
        assert b"".join(block.data for block in blocks) == data
        read_twice.append(([text for block in blocks for text in reader.texts(block)], str(reader.broken)))
    assert read_twice[0] == read_twice[1]


ROWS = b"id,name\n" + b"1,read\n" * 200
NEVER_CLOSED = "row 202 has a quotation mark that is not closed: read as plain text"
NOT_CLOSED_IN_TIME = "row 202 has a quotation mark that is not closed within 1,048,576 bytes: read as plain text"
TOO_LONG = "row 202 is longer than 1,048,576 bytes: read as plain text"
DAMAGED: dict[str, tuple[bytes, str | None, str]] = {
    "truncated in quotation marks": (ROWS + b'2,"it beg', NEVER_CLOSED, "name: read"),
    "truncated in a row": (ROWS + b"2", None, "id: 2"),
    "not UTF-8 in the middle": (ROWS + b"2,\xff\xfe\n3,after\n", None, "name: after"),
    "NULs": (ROWS + b"2,\0\0\n" + b"\0" * 100_000 + b"\n3,after\n", None, "name: after"),
    "a quotation mark that nothing closes": (ROWS + b'2,"x\n' + b"3,after\n" * 9000, NEVER_CLOSED, "name: after"),
    "such a mark before more than a row may have": (
        ROWS + b'2,"x\n' + b"3,after\n" * 300_000,
        NOT_CLOSED_IN_TIME,
        "name: after",
    ),
    "quotation marks without end": (ROWS + b'"' * 10_000_001, TOO_LONG, "name: read"),
    "marks in rows": (ROWS + b'"\n' * 200_001, "has a quotation mark", "name: read"),
    "marks within values": (ROWS + b'2,5" by 3"\n3,after\n', None, 'name: 5" by 3"'),
    "a row without end": (ROWS + b"x" * 10_000_000, TOO_LONG, "name: read"),
    "a row without end, and one behind it": (ROWS + b"x," * 5_000_000 + b"\n3,after\n", TOO_LONG, "name: after"),
    "a character where a long row is cut": (ROWS + "é".encode() * 1_000_000 + b"\n3,after\n", TOO_LONG, "name: after"),
    "a long value": (ROWS + b'2,"' + b"word " * 40_000 + b'"\n3,after\n', None, "name: after"),
    "delimiters without end": (ROWS + b"," * 500_000 + b"\n3,after\n", None, "name: after"),
    "empty rows": (ROWS + b"\n" * 1_000_000 + b"3,after\n", None, "name: after"),
    "returns": (ROWS + b"\r" * 1_000_000 + b"3,after\n", None, "name: after"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_what_is_damaged_is_read_as_far_as_it_goes_and_says_why(name: str) -> None:
    data, reason, said = DAMAGED[name]
    started = time.process_time()
    found, problem = read(data)
    assert time.process_time() - started < 20
    assert (problem is None) if reason is None else (reason in str(problem))
    assert any(said in text for text, _ in found)


def test_rows_keep_their_numbers_behind_one_that_is_too_long() -> None:
    found, _ = read(ROWS + b"x" * (3 * LONGEST_ROW) + b"\n4,after this row\n")
    assert found[-1][0].endswith("id: 4; name: after this row")
    assert found[-1][1]["row"] == 203


def test_any_number_of_rows_takes_the_memory_of_a_few() -> None:
    stream = io.BytesIO(ROWS + b'1234567,"a remark of some length"\n' * 60_000)
    tracemalloc.start()
    count = sum(1 for _ in atomizer_for("text/csv").atomize(stream, "text/csv"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count > 20_000
    assert peak < 32 * 1024 * 1024


@given(cuts_of(TIDES))
def test_whatever_happens_to_its_bytes_only_partial_is_raised(cuts: Cuts) -> None:
    data = cut(TIDES, cuts)
    with suppress(NotUtf8Error):  # of text; the stage finds out first how it is encoded
        read(data)
