"""Pictures: bytes as chunks, beside them what is seen and what is said; whatever a file does, its bytes come out and nothing else is raised."""

import io
import resource
import time
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from hartonomous_core.atomizers import ALONE, Atom, Context, Partial, atomizer_for
from hartonomous_core.atomizers.content_type import sniff
from hartonomous_core.atomizers.document_atomizer import extract_here
from hartonomous_core.atomizers.extractors.image_colours import colours_in_words
from hartonomous_core.atomizers.extractors.image_pixels import MOST_PIXELS, open_picture, shrunk
from hartonomous_core.atomizers.extractors.images import MOST_PAGES, PREVIEW_SIDE
from hartonomous_core.atomizers.members import NoMembers
from hartonomous_core.atomizers.named_words import words_of_name
from tests.unit.broken_pictures import BROKEN_PICTURES, an_animation, chunk, png
from tests.unit.drawn_scenes import packed, scene

KINDS = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "GIF": "image/gif",
    "WEBP": "image/webp",
    "TIFF": "image/tiff",
    "BMP": "image/bmp",
}
XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" photoshop:City="Kiel">
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">F\xc3\xa4hre im Nebel</rdf:li></rdf:Alt></dc:title>
<dc:subject><rdf:Bag><rdf:li>fog</rdf:li><rdf:li>ferry</rdf:li></rdf:Bag></dc:subject></rdf:Description></rdf:RDF></x:xmpmeta>"""


def atoms_of(data: bytes, content_type: str = "image/png", name: str = "") -> tuple[list[Atom], str | None]:
    """The atoms of a file, whose bytes they are, and why they are not all."""
    found: list[Atom] = []
    why = None
    try:
        context = Context(extract_here, NoMembers(), name=name)
        for atom in atomizer_for(content_type).atomize(io.BytesIO(data), content_type, context):
            found.append(atom)
    except Partial as problem:
        why = str(problem)
    assert b"".join(atom.content + atom.suffix for atom in found if atom.role == "content") == data
    return found, why


def derived(atoms: Sequence[Atom]) -> tuple[list[Atom], str]:
    """The pictures, and what is said."""
    pictures = [atom for atom in atoms if atom.modality == "image"]
    return pictures, "\n".join(atom.text for atom in atoms if atom.role == "derived" and atom.text)


def exif_of(**tags: object) -> Image.Exif:
    exif = Image.Exif()
    for tag, value in tags.items():
        exif[int(tag[1:], 16)] = value
    return exif


@pytest.mark.parametrize("kind", KINDS)
def test_of_each_kind_what_is_seen_is_one_small_picture(kind: str) -> None:
    data = packed(scene(3), kind)
    assert sniff(data[:8192]) == KINDS[kind]
    atoms, why = atoms_of(data, KINDS[kind])
    [preview], said = derived(atoms)
    assert why is None and said.startswith("Picture in ")
    assert (preview.subtype, preview.content_type, preview.role, preview.text) == (
        "preview",
        "image/jpeg",
        "derived",
        None,
    )
    assert preview.locator == {**({"page": 1} if kind == "TIFF" else {}), "width": 640, "height": 480}
    seen = Image.open(io.BytesIO(preview.content))
    assert seen.format == "JPEG" and seen.size == (PREVIEW_SIDE, 192)
    small = scene(3).resize(seen.size, Image.Resampling.BICUBIC)
    assert np.abs(np.asarray(seen, float) - np.asarray(small, float)).mean() < 12
    [words] = [atom for atom in atoms if atom.text]
    assert words.locator == {"part": "description", "width": 640, "height": 480}


def test_the_same_pixels_packed_otherwise_are_the_same_atom() -> None:
    previews = {
        derived(atoms_of(packed(scene(4), kind), KINDS[kind])[0])[0][0].content for kind in ("PNG", "BMP", "TIFF")
    }
    assert len(previews) == 1


def test_a_small_picture_is_not_enlarged() -> None:
    [preview], _ = derived(atoms_of(packed(scene(5, 20, 9), "PNG"))[0])
    assert Image.open(io.BytesIO(preview.content)).size == (20, 9)


def test_what_is_said_is_found_as_words_and_places() -> None:
    exif = exif_of(
        x010E="Leuchtturm bei Nacht", x010F="Canon", x0110="Canon EOS R5", x013B="Jane Doe", x0132="2024:05:12 19:20:01"
    )
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 23.76), 3: "W", 4: (2.0, 21.0, 7.92)})
    atoms, why = atoms_of(packed(scene(6), "JPEG", exif=exif, xmp=XMP, comment=b"Taken from the ferry"), "image/jpeg")
    _, said = derived(atoms)
    assert why is None
    for words in (
        "Fähre im Nebel\n",
        "Leuchtturm bei Nacht",
        "Keywords: fog, ferry",
        "By Jane Doe",
        "Place: Kiel",
        "Taken from the ferry",
        "Taken on 2024-05-12 19:20:01 with Canon EOS R5 at 48.8566, -2.3522",
    ):
        assert words in said, said
    [words_atom] = [atom for atom in atoms if atom.text]
    assert words_atom.locator is not None
    expected = {"latitude": 48.8566, "longitude": -2.3522, "taken": "2024-05-12 19:20:01"}
    assert {key: words_atom.locator[key] for key in expected} == expected


def test_what_nobody_wrote_is_not_said() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "Harbour")
    info.add_text("Software", "A program 3.1")
    info.add_text("date:create", "2024-01-01")
    info.add_text("workflow", "x" * 5_000)
    _, said = derived(atoms_of(packed(scene(7), "PNG", pnginfo=info))[0])
    assert said.startswith("Harbour\nPicture in ") and "program" not in said and "xxx" not in said


def test_windows_writes_utf_16_and_others_utf_8_where_ascii_should_be() -> None:
    exif = exif_of(x9C9B="Hafen".encode("utf-16-le"), x010E="Müll im Hafen".encode())
    _, said = derived(atoms_of(packed(scene(8), "JPEG", exif=exif), "image/jpeg")[0])
    assert "Hafen\n" in said and "Müll im Hafen" in said


@pytest.mark.parametrize(
    ("latitude", "north"),
    [((95.0, 0.0, 0.0), "N"), (("nan", 0, 0), "N"), ((1.0, 2.0), "N"), (b"xyz", "N"), (None, "N")],
)
def test_a_place_that_is_none_is_not_told(latitude: object, north: str) -> None:
    from hartonomous_core.atomizers.extractors.image_words import Said

    picture = Image.new("RGB", (8, 8))
    picture.getexif().get_ifd(0x8825).update({1: north, 2: latitude, 3: "E", 4: (1.0, 0.0, 0.0)})
    assert Said(picture).place == {}


def test_a_picture_is_seen_upright() -> None:
    lying = Image.new("RGB", (40, 20), "white")
    lying.paste((255, 0, 0), (0, 0, 10, 20))
    [preview], _ = derived(atoms_of(packed(lying, "JPEG", exif=exif_of(x0112=6), quality=95), "image/jpeg")[0])
    seen = Image.open(io.BytesIO(preview.content)).convert("RGB")
    assert seen.size == (20, 40)
    top = seen.getpixel((10, 3))
    assert isinstance(top, tuple) and top[0] > 200 and top[1] < 80


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "YCbCr", "LAB", "I;16", "I", "F"])
def test_every_mode_is_seen(mode: str) -> None:
    picture = scene(9, 64, 48).convert("L")
    if mode in ("I;16", "I", "F"):
        kind = {"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]
        picture = Image.fromarray((np.asarray(picture, np.float64) * 16).astype(kind))
    elif mode != "LAB":
        picture = scene(9, 64, 48).convert(mode)
    else:
        picture = Image.merge("LAB", [picture] * 3)
    small = shrunk(open_picture(io.BytesIO(packed(picture, "TIFF"))), 64)
    assert small.mode == "RGB" and np.asarray(small.convert("L"), float).std() > 10


def test_white_on_nothing_is_seen_over_black_and_black_on_nothing_over_white() -> None:
    for ink, ground in (((255, 255, 255), 0), ((0, 0, 0), 255)):
        picture = Image.new("RGBA", (32, 32), (0, 0, 0, 0))
        picture.paste((*ink, 255), (8, 8, 24, 24))
        small = shrunk(open_picture(io.BytesIO(packed(picture, "PNG"))), 64)
        assert small.getpixel((0, 0)) == (ground,) * 3 and small.getpixel((16, 16)) == ink


def test_pages_of_a_tiff_are_a_picture_each() -> None:
    pages = [scene(n, 80, 60) for n in range(10, 13)]
    atoms, why = atoms_of(packed(pages[0], "TIFF", save_all=True, append_images=pages[1:]), "image/tiff")
    pictures, _ = derived(atoms)
    assert why is None
    assert [atom.locator and atom.locator["page"] for atom in pictures] == [1, 2, 3]
    assert len({atom.content for atom in pictures}) == 3


def test_of_very_many_pages_the_first_are_seen() -> None:
    page = Image.new("L", (2, 2))
    atoms, why = atoms_of(packed(page, "TIFF", save_all=True, append_images=[page] * MOST_PAGES), "image/tiff")
    assert len(derived(atoms)[0]) == MOST_PAGES and why is not None and "first 100 pages" in why


def test_what_moves_is_said_to_and_seen_as_it_begins() -> None:
    [preview], said = derived(atoms_of(an_animation(), "image/gif")[0])
    assert said == "Moving picture in red"
    assert preview.locator == {"width": 16, "height": 16}


def test_a_picture_that_is_cut_off_is_seen_as_far_as_it_goes() -> None:
    whole = packed(scene(11), "JPEG")
    atoms, why = atoms_of(whole[: len(whole) // 2], "image/jpeg")
    [preview], said = derived(atoms)
    assert why is not None and "cut off" in why and said.startswith("Picture in")
    seen = np.asarray(Image.open(io.BytesIO(preview.content)).convert("L"), float)
    assert seen[:60].std() > 5 and seen[-30:].std() < 5


def test_more_pixels_than_are_read_are_not_decoded() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    data = png(width=30_000, height=30_000, depth=1, colours=0)
    atoms, why = atoms_of(data)
    assert why is not None and "pixels" in why
    assert not derived(atoms)[0] and MOST_PIXELS < 30_000**2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_what_is_said_of_a_picture_that_is_too_large_is_kept(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hartonomous_core.atomizers.extractors.image_pixels.MOST_PIXELS", 10)
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Title", "Fog at noon")
    exif = exif_of(t010E="Ferry in the fog")
    made = packed(scene(1), kind, exif=exif, **({"pnginfo": texts} if kind == "PNG" else {}))
    atoms, why = atoms_of(made, f"image/{kind.lower()}")
    pictures, said = derived(atoms)
    assert why is not None and "pixels" in why and not pictures
    assert "Ferry in the fog" in said and ("Fog at noon" in said) == (kind == "PNG")


def test_of_a_png_that_is_too_large_no_pixel_is_decoded_for_what_it_says() -> None:
    words = chunk(b"tEXt", b"Title\0Fog at noon")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    atoms, why = atoms_of(png(words, width=12_000, height=12_000))
    assert why is not None and "12,000 x 12,000" in why and derived(atoms) == ([], "Fog at noon")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


def with_xmp(packet: bytes) -> bytes:
    return png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet))


def test_xmp_that_is_nested_deeply_takes_no_time() -> None:
    levels = 6_000
    packet = b"<title>Fog" + b"<li>f" * levels + b"</li>" * levels + b"</title>"
    assert len(packet) > 60_000
    began = time.process_time()
    [_], said = derived(atoms_of(with_xmp(packet))[0])
    assert time.process_time() - began < 0.5 and said.startswith("Fog")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_xmp_that_declares_entities_is_not_read(encoding: str) -> None:
    declared = '<!DOCTYPE x [<!ENTITY fog "Fog">]><x><title>Ferry</title></x>'.encode(encoding)
    with_title = "<x><title>Ferry</title></x>".encode(encoding)
    jpegs = [packed(scene(1), "JPEG", xmp=packet) for packet in (declared, with_title)]
    [_], refused = derived(atoms_of(jpegs[0], "image/jpeg")[0])
    [_], read = derived(atoms_of(jpegs[1], "image/jpeg")[0])
    assert read.startswith("Ferry") and refused.startswith("Picture in")


def test_words_in_names_that_somebody_gave_are_found() -> None:
    assert words_of_name("LighthouseAtDusk_2024-05.png") == "Lighthouse At Dusk"
    assert words_of_name("hafen-im_nebel.jpg") == "hafen im nebel"
    assert words_of_name("NASAPhoto of Mars.jpeg") == "NASA Photo of Mars"
    for name in (
        "IMG_2034.JPG",
        "DSC00012.jpg",
        "page-3-picture-1.png",
        "image1.png",
        "Screenshot 2024.png",
        "a1.gif",
        "",
    ):
        assert words_of_name(name) == "", name
    atoms, _ = atoms_of(packed(scene(1), "PNG"), name="fog over the quay.png")
    [named] = [atom for atom in atoms if atom.locator == {"part": "name"}]
    assert named.text == "fog over the quay"


@pytest.mark.parametrize(
    ("colours", "words"),
    [
        (["#101c60"], "dark blue"),
        (["#ffffff", "#000000"], "white and black"),
        (["#d81e1e", "#d81e1e", "#28a030", "#f4dc20"], "red, green and yellow"),
        (["#808080"] * 19 + ["#d81e1e"], "grey"),
    ],
)
def test_colours_are_named_by_how_much_there_is_of_them(colours: list[str], words: str) -> None:
    picture = Image.new("RGB", (len(colours) * 10, 10))
    for n, colour in enumerate(colours):
        picture.paste(colour, (n * 10, 0, n * 10 + 10, 10))
    found = colours_in_words(picture)
    assert found == words or sorted(found.replace(" and ", ", ").split(", ")) == sorted(
        words.replace(" and ", ", ").split(", ")
    )


@pytest.mark.parametrize("name", BROKEN_PICTURES)
def test_whatever_a_file_does_its_bytes_come_out_and_it_says_what_is_wrong(name: str) -> None:
    kind = f"image/{ {'jpg': 'jpeg', 'tif': 'tiff'}.get(name.rpartition('.')[2], name.rpartition('.')[2]) }"
    atoms, why = atoms_of(BROKEN_PICTURES[name], kind)
    pictures, _ = derived(atoms)
    assert why is None or why.strip()
    assert pictures or why, "what shows nothing says why"


def test_there_are_ninety_of_them() -> None:
    assert len(BROKEN_PICTURES) >= 90


SEEDS = [packed(scene(2, 40, 30), kind) for kind in KINDS] + [an_animation()]


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_no_change_of_bytes_raises_anything_but_partial(data: st.DataObject) -> None:
    seed = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(seed) - 1))
        seed[at] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del seed[data.draw(st.integers(1, len(seed))) :]
    atoms_of(bytes(seed), "image/png")


def test_without_context_it_is_read_all_the_same() -> None:
    [*_, preview] = atomizer_for("image/png").atomize(io.BytesIO(packed(scene(1), "PNG")), "image/png")
    assert preview.modality == "image" and ALONE.name == ""
