"""Pictures that are damaged or mean harm, by name."""

import struct
import zlib

from PIL import Image

from tests.unit.drawn_scenes import packed, scene

_SMALL = scene(1, 64, 48)
_LAUGHS = b'<!DOCTYPE d [<!ENTITY a "ha"><!ENTITY b "%s">]><x:xmpmeta xmlns:x="x">%s</x:xmpmeta>' % (
    b"&a;" * 999,
    b"&b;" * 999,
)
MOST = 0xFFFFFFFF


def chunk(kind: bytes, data: bytes, length: int | None = None, crc: int | None = None) -> bytes:
    found = zlib.crc32(kind + data) if crc is None else crc
    return struct.pack(">I", len(data) if length is None else length) + kind + data + struct.pack(">I", found)


def png(
    *between: bytes,
    width: int = 8,
    height: int = 8,
    depth: int = 8,
    colours: int = 2,
    pixels: bytes | None = None,
    interlace: int = 0,
    end: bool = True,
) -> bytes:
    rows = zlib.compress(bytes(8 * 25)) if pixels is None else pixels
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, interlace))
    data = chunk(b"IDAT", rows) if rows else b""
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(between) + data + (chunk(b"IEND", b"") if end else b"")


def text(kind: bytes, packed_text: bytes) -> bytes:
    return chunk(kind, b"Title\0" + (b"\0" if kind == b"zTXt" else b"\1\0\0\0") + packed_text)


_BOMB = zlib.compress(bytes(64 * 1024 * 1024), 9)

_PNG = {
    "absurd size": png(width=2**31 - 1, height=2**31 - 1),
    "more pixels than are read": png(width=30_000, height=30_000, depth=1, colours=0),
    "bomb within the limit": png(width=8_000, height=8_000, colours=0, pixels=zlib.compress(bytes(8_001 * 8_000), 9)),
    "one row of four gibi": png(width=2**31 - 1, height=1, colours=0, depth=1),
    "no width": png(width=0),
    "no pixels": png(pixels=b""),
    "pixels that are not packed": png(pixels=b"plain"),
    "without an end": png(end=False),
    "wrong sum": png(chunk(b"tEXt", b"Title\0Fog", crc=1)),
    "wrong sum of its header": b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bytes(13), crc=7),
    "header cut off": png()[:20],
    "only a signature": png()[:8],
    "chunk of four gibibytes": png(chunk(b"tEXt", b"Title\0Fog", length=MOST)),
    "three bits": png(depth=3),
    "ninth kind of colours": png(colours=9),
    "palette too long": png(chunk(b"PLTE", bytes(3 * 999)), colours=3),
    "no palette": png(colours=3, pixels=zlib.compress(b"\0\7\7\7\7\7\7\7\7" * 8)),
    "text bomb": png(text(b"zTXt", _BOMB)),
    "international text bomb": png(text(b"iTXt", _BOMB)),
    "colour profile bomb": png(chunk(b"iCCP", b"sRGB\0\0" + _BOMB)),
    "ten thousand texts": png(*[chunk(b"tEXt", b"Comment\0Fog %d" % n) for n in range(10_000)]),
    "interlaced sevenfold": png(interlace=7),
    "two milliard frames": png(chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))),
    "frame outside": png(
        chunk(b"acTL", struct.pack(">II", 2, 0)),
        chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 999, 999, 999, 999, 1, 1, 0, 0)),
    ),
    "garbage for EXIF": png(chunk(b"eXIf", b"MM\0*" + b"\xff" * 60)),
    "laughs": png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + _LAUGHS)),
    "transparency too long": png(chunk(b"tRNS", bytes(999))),
}


def tiff(*entries: tuple[int, int, int, int], following: int = 0, order: str = "<", data: bytes = b"") -> bytes:
    """A TIFF of one directory, entries of which are tag, type, count and value or place."""
    body = b"".join(struct.pack(f"{order}HHII", *entry) for entry in entries)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    return head + struct.pack(f"{order}H", len(entries)) + body + struct.pack(f"{order}I", following) + data


def grey_tiff(width: int = 8, height: int = 8, *others: tuple[int, int, int, int], following: int = 0) -> bytes:
    known = {256: (4, 1, width), 257: (4, 1, height), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1), 273: (4, 1, 200)}
    known |= {277: (3, 1, 1), 278: (4, 1, height), 279: (4, 1, width * height % MOST)}
    known |= {tag: (kind, count, value) for tag, kind, count, value in others}
    return tiff(*[(tag, *rest) for tag, rest in sorted(known.items())], following=following, data=bytes(512))


_TIFF = {
    "directory of itself": grey_tiff(following=8),
    "directory beyond its end": grey_tiff(following=MOST),
    "sixty thousand entries": b"II*\0\x08\0\0\0" + struct.pack("<H", 65_535) + bytes(64),
    "absurd size": grey_tiff(MOST, MOST),
    "more pixels than are read": grey_tiff(20_000, 20_000),
    "absurd count": grey_tiff(8, 8, (270, 2, MOST, 8)),
    "rows outside": grey_tiff(8, 8, (273, 4, 1, MOST)),
    "no rows": grey_tiff(8, 8, (278, 4, 1, 0)),
    "tiles of no size": grey_tiff(8, 8, (322, 4, 1, 0), (323, 4, 1, 0), (324, 4, 1, 200), (325, 4, 1, 64)),
    "absurd tiles": grey_tiff(8, 8, (322, 4, 1, 2**30), (323, 4, 1, 2**30), (324, 4, 1, 200), (325, 4, 1, 64)),
    "unknown packing": grey_tiff(8, 8, (259, 3, 1, 34_712)),
    "255 samples": grey_tiff(8, 8, (277, 3, 1, 255)),
    "64 bits": grey_tiff(8, 8, (258, 3, 1, 64)),
    "type that is none": grey_tiff(8, 8, (256, 99, 1, 8)),
    "place in itself": grey_tiff(8, 8, (0x8825, 4, 1, 8), (0x8769, 4, 1, 8)),
    "only a signature": b"II*\0",
    "big, absurd": b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 2**63),
    "LZW of garbage": grey_tiff(8, 8, (259, 3, 1, 5)),
    "deflate of garbage": grey_tiff(8, 8, (259, 3, 1, 8)),
    "fax of garbage": grey_tiff(8, 8, (259, 3, 1, 4), (258, 3, 1, 1)),
    "JPEG of garbage": grey_tiff(8, 8, (259, 3, 1, 7)),
}


def segment(marker: int, data: bytes, length: int | None = None) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2 if length is None else length) + data


def jpeg_with(*segments: bytes) -> bytes:
    """A good JPEG with these segments put first."""
    good = packed(_SMALL)
    return good[:2] + b"".join(segments) + good[2:]


def resized_jpeg(width: int, height: int) -> bytes:
    """A good JPEG whose header says another size."""
    good = bytearray(packed(_SMALL))
    at = good.index(b"\xff\xc0") + 5
    good[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(good)


def without_segment(marker: int) -> bytes:
    good = packed(_SMALL)
    at = good.index(bytes([0xFF, marker]))
    return good[:at] + good[at + 2 + int.from_bytes(good[at + 2 : at + 4], "big") :]


_EXIF = b"Exif\0\0"
_JPEG = {
    "absurd size": resized_jpeg(65_500, 65_500),
    "larger than it is": resized_jpeg(4_000, 4_000),
    "smaller than it is": resized_jpeg(1, 1),
    "no width": resized_jpeg(0, 48),
    "no height": resized_jpeg(64, 0),
    "no codes": without_segment(0xC4),
    "no quantisation": without_segment(0xDB),
    "no scan": without_segment(0xDA),
    "no frame": without_segment(0xC0),
    "255 parts": jpeg_with(segment(0xC0, struct.pack(">BHHB", 8, 48, 64, 255) + bytes(255 * 3))),
    "segment of no length": jpeg_with(segment(0xE1, b"", 0)),
    "segment past its end": jpeg_with(segment(0xE1, _EXIF, 65_535)),
    "EXIF of itself": jpeg_with(segment(0xE1, _EXIF + tiff((0x8769, 4, 1, 8), (0x8825, 4, 1, 8), following=8))),
    "EXIF with an absurd count": jpeg_with(segment(0xE1, _EXIF + tiff((0x010E, 2, MOST, 8)))),
    "EXIF with a place of no degrees": jpeg_with(
        segment(0xE1, _EXIF + tiff((0x8825, 4, 1, 26), data=tiff((2, 5, 3, 80), (4, 5, 3, 80))[8:] + bytes(64)))
    ),
    "EXIF that turns it a hundred times": jpeg_with(segment(0xE1, _EXIF + tiff((0x0112, 3, 1, 100)))),
    "profile in 255 parts": jpeg_with(*[segment(0xE2, b"ICC_PROFILE\0" + bytes([n, 255, 7])) for n in range(1, 99)]),
    "captions of absurd lengths": jpeg_with(
        segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\xff\xff\x1c\x02\x78\xff\xff" + b"x" * 40)
    ),
    "laughs": jpeg_with(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + _LAUGHS)),
    "many pictures, absurdly": jpeg_with(segment(0xE2, b"MPF\0" + tiff((0xB001, 4, 1, MOST), (0xB002, 7, MOST, 8)))),
    "begins and ends": b"\xff\xd8\xff\xd9",
    "restarts alone": b"\xff\xd8" + b"\xff\xd0" * 9_000,
    "page": b"\xff\xd8\xff<html><script>alert(1)</script>",
    "progressive, cut off": packed(_SMALL, progressive=True)[:-300],
}


def gif(width: int = 8, height: int = 8, *blocks: bytes, flags: int = 0x80, end: bytes = b";") -> bytes:
    palette = bytes(6) if flags & 0x80 else b""
    return b"GIF89a" + struct.pack("<HHBBB", width, height, flags, 0, 0) + palette + b"".join(blocks) + end


def frame(
    x: int = 0, y: int = 0, width: int = 8, height: int = 8, size: int = 2, data: bytes = b"\x02\x4c\x01\0"
) -> bytes:
    return b"," + struct.pack("<HHHHB", x, y, width, height, 0) + bytes([size]) + data


_GIF = {
    "absurd size": gif(65_535, 65_535, frame()),
    "frame outside": gif(8, 8, frame(9_000, 9_000, 65_535, 65_535)),
    "large frame": gif(8, 8, frame(0, 0, 60_000, 60_000)),
    "codes of 255 bits": gif(8, 8, frame(size=255)),
    "codes of no bits": gif(8, 8, frame(size=0)),
    "no palette": gif(8, 8, frame(), flags=0),
    "ten thousand frames": gif(8, 8, *[frame(0, 0, 1, 1)] * 10_000),
    "no end": gif(8, 8, frame(), end=b""),
    "block past its end": gif(8, 8, frame(data=b"\xff\x4c")),
    "comment of a mebibyte": gif(8, 8, b"!\xfe" + (b"\xff" + b"x" * 255) * 4_096 + b"\0", frame()),
    "only a signature": b"GIF89a",
    "no frame": gif(),
}


def bmp(
    width: int = 8,
    height: int = 8,
    bits: int = 24,
    packing: int = 0,
    colours: int = 0,
    at: int = 54,
    data: bytes = bytes(192),
) -> bytes:
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, packing, len(data), 0, 0, colours, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(data), 0, 0, at) + head + data


_BMP = {
    "absurd size": bmp(2**31 - 1, 2**31 - 1),
    "less than no width": bmp(-8, 8),
    "least height": bmp(8, -(2**31)),
    "seven bits": bmp(bits=7),
    "absurd palette": bmp(bits=8, colours=MOST),
    "pixels beyond its end": bmp(at=MOST),
    "runs that jump away": bmp(bits=8, packing=1, colours=2, data=bytes(8) + b"\0\2\xff\xff" * 2_000),
    "runs without an end": bmp(4_000, 4_000, 8, 1, 2, 54, bytes(8) + b"\xff\1" * 9_000),
    "unknown packing": bmp(packing=99),
    "only a signature": b"BM" + bytes(20),
}


def webp(*chunks: tuple[bytes, bytes], size: int | None = None) -> bytes:
    body = b"WEBP" + b"".join(
        kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2) for kind, data in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body) if size is None else size) + body


_WEBP = {
    "size that lies": webp((b"VP8 ", bytes(30)), size=MOST),
    "absurd canvas": webp((b"VP8X", b"\x02\0\0\0" + b"\xff" * 6), (b"ANIM", bytes(6))),
    "lossless cut off": packed(_SMALL, "WEBP", lossless=True)[:200],
    "cut off": packed(_SMALL, "WEBP")[:-100],
    "opacity alone": webp((b"VP8X", b"\x10\0\0\0" + bytes(6)), (b"ALPH", bytes(20))),
    "frame outside": webp(
        (b"VP8X", b"\x02\0\0\0" + bytes(6)), (b"ANIM", bytes(6)), (b"ANMF", b"\xff" * 16 + bytes(20))
    ),
    "only a signature": b"RIFF\x04\0\0\0WEBP",
}

BROKEN_PICTURES: dict[str, bytes] = {
    f"{name}.{kind}": data
    for kind, files in {"png": _PNG, "tif": _TIFF, "jpg": _JPEG, "gif": _GIF, "bmp": _BMP, "webp": _WEBP}.items()
    for name, data in files.items()
}
"""More than ninety."""


def an_animation() -> bytes:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "green", "blue")]
    return packed(frames[0], "GIF", save_all=True, append_images=frames[1:])
