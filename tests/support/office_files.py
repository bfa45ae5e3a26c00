"""Documents of office programs, as small as their readers take them."""

from __future__ import annotations

import io
import zipfile

WORD = "http://schemas.openxmlformats.org"


def docx(*paragraphs: str) -> bytes:
    """A letter."""
    main = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    texts = "".join(f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>" for text in paragraphs)
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{WORD}/package/2006/content-types">'
        f'<Override PartName="/d.xml" ContentType="{main}"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{WORD}/package/2006/relationships"><Relationship Id="r" Target="d.xml" '
        f'Type="{WORD}/officeDocument/2006/relationships/officeDocument"/></Relationships>',
        "d.xml": f'<w:document xmlns:w="{WORD}/wordprocessingml/2006/main"><w:body>{texts}</w:body></w:document>',
    }
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as letter:
        for name, content in parts.items():
            letter.writestr(name, content)
    return data.getvalue()


def pdf(*lines: str) -> bytes:
    """A page."""
    drawn = "BT /F1 12 Tf 72 720 Td 16 TL " + " ".join(f"({line}) Tj T*" for line in lines) + " ET"
    page = "/Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >>"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page {page} >>",
        f"<< /Length {len(drawn)} >>\nstream\n{drawn}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    written, places = "%PDF-1.4\n", []
    for number, held in enumerate(objects, 1):
        places.append(len(written))
        written += f"{number} 0 obj\n{held}\nendobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    trailer = f"trailer << /Size 6 /Root 1 0 R >>\nstartxref\n{len(written)}\n%%EOF\n"
    return f"{written}xref\n0 6\n0000000000 65535 f \n{table}{trailer}".encode()
