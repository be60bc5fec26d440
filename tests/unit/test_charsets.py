"""What encodings are found out: real text of many languages and encodings, and what cannot be told is not guessed."""

import codecs
import io
import random
from collections import Counter
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hartonomous_core.atomizers.charset_names import _READ_AS, codec_of, names_to_try
from hartonomous_core.atomizers.charsets import (
    _CANDIDATES,
    READ_BYTES,
    UNKNOWN,
    Charset,
    detect,
    find_charset,
)
from hartonomous_core.atomizers.content_type import scan
from hartonomous_core.atomizers.windows_1252 import is_windows_1252
from tests.unit.encoded_texts import ENCODINGS, TEXTS

GERMAN, GREEK, JAPANESE, RUSSIAN = (TEXTS[language] for language in ("German", "Greek", "Japanese", "Russian"))


def charset_of(data: bytes, declared: str | None = None, *, is_table: bool = False) -> Charset:
    found = scan(io.BytesIO(data))
    is_valid_utf8 = found.invalid_utf8_at is None
    return find_charset(io.BytesIO(data), found.sample, declared, is_valid_utf8=is_valid_utf8, is_table=is_table)


def texts_of(length: int | None) -> list[tuple[str, str, str]]:
    """Language, encoding and text: all of each text, or some parts of it that are this long and hold more than ASCII."""
    chosen = []
    for language, encodings in ENCODINGS.items():
        text = TEXTS[language]
        for encoding in encodings.split():
            starts = [0] if length is None else random.Random(language + encoding).sample(range(len(text) // 2), 4)
            parts = [text[start:][:length].strip() for start in starts]
            chosen += [(language, encoding, part) for part in parts if not part.isascii()]
    return chosen


@pytest.mark.parametrize(("length", "least"), [(None, 1.0), (150, 0.87), (60, 0.85)])
def test_text_of_many_languages_is_read_rightly_or_not_at_all(length: int | None, least: float) -> None:
    texts = texts_of(length)
    wrong, read = [], 0
    for language, encoding, text in texts:
        charset = charset_of(text.encode(encoding)).name
        if charset != UNKNOWN:
            assert charset is not None
            read += 1
            if text.encode(encoding).decode(charset) != text:
                wrong.append((language, encoding, charset))

    assert len(texts) > 70
    assert len(wrong) <= len(texts) // 200, wrong
    assert read >= least * len(texts)


@pytest.mark.parametrize(
    "table",
    [
        "Codice;Città;Quantità\n1;Forlì;3\n2;Milano;4\n",
        "Nome,Città\nNicolò,Forlì\nGiosuè,Patù\n",
        "Prodotto;Prezzo;Qualità\nCaffè;3,50 €;alta\nTè;2,10 €;media\n",
        "PERCHÉ;CITTÀ;PIÙ\n",
        "Il porto è lì: è già più lontano.\n",
    ],
)
def test_short_italian_is_told_by_its_accents(table: str) -> None:
    assert charset_of(table.encode("cp1252")) == Charset("windows-1252")


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Plzeň;domů;městě;jeseň;dům\n", "cp1250"),
        ("Lietuvą;dieną;moterį\n", "cp1257"),
        ("Città;Forlì\n", "cp1252"),
        ("café;thé;bandé\n", "cp1252"),
        ("Città;Cantù;Forlì;straße\n", "cp1252"),
    ],
)
def test_what_may_be_italian_or_not_is_not_told_by_that(text: str, encoding: str) -> None:
    assert not is_windows_1252(text.encode(encoding))


@pytest.mark.parametrize("language", TEXTS)
@pytest.mark.parametrize(
    ("encoding", "mark", "name"),
    [
        ("utf-16-le", codecs.BOM_UTF16_LE, "utf-16le"),
        ("utf-16-be", codecs.BOM_UTF16_BE, "utf-16be"),
        ("utf-32-le", codecs.BOM_UTF32_LE, "utf-32le"),
        ("utf-32-be", codecs.BOM_UTF32_BE, "utf-32be"),
        ("utf-8", codecs.BOM_UTF8, None),
    ],
)
def test_a_byte_order_mark_decides(language: str, encoding: str, mark: bytes, name: str | None) -> None:
    assert charset_of(mark + TEXTS[language].encode(encoding)) == Charset(name)


def test_utf16_and_utf32_without_a_mark_are_known_by_their_zero_bytes() -> None:
    for language, text in TEXTS.items():
        for name in ("utf-32le", "utf-32be"):
            assert charset_of(text.encode(name)) == Charset(name), language
        for name in ("utf-16le", "utf-16be"):
            # Of Chinese, Japanese and Korean the high bytes are of all kinds.
            expected = UNKNOWN if language.startswith(("Chinese", "Japanese", "Korean")) else name
            assert charset_of(text.encode(name)).name == expected, language


@pytest.mark.parametrize(
    ("declared", "encoding", "name"),
    [
        ("windows-1252", "cp1252", "windows-1252"),
        ("ISO-8859-1", "latin-1", "windows-1252"),
        ("latin1", "cp1252", "windows-1252"),
        ("iso-8859-15", "iso-8859-15", "iso-8859-15"),
        ("cp850", "cp850", "cp850"),
        ("cp037", "cp037", "cp037"),
        ("macintosh", "mac-roman", "mac-roman"),
    ],
)
def test_a_charset_that_is_declared_is_believed_where_the_bytes_are_text_in_it(
    declared: str, encoding: str, name: str
) -> None:
    assert charset_of("Tür\n".encode(encoding), declared) == Charset(name)


@pytest.mark.parametrize(
    "declared",
    [
        *(
            None,
            "utf-8",
            "us-ascii",
            "utf-16",
            "utf-16le",
            "utf-32be",
            "iso-8859-6",
            "shift_jis",
            "utf-7",
            "unknown-8bit",
        ),
        *("idna", "rot13", "base64", "unicode_escape", "mbcs", "nonsense", "../../etc/passwd", "x" * 10_000),
    ],
)
def test_a_charset_that_is_declared_wrongly_is_not_believed(declared: str | None) -> None:
    assert charset_of(GERMAN.encode("cp1252"), declared) == Charset("windows-1252")
    assert charset_of(GERMAN.encode(), declared) == Charset(None)


def test_text_that_says_its_encoding_itself_is_believed() -> None:
    assert charset_of('<?xml version="1.0" encoding="KOI8-R"?><a>да</a>'.encode("koi8-r")) == Charset("koi8-r")
    assert charset_of('<html><meta charset="Windows-1251"><p>да'.encode("cp1251")) == Charset("windows-1251")
    assert charset_of("# -*- coding: latin-1 -*-\nname = 'Jörg'".encode("latin-1")) == Charset("windows-1252")
    # What the sender says comes before it, and what is said wrongly is not believed.
    assert charset_of('<?xml encoding="KOI8-R"?><a>да</a>'.encode("cp1251"), "windows-1251") == Charset("windows-1251")
    assert charset_of(f'<?xml encoding="utf-8"?>{RUSSIAN}'.encode("koi8-r")) == Charset("koi8-r")


def test_shifted_japanese_is_told_from_ascii_with_colours() -> None:
    assert charset_of(JAPANESE.encode("iso-2022-jp")) == Charset("iso-2022-jp-2")
    assert charset_of(JAPANESE.encode("iso-2022-jp"), "iso-2022-jp") == Charset("iso-2022-jp")
    assert charset_of(b"\x1b[31mred\x1b[0m \x1b$ and all") == Charset(None)


@pytest.mark.parametrize("is_table", [False, True])
@pytest.mark.parametrize(
    "data",
    [
        b"\xff",
        b"a" * 300_000 + b"\xff",
        "漢字".encode("shift_jis"),
        b"\xff\xfb\x90\x00" * 500,
        b"\xff\xfe\0\0\1\2\3",
        bytes(range(256)) * 40,
        random.Random(1).randbytes(5000),
        bytes(byte for byte in random.Random(2).randbytes(5000) if byte >= 32),
        GREEK.encode("cp1253")[:40] + GREEK.encode()[:400],
        f"{GERMAN}\n".encode() + f"{GERMAN}\n".encode("cp1252"),
        f"{GERMAN}\n".encode() * 20 + "Tür\n".encode("cp1252"),
    ],
)
def test_what_cannot_be_told_is_not_guessed(data: bytes, is_table: bool) -> None:
    assert charset_of(data, is_table=is_table) == Charset(UNKNOWN)


@pytest.mark.parametrize("beyond", [1, READ_BYTES - 1, READ_BYTES, 3 * READ_BYTES + 5])
def test_a_file_that_is_not_in_its_encoding_to_the_end_is_named_with_the_byte(beyond: int) -> None:
    text = GERMAN * (beyond // len(GERMAN) + 1)
    half_a_pair = text.encode("utf-16le") + b"\x3d\xd8" + text.encode("utf-16le")
    at = len(text.encode("utf-16le"))
    for mark in (b"", codecs.BOM_UTF16_LE):
        assert charset_of(mark + half_a_pair) == (
            Charset(UNKNOWN, "utf-16le", at + len(mark)) if at > 8192 else Charset(UNKNOWN)
        )
        if at > 8192:
            assert charset_of(mark + text.encode("utf-16le") + b"x") == Charset(UNKNOWN, "utf-16le", at + len(mark))
    japanese = (JAPANESE * (beyond // len(JAPANESE) + 1)).encode("euc_jp")
    assert charset_of(japanese + b"\x8f") == Charset(UNKNOWN, "euc-jp", len(japanese))


def test_bytes_far_from_the_start_tell_the_encoding() -> None:
    plain = b"A log of all that happened.\n" * 40_000
    assert charset_of(plain + "\n".join([RUSSIAN] * 3).encode("koi8-r")) == Charset("koi8-r")
    assert charset_of(plain[:-1] + RUSSIAN.encode("koi8-r") + b"\n" + plain) == Charset("koi8-r")


def test_only_a_sample_of_a_large_file_is_kept() -> None:
    class Endless(io.RawIOBase):
        left = 64 * 1024 * 1024

        def read(self, size: int = -1) -> bytes:
            size = min(size, self.left)
            self.left -= size
            return b"\xe4" * size

    sample = scan(Endless()).sample  # type: ignore[arg-type]
    assert len(sample.head) == 8192 and sum(map(len, sample.lines)) <= 64 * 1024


@pytest.mark.parametrize(
    "codec", sorted({*_CANDIDATES, *_READ_AS.values(), "utf-16-le", "utf-16-be", "utf-32-le", "iso2022_jp_2"})
)
def test_python_reads_every_charset_under_the_name_that_we_give_it(codec: str) -> None:
    names = [codec_of(name) for name in names_to_try(codec)]
    assert names == [*filter(None, [_READ_AS.get(codec)]), codec]


@settings(derandomize=True, deadline=None, max_examples=150)
@given(st.binary(max_size=400), st.sampled_from([None, "utf-16", "latin-1", "shift_jis", "utf-16be", "\0", "é"]))
def test_what_is_found_decodes_to_the_end_and_nothing_is_raised(data: bytes, declared: str | None) -> None:
    found = charset_of(data, declared)
    if found.name != UNKNOWN:
        data.decode(found.name or "utf-8")


@pytest.mark.parametrize(
    "text",
    [
        "It\u2019s done, and nobody\u2019s asking why.",
        "He said \u201cno\u201d \u2013 at 25 \u00b0C.",
        "\u201cNo\u201d, he said\u2026",
        "The caf\u00e9 is closed.",
    ],
)
def test_english_with_few_other_characters_is_read(text: str) -> None:
    assert charset_of(text.encode("cp1252")) == Charset("windows-1252")


def test_lines_of_ascii_are_no_evidence() -> None:
    assert detect([]) is None


CUSTOMERS = "Kunde;Straße;Betrag\nMüller;Hauptstraße 5;12,50\n"
TABLES = {
    "three rows": CUSTOMERS + "Schröder;Bahnhofstraße 12;99,00\n",
    "German": CUSTOMERS + "Schröder;Bahnhofstraße 12;99,00\r\nGrün;Königsallee 3;7,80\r\n" * 150,
    "French": "Nom,Prénom,Ville\nLefèvre,Hélène,Besançon\nDupré,Gaëtan,Orléans\n",
    "Euros": "date;libellé;montant\n01/02/2026;Chèque n° 12;-45,00 €\n02/02/2026;Prélèvement électricité;-80,12 €\n",
    "Swedish": "Kund\tOrt\tBelopp\nÅsa Sjöberg\tMalmö\t120,00\nBjörn Lindström\tVästerås\t7,50\n",
    "Portuguese": '"Cliente";"Município";"Preço"\n"João Gonçalves";"São Luís";"12,00"\n"Conceição";"Goiás";"7,50"\n',
}


@pytest.mark.parametrize("text", [CUSTOMERS, *TABLES.values()], ids=["two rows", *TABLES])
def test_a_table_in_a_western_encoding_is_read_where_its_cells_are_short(text: str) -> None:
    assert charset_of(text.encode("cp1252"), is_table=True) == Charset("windows-1252")


def table_of(language: str, rows: int, number: int) -> str:
    """A number, two words and a price in each row."""
    chance = random.Random(f"{language}{rows}{number}")
    words = [word.strip(".,;:()") for word in TEXTS[language].split()]
    made = [
        f"{chance.randrange(9999)};{';'.join(chance.choices(words, k=2))};{chance.random():.2f}" for _ in range(rows)
    ]
    return "\r\n".join(made)


@pytest.mark.parametrize(("rows", "least"), [(3, 0.4), (10, 0.6), (100, 0.7)])
def test_tables_of_many_languages_are_read_rightly_or_not_at_all(rows: int, least: float) -> None:
    wrong: list[tuple[str, str, str]] = []
    western: Counter[bool] = Counter()
    for language, encodings in ENCODINGS.items():
        for text, encoding in product((table_of(language, rows, number) for number in range(4)), encodings.split()):
            data = text.encode(encoding)
            if data.isascii():
                continue
            charset = charset_of(data, is_table=True).name or "utf-8"
            if charset not in (UNKNOWN, charset_of(data).name) and data.decode(charset) != text:
                wrong.append((language, encoding, charset))
            if encoding == "cp1252":
                western[charset == "windows-1252"] += 1
    assert wrong == []
    assert western.total() > 30 and western[True] >= least * western.total(), western
