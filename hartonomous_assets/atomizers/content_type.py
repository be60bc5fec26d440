"""What kind of content a file holds, and whether it is UTF-8. Neither function raises on bad bytes."""

from codecs import utf_8_decode
from dataclasses import dataclass
from hashlib import sha256
from typing import BinaryIO

from hartonomous_assets.atomizers.text import TextAtomizer

HEAD_BYTES = 8 * 1024
READ_BYTES = 256 * 1024

_TEXT_TYPES = {
    extension: content_type
    for content_type, extensions in {
        "application/json": "json ipynb webmanifest",
        "application/ld+json": "jsonld",
        "application/geo+json": "geojson",
        "application/toml": "toml",
        "application/x-ndjson": "jsonl ndjson",
        "application/xml": "xml xsd xsl xslt",
        "application/yaml": "yaml yml",
        "image/svg+xml": "svg",
        "text/css": "css",
        "text/csv": "csv",
        "text/html": "html htm",
        "text/javascript": "js mjs cjs",
        "text/markdown": "md markdown",
        "text/plain": "txt text log ini cfg conf rst tex",
        "text/tab-separated-values": "tsv tab",
        "text/x-c": "c h",
        "text/x-c++": "cc cpp cxx hh hpp",
        "text/x-csharp": "cs",
        "text/x-go": "go",
        "text/x-java": "java",
        "text/x-python": "py pyi",
        "text/x-rust": "rs",
        "text/x-shellscript": "sh bash",
        "text/x-sql": "sql",
        "text/x-typescript": "ts tsx",
    }.items()
    for extension in extensions.split()
}
"""By file-name extension. Not the module `mimetypes`: it reads the machine's own tables."""

_MARKUP_SIGNATURES = {b"%PDF-": "application/pdf", b"{\\rtf": "application/rtf"}
"""Formats that may begin like text but are not to be read as sentences."""

_SHARED_SIGNATURES = {
    b"PK\x03\x04": "application/zip",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "application/x-ole-storage",
    b"ELF": "application/x-executable",
}
"""Signatures that puremagic lists under each of many formats, of which it then names any one."""

_TEXT = TextAtomizer()


@dataclass(frozen=True, slots=True)
class Scan:
    """What one pass over a stream tells: `invalid_utf8_at` is a byte offset, None if all of it is UTF-8."""

    sha256: bytes
    byte_length: int
    invalid_utf8_at: int | None


def scan(stream: BinaryIO) -> Scan:
    """Read to the end: SHA-256 (32 bytes), length and the offset of the first invalid UTF-8 sequence."""
    digest = sha256()
    length = 0
    invalid_at: int | None = None
    incomplete = b""
    while block := stream.read(READ_BYTES):
        digest.update(block)
        if invalid_at is None and (incomplete or not block.isascii()):
            data = incomplete + block
            try:
                incomplete = data[utf_8_decode(data, "strict", False)[1] :]
            except UnicodeDecodeError as error:
                invalid_at = length - len(incomplete) + error.start
        length += len(block)
    if invalid_at is None and incomplete:
        invalid_at = length - len(incomplete)
    return Scan(digest.digest(), length, invalid_at)


def sniff(head: bytes, name: str = "") -> str:
    """Content type by the first 8 KiB of a file, refined by the extension of its name. Never raises.

    Bytes that are UTF-8 without NUL are text, of the kind that the extension says, else text/plain. Other
    bytes are what their signature says; without one, an extension that promises text is believed (so that a
    broken .txt is reported instead of stored silently as bytes), else application/octet-stream.
    """
    head = head[:HEAD_BYTES]
    named_text = _TEXT_TYPES.get(name.rpartition(".")[2].lower())
    for signature, content_type in _MARKUP_SIGNATURES.items():
        if head.startswith(signature):
            return content_type
    if _is_text(head):
        return named_text or "text/plain"
    return _binary_type(head, name) or named_text or "application/octet-stream"


def _is_text(head: bytes) -> bool:
    try:
        utf_8_decode(head, "strict", False)  # not final: the head may end inside a code point
    except UnicodeDecodeError:
        return False
    return b"\0" not in head


def _binary_type(head: bytes, name: str) -> str | None:
    """The type by signature; None where there is none that could not as well be chance."""
    from puremagic import PureError, magic_string

    if head[:4] == b"GGUF":
        return "application/vnd.gguf"
    if head[8:10] == b'{"' and int.from_bytes(head[:8], "little") < 100_000_000:
        return "application/vnd.safetensors"  # header length (at most 100 MB, by its specification), then JSON
    if head[:1] == head[188:189] == b"G":
        return "video/mp2t"  # else the extension .ts would make it TypeScript
    try:
        found = magic_string(head, name)
    except PureError:
        return None
    # 0.3 stands for three bytes of signature, 0.9 for one that the extension agrees with.
    sure = [match for match in found if match.confidence >= 0.3 and match.mime_type]
    if not sure or any(_TEXT.handles(match.mime_type) for match in sure):
        return None  # a text format in another encoding than UTF-8 is nothing else either
    best = min(sure, key=lambda m: (-m.confidence, -len(m.byte_match), m.mime_type))
    content_type: str = best.mime_type.lower()
    return content_type if best.confidence == 0.9 else _SHARED_SIGNATURES.get(best.byte_match, content_type)
