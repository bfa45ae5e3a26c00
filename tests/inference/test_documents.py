"""Documents of office programs are read by the real library, and damaged ones refused."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from office_files import docx, pdf
from qatk.cli import app
from qatk.errors import DataError, DataWarning, UsageError
from qatk.inference.documents import read_document, read_documents

LINES = ("The mill of Delft is old.", "It was built in 1843 by the guild.")
FILES = {
    "a.pdf": pdf(*LINES),
    "A.PDF": pdf(*LINES),
    "a.docx": docx(*LINES),
    "a.html": f"<html><body><h1>Mill</h1><p>{LINES[0]}</p><p>{LINES[1]}</p></body></html>".encode(),
    "a.md": "\n\n".join(LINES).encode(),
}


@pytest.mark.filterwarnings("ignore:::pydub", "ignore:::magika")
@pytest.mark.parametrize("name", FILES)
def test_a_document_becomes_its_text(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(FILES[name])
    text = read_document(str(tmp_path / name))
    assert all(line in text for line in LINES)
    assert "<p>" not in text


def test_a_text_may_begin_as_an_archive_does(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("<p>PKN Orlen refines oil.</p>")
    (tmp_path / "a.docx").write_bytes(docx("PKN Orlen refines oil."))
    for name in ("a.html", "a.docx"):
        assert read_document(str(tmp_path / name)).strip() == "PKN Orlen refines oil."


def test_slides_become_their_text(tmp_path: Path) -> None:
    from pptx import Presentation

    slides = Presentation()
    slide = slides.slides.add_slide(slides.slide_layouts[1])
    slide.shapes.title.text, slide.placeholders[1].text = LINES
    slides.save(tmp_path / "a.pptx")
    text = read_document(str(tmp_path / "a.pptx"))
    assert all(line in text for line in LINES)


@pytest.mark.parametrize("name", ["a.pdf", "a.docx"])
def test_an_answer_is_found_in_a_document(name: str, run: Path, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(FILES[name])
    words = ["ask", str(run), "-q", "When was the mill of Delft built?", "-c", str(tmp_path / name), "--json"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    text = read_document(str(tmp_path / name))
    candidates = json.loads(done.stdout)["candidates"]
    assert candidates
    assert all(text[span["start"] : span["end"]] == span["text"] for span in candidates)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cut.pdf", b"%PDF-1.4 cut"),
        ("other.pdf", b"PK\x03\x04 a letter"),
        ("cut.docx", b"PK cut"),
        ("half.docx", FILES["a.docx"][:200]),
        ("empty.docx", b""),
    ],
)
def test_a_damaged_document_is_refused(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises((DataError, UsageError)) as caught:
        read_document(str(tmp_path / name))
    assert str(tmp_path / name) in str(caught.value)


@pytest.mark.parametrize("name", ["my report.pdf", "my Report.TXT", "./old notes", "../my data/notes", "~/my notes"])
def test_a_mistyped_path_with_a_blank_is_no_text(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="no such file"):
        read_document(name)
    for text in (f"{name} is old.", f"The mill is old.\n{name}"):
        if not text.startswith((".", "~")):
            assert read_document(text) == text
    if not name.startswith("~"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(FILES["a.pdf" if name.endswith(".pdf") else "a.md"])
        assert LINES[0] in read_document(name)


def test_documents_are_found_in_folders_and_by_globs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("my texts/b.TXT", "my texts/a.md", "my texts/c.rst", "my texts/more.md/d.txt", "e[1].txt", "a"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(name)
    Path("empty").mkdir()

    def found(*sources: str) -> dict[str, str]:
        return {document.name: document.text for document in read_documents(sources)}

    with pytest.warns(DataWarning, match=r"^my texts: 1 file left out, first c\.rst; a glob"):
        assert list(found("my texts")) == ["my texts/a.md", "my texts/b.TXT"]
    Path("my texts/c.rst").rename("my texts/.c.rst")
    assert list(found("my texts/")) == ["my texts/a.md", "my texts/b.TXT"]
    assert list(found("my texts/*", "e[1].txt", "my texts")) == [*("my texts/a.md", "my texts/b.TXT", "e[1].txt")]
    assert list(found("my texts/.c*")) == ["my texts/.c.rst"]
    assert "my texts/more.md/d.txt" in found("my */**/*.txt")
    assert found("It is * old.", "a", "It is [1] a.") == {"text 1": "It is * old.", "a": "a", "text 3": "It is [1] a."}
    for source, words in {
        "empty": r"^empty: there is no document here\n  .*documents end in \.pdf, .*'empty/\*/\*'",
        "my texts/more*": "the pattern names folders alone",
        "gone/*.txt": "no file has such a name",
        "gone.txt": "there is no such file",
        " ": "the document is blank",
    }.items():
        with pytest.raises(UsageError, match=words):
            found("a", source)
    with pytest.raises(UsageError, match="this is a folder"):
        read_document("my texts")


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"It was built in caf\xe9.", "the text is not UTF-8: byte 19"), (b"a\0b", "NUL"), (b"\x1f\x8bcut", "gzip")],
)
def test_what_standard_input_gives_is_text_or_refused(
    content: bytes, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    with pytest.raises(DataError, match=f"^standard input: .*{words}"):
        read_document("-")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("\ufeffIt was café.".encode())))
    assert read_document("-") == "It was café."


def test_without_the_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.pdf").write_bytes(FILES["a.pdf"])
    monkeypatch.setitem(sys.modules, "markitdown", None)
    with pytest.raises(UsageError, match=r'reading \.pdf needs markitdown\n  pip install "qatk\[documents\]"'):
        read_document(str(tmp_path / "a.pdf"))
