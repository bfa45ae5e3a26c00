"""Try the adapters and the reading of documents with the real libraries: ``python tools/try_adapters.py``.

It needs what no test needs: ``pip install "qatk[adapters,documents]"``.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import qatk
from qatk.errors import DataError
from qatk.inference.documents import read_document
from qatk.inference.model import AnsweringModel

QUESTION, TEXT = "When was the mill of Delft built?", "The mill is old. It was built in 1843 by the guild. It stands."
RECIPE = """
qatk: 1
backbone: {use: tiny, vocab_size: 400, hidden_size: 32, layers: 1, max_length: 64}
featurizer: {use: stride, max_length: 64, doc_stride: 8}
data: {train: {use: facts, questions: 64}, dev: {use: facts, questions: 32, seed: 2}}
trainer: {use: torch, epochs: 1}
reporters: []
"""
WORD = "http://schemas.openxmlformats.org"
LETTER = {
    "[Content_Types].xml": f'<Types xmlns="{WORD}/package/2006/content-types"><Override PartName="/d.xml" ContentType="'
    'application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{WORD}/package/2006/relationships"><Relationship Id="r" Target="d.xml" '
    f'Type="{WORD}/officeDocument/2006/relationships/officeDocument"/></Relationships>',
    "d.xml": f'<w:document xmlns:w="{WORD}/wordprocessingml/2006/main"><w:body><w:p><w:r><w:t>{TEXT}</w:t></w:r></w:p>'
    "</w:body></w:document>",
}


def haystack(model: AnsweringModel, name: str) -> None:
    from haystack import Document, Pipeline

    from qatk.adapters.haystack import Reader

    asked = Pipeline()
    asked.add_component("reader", Reader(name, top_k=3))
    asked = Pipeline.loads(asked.dumps(), allowed_modules=["qatk.adapters.haystack"])
    documents = [Document(content=TEXT), Document(content=None), Document(content="The bell was cast in 1655.")]
    answers = asked.run({"reader": {"query": QUESTION, "documents": documents}})["reader"]["answers"]
    assert len(answers) == 3
    assert answers == sorted(answers, key=lambda answer: -answer.score)
    for answer in answers:
        place = answer.document_offset
        assert answer.document.content[place.start : place.end] == answer.data


def langchain(model: AnsweringModel, name: str) -> None:
    from langchain_core.documents import Document

    from qatk.adapters.langchain import Evidence

    documents = [Document(page_content=TEXT, metadata={"source": "a"}), Document(page_content=" ")]
    (kept,) = Evidence(model=model, at_least=0.0, top_k=1).compress_documents(documents, QUESTION)
    assert kept.page_content in TEXT
    assert kept.metadata.keys() == {"source", "qatk_score"}


def llama_index(model: AnsweringModel, name: str) -> None:
    from llama_index.core.schema import NodeWithScore, TextNode

    from qatk.adapters.llama_index import Evidence

    nodes = [NodeWithScore(node=TextNode(text=TEXT, metadata={"source": "a"}), score=0.5)]
    (kept,) = Evidence(model=model, at_least=0.0, top_k=1).postprocess_nodes(nodes, query_str=QUESTION)
    assert kept.node.get_content() in TEXT
    assert kept.node.metadata == {"source": "a"}


def documents(folder: Path) -> None:
    (folder / "a.pdf").write_bytes(_pdf(TEXT))
    with zipfile.ZipFile(folder / "a.docx", "w") as letter:
        for name, content in LETTER.items():
            letter.writestr(name, content)
    (folder / "a.html").write_text(f"<h1>Mill</h1><p>{TEXT}</p>")
    for name in ("a.pdf", "a.docx", "a.html"):
        assert TEXT in read_document(str(folder / name)), name
    for name, content in (("bad.pdf", b"%PDF-1.4 cut"), ("bad.docx", b"PK cut")):
        (folder / name).write_bytes(content)
        try:
            raise AssertionError(read_document(str(folder / name)))
        except DataError as error:
            assert "damaged" in str(error)  # noqa: PT017


def _pdf(text: str) -> bytes:
    """A page with one line of text."""
    drawn = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET"
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
    end = (
        f"xref\n0 6\n0000000000 65535 f \n{table}trailer << /Size 6 /Root 1 0 R >>\nstartxref\n{len(written)}\n%%EOF\n"
    )
    return (written + end).encode()


if __name__ == "__main__":
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "recipe.yaml").write_text(RECIPE)
        qatk.run(folder / "recipe.yaml", out=folder / "run")
        model = qatk.load_model(folder / "run")
        for adapter in (haystack, langchain, llama_index):
            adapter(model, str(folder / "run"))
            sys.stdout.write(f"{adapter.__name__}: as it should be\n")
        documents(folder)
        sys.stdout.write("documents: as it should be\n")
