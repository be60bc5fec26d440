"""Finds out what kind of content a file holds and, for text, its encoding. No function here raises on bad bytes."""

import re
from codecs import utf_8_decode
from dataclasses import dataclass
from hashlib import sha256
from typing import BinaryIO

from hartonomous_core.atomizers.charsets import HEAD_BYTES, READ_BYTES, Sample, detect, wide_charset
from hartonomous_core.atomizers.text import TextAtomizer

_TEXT_TYPES = {
    extension: content_type
    for content_type, extensions in {
        "application/json": "json webmanifest",
        "application/ld+json": "jsonld",
        "application/geo+json": "geojson",
        "application/mbox": "mbox",
        "application/toml": "toml",
        "application/x-ipynb+json": "ipynb",
        "application/x-ndjson": "jsonl ndjson",
        "application/x-subrip": "srt",
        "application/atom+xml": "atom",
        "application/rss+xml": "rss",
        "application/xml": "xml xsd xsl xslt rdf opml kml gpx dbk fb2 dita tei wsdl xlf xliff",
        "application/yaml": "yaml yml",
        "image/svg+xml": "svg",
        "message/rfc822": "eml",
        "text/css": "css",
        "text/csv": "csv",
        "text/html": "html htm",
        "text/javascript": "js mjs cjs jsx",
        "text/markdown": "md markdown",
        "text/plain": "txt text log ini cfg conf tex",
        "text/tab-separated-values": "tsv tab",
        "text/vtt": "vtt",
        "text/x-c": "c h",
        "text/x-c++": "cc cpp cxx hh hpp hxx",
        "text/x-csharp": "cs",
        "text/x-go": "go",
        "text/x-java": "java",
        "text/x-python": "py pyi",
        "text/x-rst": "rst",
        "text/x-rust": "rs",
        "text/x-shellscript": "sh bash",
        "text/x-sql": "sql",
        "text/x-tsx": "tsx",
        "text/x-typescript": "ts mts cts",
    }.items()
    for extension in extensions.split()
}
"""By file-name extension. Not the module `mimetypes`: it reads the machine's own tables."""

_HEADERS_OF_MAIL = (
    rb"(?:[!-9;-~]+:[^\n]*\n(?:[ \t][^\n]*\n)*)*?(?:Received|Message-ID|MIME-Version|DKIM-Signature):[^\n]*\n"
)
"""Any headers, and one of those that no letter on paper has."""

_MARKUP_SIGNATURES = {
    re.compile(rb"From \S[^\n]*\d\d?:\d\d[^\n]*\n" + _HEADERS_OF_MAIL, re.IGNORECASE): "application/mbox",
    re.compile(_HEADERS_OF_MAIL, re.IGNORECASE): "message/rfc822",
    re.compile(rb"%PDF-\d\.\d\s*[\r\n]"): "application/pdf",
    re.compile(rb"\{\\rtf\d+[\\\s{}]|\{\\rtf\\"): "application/rtf",
    re.compile(rb"(?:\xef\xbb\xbf)?WEBVTT[ \t\r\n]"): "text/vtt",
    re.compile(rb"(?:\xef\xbb\xbf)?\s*\d+\s+\d+:\d\d:\d\d,\d{1,3} --> "): "application/x-subrip",
}
"""Formats that may be all text but are not to be read as such, unless the name says so: notes on PDF may begin like one."""

_PAGE = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]{0,200}\?>\s*)?(?:<!--(?:[^-]|-(?!->)){0,2000}-->\s*)?<(?:!doctype\s+html|html)\b",
    re.I,
)
"""How a page begins whose name does not say that it is one."""
_XML = re.compile(rb"(?:\xef\xbb\xbf)?\s*<\?xml\s+version\s*=[^>]{0,200}\?>")
_PICTURE = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]{0,200}\?>\s*)?(?:<!--(?:[^-]|-(?!->)){0,2000}-->\s*){0,5}(?:<!DOCTYPE\s[^>\[]{0,1000}>\s*)?<svg[\s>]"
)
"""How XML and a picture of vectors begin that are not named so."""

_OFFICE_TYPES = {
    b"word": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    b"xl": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    b"ppt": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}
"""Of Office Open XML, with macros or without, document or template, by the folder that its parts are in."""

_OF_OFFICE = re.compile(
    rb"PK\x03\x04.{26}(?:\[Content_Types\]\.xml|_rels/\.rels|docProps/(?:app|core)\.xml)", re.DOTALL
)
_OFFICE_PART = re.compile(
    rb"PK\x03\x04.{26}(word|xl|ppt)/(?:_rels/)?(?:document|workbook|presentation|theme|worksheets|styles|media|slide)",
    re.DOTALL,
)
_OFFICE_EXTENSIONS = {
    **dict.fromkeys(("docx", "docm", "dotx", "dotm"), b"word"),
    **dict.fromkeys(("xlsx", "xlsm", "xltx", "xltm"), b"xl"),
    **dict.fromkeys(("pptx", "pptm", "potx", "potm", "ppsx", "ppsm"), b"ppt"),
}
_OPEN_DOCUMENT = re.compile(
    rb"PK\x03\x04.{26}mimetype(application/vnd\.oasis\.opendocument\.(?:text|spreadsheet|presentation))(?:-template)?PK",
    re.DOTALL,
)
"""The first member, which is not packed, says the type."""

_ARCHIVES = {
    re.compile(rb"\x1f\x8b\x08"): "application/x-gzip",
    re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"): "application/x-bzip2",
    re.compile(rb"\xfd7zXZ\0"): "application/x-xz",
    re.compile(rb"\x28\xb5\x2f\xfd"): "application/zstd",
    re.compile(rb"7z\xbc\xaf'\x1c"): "application/x-7z-compressed",
    re.compile(rb"Rar!\x1a\x07"): "application/vnd.rar",
}
"""Whatever the name says: that of a packed picture (.svgz) may be the picture's."""

_BITMAP = re.compile(rb"BM.{4}\0{4}.{2}\0\0[\x0c(4@8l|]\0\0\0", re.DOTALL)
"""How a picture in BMP begins: two letters alone may be anything."""
_CHECKPOINT = re.compile(rb"PK\x03\x04.{26}[^/]{1,255}/(?:data\.pkl|\.format_version|\.data/)", re.DOTALL)
"""The first file in a checkpoint of PyTorch."""
_ONNX = re.compile(rb"\x08[\x01-\x7f](?:\x12|\x1a|:|B)")
"""How protobuf begins with the version of ONNX; told from other bytes by the name of the file."""

TAR_BLOCK_BYTES = 512
_SUM_IN_TAR = slice(148, 156)

_WEIGHTS = {
    "safetensors": "application/vnd.safetensors",
    "gguf": "application/vnd.gguf",
    "onnx": "application/onnx",
}
"""By extension, where the bytes are no text: what is wrong with such a file can be said."""

_NAMED = {
    **{extension: _OFFICE_TYPES[folder] for extension, folder in _OFFICE_EXTENSIONS.items()},
    "odt": "application/vnd.oasis.opendocument.text",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "odp": "application/vnd.oasis.opendocument.presentation",
    "pdf": "application/pdf",
    "zip": "application/zip",
    "parquet": "application/vnd.apache.parquet",
}
"""By extension, of bytes that are nothing else, for the same reason."""

_SHARED_SIGNATURES = {
    b"PK\x03\x04": "application/zip",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "application/x-ole-storage",
    b"ELF": "application/x-executable",
}
"""Signatures that many formats share: puremagic would name any one of them."""

_TEXT = TextAtomizer()


@dataclass(frozen=True, slots=True)
class Scan:
    """What one pass over a stream found out: `invalid_utf8_at` is a byte offset, None if all of it is UTF-8.

    `sample` is what tells the encoding of text that is not UTF-8.
    """

    sha256: bytes
    byte_length: int
    invalid_utf8_at: int | None
    sample: Sample


def scan(stream: BinaryIO) -> Scan:
    """Read a stream to the end for its SHA-256 (32 bytes), length and the offset of the first invalid UTF-8 sequence."""
    digest = sha256()
    sample = Sample()
    length = 0
    invalid_at: int | None = None
    incomplete = b""
    while block := stream.read(READ_BYTES):
        digest.update(block)
        sample.add(block)
        if invalid_at is None and (incomplete or not block.isascii()):
            data = incomplete + block
            try:
                incomplete = data[utf_8_decode(data, "strict", False)[1] :]
            except UnicodeDecodeError as error:
                invalid_at = length - len(incomplete) + error.start
        length += len(block)
    if invalid_at is None and incomplete:
        invalid_at = length - len(incomplete)
    return Scan(digest.digest(), length, invalid_at, sample)


def sniff(head: bytes, name: str = "") -> str:
    """Guess the content type from the first 8 KiB of a file, refined by the extension of its name. Never raises.

    Bytes that are UTF-8 without NUL are text, of the kind that the extension says, else text/plain; so is text in UTF-16
    or UTF-32, with its charset. Other bytes are what their signature says; without one, an extension that promises text is
    believed (so a .txt in another encoding is still called text); else they are text where they clearly look like it in
    some encoding; and where not what the extension says of documents, or application/octet-stream.
    """
    head = head[:HEAD_BYTES]
    extension = name.rpartition(".")[2].lower()
    named_text = _TEXT_TYPES.get(extension)
    if extension == "onnx" and _ONNX.match(head):
        return _WEIGHTS[extension]
    if charset := wide_charset(head):
        return (
            f"{named_text or _markup_type(head.decode(charset, 'ignore').encode()) or 'text/plain'}; charset={charset}"
        )
    is_text = _is_text(head)
    if is_text and named_text:
        return named_text
    for signature, content_type in _MARKUP_SIGNATURES.items():
        if signature.match(head):
            return content_type
    markup = _markup_type(head)
    if is_text:
        return markup or "text/plain"
    if known := _binary_type(head, name) or named_text or markup or _WEIGHTS.get(extension):
        return known
    return "text/plain" if _is_other_text(head) else _NAMED.get(extension, "application/octet-stream")


def _markup_type(head: bytes) -> str | None:
    """Return what a text says that it is, whatever its name; None for what may be any text."""
    if _PAGE.match(head):
        return "text/html"
    if _PICTURE.match(head):
        return "image/svg+xml"
    return "application/xml" if _XML.match(head) else None


def _is_text(head: bytes) -> bool:
    try:
        utf_8_decode(head, "strict", False)  # not final: the head may end inside a code point
    except UnicodeDecodeError:
        return False
    return b"\0" not in head


def _is_other_text(head: bytes) -> bool:
    sample = Sample()
    sample.add(head)
    return detect(sample.lines) is not None


def _binary_type(head: bytes, name: str) -> str | None:
    """Return the type by signature; None where there is none, or only one so short that it may be chance."""
    from puremagic import PureError, magic_string

    if head[:4] == b"PAR1":
        return "application/vnd.apache.parquet"
    if _BITMAP.match(head):
        return "image/bmp"
    if head[:4] == b"GGUF":
        return "application/vnd.gguf"
    if _CHECKPOINT.match(head):
        return "application/x-pytorch"
    if head[:4] == b"PK\x03\x04" and (office := _office_type(head, name)):
        return office
    if packed := next((name for signature, name in _ARCHIVES.items() if signature.match(head)), None):
        return packed
    if is_tar_header(head[:TAR_BLOCK_BYTES]):
        return "application/x-tar"
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


def _office_type(head: bytes, name: str) -> str | None:
    """Return what kind of document a zip is, by the members that its beginning shows, else by its name; None for any other zip."""
    if document := _OPEN_DOCUMENT.match(head):
        return document[1].decode()
    part = _OFFICE_PART.search(head)
    folder = part[1] if part and _OF_OFFICE.search(head) else _OFFICE_EXTENSIONS.get(name.rpartition(".")[2].lower())
    return _OFFICE_TYPES.get(folder) if folder else None


def is_tar_header(block: bytes) -> bool:
    """Tell whether a block of `TAR_BLOCK_BYTES` is the header of a file in a tar archive: the sum of its bytes stands in it, in octal digits."""
    said = block[_SUM_IN_TAR].strip(b" \0")
    if len(block) < TAR_BLOCK_BYTES or not re.fullmatch(rb"[0-7]+", said):
        return False
    summed = block[: _SUM_IN_TAR.start] + b" " * 8 + block[_SUM_IN_TAR.stop :]
    signed = sum(summed) - 256 * sum(byte > 127 for byte in summed)  # as some old programs count
    return int(said, 8) in (sum(summed), signed)
