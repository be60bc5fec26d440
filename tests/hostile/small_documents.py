"""A small real document of each format, which says one sentence with a word that no other has."""

import io
import json
import zipfile
from collections.abc import Callable
from email.message import EmailMessage

import docx
import odfdo
import openpyxl
import pptx
from PIL import Image

from tests.unit.packed_files import PACKERS, tarred
from tests.unit.pdf_files import paged


def sentence(word: str) -> str:
    """What a document says; its word is its key among `DOCUMENTS`."""
    return f"The harbour log of {word} says that fog lies low over the quay until noon."


def saved(document: object) -> bytes:
    target = io.BytesIO()
    document.save(target)  # type: ignore[attr-defined]
    return target.getvalue()


def a_docx(word: str) -> bytes:
    document = docx.Document()
    document.add_heading("Log", 1)
    document.add_paragraph(sentence(word))
    return saved(document)


def an_xlsx(word: str) -> bytes:
    workbook = openpyxl.Workbook()
    for row in (["When", "What"], ["noon", sentence(word)], ["night", "Nothing."]):
        workbook.active.append(row)
    return saved(workbook)


def a_pptx(word: str) -> bytes:
    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[1])
    slide.shapes.title.text = "Log"
    slide.placeholders[1].text = sentence(word)
    return saved(presentation)


def an_odt(word: str) -> bytes:
    document = odfdo.Document("text")
    document.body.clear()
    document.body.append(odfdo.Paragraph(sentence(word)))
    return saved(document)


def an_ods(word: str) -> bytes:
    document = odfdo.Document("spreadsheet")
    document.body.clear()
    table = odfdo.Table("Log")
    table.set_values([["noon", sentence(word)]])
    document.body.append(table)
    return saved(document)


def an_odp(word: str) -> bytes:
    document = odfdo.Document("presentation")
    document.body.clear()
    page = odfdo.DrawPage("page1")
    page.append(odfdo.Frame.text_frame(sentence(word)))
    document.body.append(page)
    return saved(document)


def a_mail(word: str) -> bytes:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = f"Log of {word}", "pilot@port.example", "office@port.example"
    message["Message-ID"] = f"<{word}@port.example>"
    message.set_content(sentence(word))
    message.add_alternative(f"<p>{sentence(word)}</p>", subtype="html")
    message.add_attachment(b"Nothing at night.", maintype="text", subtype="plain", filename="night.txt")
    return bytes(message)


def a_mailbox(word: str) -> bytes:
    separator = b"From pilot@port.example Tue Dec  1 10:00:00 2026\n"
    return b"".join(separator + a_mail(each).replace(b"\r\n", b"\n") + b"\n\n" for each in (word, f"{word}after"))


def a_notebook(word: str) -> bytes:
    output = {"output_type": "stream", "name": "stdout", "text": [sentence(word)]}
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": ["# Log"]},
        {"cell_type": "code", "metadata": {}, "execution_count": 1, "source": ["read_log()"], "outputs": [output]},
    ]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1).encode()


def a_zip(word: str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("log/noon.txt", sentence(word))
        archive.writestr("log/night.md", "# Night\n\nNothing.\n")
    return target.getvalue()


def a_tar(word: str) -> bytes:
    return tarred({"log/noon.txt": sentence(word).encode(), "log/night.md": b"# Night\n\nNothing.\n"})


def a_picture(kind: str) -> bytes:
    target = io.BytesIO()
    Image.linear_gradient("L").save(target, kind)
    return target.getvalue()


DOCUMENTS: dict[str, Callable[[str], bytes]] = {
    "docx": a_docx,
    "xlsx": an_xlsx,
    "pptx": a_pptx,
    "odt": an_odt,
    "ods": an_ods,
    "odp": an_odp,
    "rtf": lambda word: rb"{\rtf1\ansi Log\par " + sentence(word).encode() + rb"\par}",
    "pdf": lambda word: paged(sentence(word), "Nothing at night."),
    "html": lambda word: f"<!doctype html><title>Log</title><h1>Log</h1><p>{sentence(word)}</p>".encode(),
    "eml": a_mail,
    "mbox": a_mailbox,
    "ipynb": a_notebook,
    "srt": lambda word: (
        f"1\n00:00:01,000 --> 00:00:04,000\n{sentence(word)}\n\n2\n00:00:20,000 --> 00:00:21,000\nNo.\n".encode()
    ),
    "vtt": lambda word: f"WEBVTT\n\n00:01.000 --> 00:04.000\n{sentence(word)}\n".encode(),
    "zip": a_zip,
    "tar": a_tar,
    "tgz": lambda word: PACKERS["gz"](a_tar(word)),
    **{kind: lambda word, pack=pack: pack(sentence(word).encode()) for kind, pack in PACKERS.items()},
    "md": lambda word: f"# Log\n\n## Noon\n\n{sentence(word)}\n".encode(),
    "rst": lambda word: f"Log\n===\n\n{sentence(word)}\n".encode(),
    "txt": lambda word: f"{sentence(word)}\n\nNothing at night.\n".encode("utf-16"),
    "csv": lambda word: f"When,What\nnoon,{sentence(word)}\nnight,Nothing\n".encode(),
    "json": lambda word: json.dumps({"noon": sentence(word), "night": ["Nothing", None, 1.5]}).encode(),
    "xml": lambda word: f'<?xml version="1.0"?><log><noon>{sentence(word)}</noon></log>'.encode(),
    "svg": lambda word: f'<svg xmlns="http://www.w3.org/2000/svg"><text>{sentence(word)}</text></svg>'.encode(),
    "py": lambda word: f'"""{sentence(word)}"""\n\n\ndef read_log(name: str) -> str:\n    return name\n'.encode(),
}
"""By the extension of its name: a line for each format, and it is damaged in every way."""

PICTURES = {"png": "PNG", "jpg": "JPEG", "gif": "GIF", "bmp": "BMP", "tiff": "TIFF", "webp": "WEBP"}
"""What is seen, and damaged in the same ways."""
