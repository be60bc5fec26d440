"""Makes PDFs: with reportlab, and by hand where no program would."""

import io
from collections.abc import Callable

from reportlab.pdfgen.canvas import Canvas

PDF = "application/pdf"


def drawn(draw: Callable[[Canvas], None], **options: object) -> bytes:
    target = io.BytesIO()
    canvas = Canvas(target, invariant=1, **options)
    draw(canvas)
    canvas.save()
    return target.getvalue()


def write(canvas: Canvas, x: float, y: float, *lines: str, size: float = 11, font: str = "Helvetica") -> None:
    """Write lines from a point downwards, as a paragraph has them."""
    canvas.setFont(font, size)
    for number, line in enumerate(lines):
        canvas.drawString(x, y - 1.2 * size * number, line)


def paged(*pages: str, **options: object) -> bytes:
    """A page for each text."""

    def draw(canvas: Canvas) -> None:
        for text in pages:
            write(canvas, 72, 700, text)
            canvas.showPage()

    return drawn(draw, pageCompression=0, **options)


def by_hand(*objects: bytes, trailer: bytes = b"<</Root 1 0 R>>") -> bytes:
    """A file of these objects, numbered from 1, with the table of where they are."""
    data, places = b"%PDF-1.7\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return data + b"xref\n0 %d\n0000000000 65535 f \n%strailer\n%s\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        table,
        trailer,
        len(data),
    )


def stream(content: bytes, more: bytes = b"") -> bytes:
    return b"<</Length %d%s>>\nstream\n%s\nendstream" % (len(content), more, content)


CATALOG = b"<</Type/Catalog/Pages 2 0 R>>"
PAGES = b"<</Type/Pages/Kids[3 0 R]/Count 1>>"
PAGE = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>/XObject<</X 6 0 R>>>>>>"
FONT = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
WORDS = b"BT /F 12 Tf 72 700 Td (Fog lies low.) Tj ET"


def with_content(
    content: bytes, more: bytes = b"", page: bytes = PAGE, font: bytes = FONT, form: bytes = b"null"
) -> bytes:
    return by_hand(CATALOG, PAGES, page, stream(content, more), font, form)
