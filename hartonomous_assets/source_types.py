"""Says what a source is read as: its content type, for text with the charset that its bytes bear out."""

from typing import BinaryIO

from hartonomous_core.atomizers import atomizer_for
from hartonomous_core.atomizers.charset_names import charset_parameter, is_utf8, media_type
from hartonomous_core.atomizers.charsets import UNKNOWN, Charset, find_charset
from hartonomous_core.atomizers.content_type import Scan


def kind_of(content_type: str) -> tuple[str, str | None]:
    """What of a content type decides which atoms are made: its media type and, unless the text is UTF-8, its charset."""
    charset = charset_parameter(content_type)
    return media_type(content_type), None if charset is None or is_utf8(charset) else charset


def content_type_to_use(declared: str, stream: BinaryIO, found: Scan) -> tuple[str, str | None]:
    """Return the content type that was declared or sniffed, for text with the charset that the bytes bear out, and why it is not searchable."""
    of_text = media_type(declared)
    reader = atomizer_for(of_text)
    if not reader.reads_text:
        return declared, None
    charset = find_charset(
        stream,
        found.sample,
        charset_parameter(declared),
        is_valid_utf8=found.invalid_utf8_at is None,
        is_table=reader.name == "csv",
    )
    if charset.name is None:
        said = charset_parameter(declared)
        return (declared if said is None or is_utf8(said) else of_text), None
    note = _why_not_searchable(charset, found) if charset.name == UNKNOWN else None
    return f"{of_text}; charset={charset.name}", note


def _why_not_searchable(charset: Charset, found: Scan) -> str:
    if charset.seems is None:
        what = f"not UTF-8 at byte {found.invalid_utf8_at:,}, and its encoding cannot be told"
    else:
        what = f"text in {charset.seems} that is broken at byte {charset.broken_at:,}"
    return (
        f"{what}: kept as bytes, not searchable; ingest it again with its encoding, such as --content-type 'text/plain; charset=windows-1252', "
        "or converted to UTF-8"
    )
