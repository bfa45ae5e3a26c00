"""A document that a question is asked about: a text, standard input, or a file of any usual kind."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

from qatk.errors import DataError, UsageError
from qatk.files import read_text, text_of

CONVERTED = (".pdf", ".docx", ".pptx", ".html", ".htm", ".epub")
"""Endings of files that ``markitdown`` turns into text."""
_BEGINS, _ENDS = ("./", "../", "~/"), (*CONVERTED, ".txt", ".md")
"""How a line begins or ends that is a path, though it has blanks."""
_RAW = ("%PDF-", "PK")
"""How files begin that the library gives back as they are, because it cannot read them."""
_STDIN = "standard input"
LONGEST = 20_000_000
"""Characters of the longest document."""


def read_document(source: str) -> str:
    """The text of a document.

    Args:
        source: ``-`` for standard input; the path of a file, of which those in :data:`CONVERTED` need the extra
            ``qatk[documents]``; or the text itself, told by the blanks in it, unless it looks like a path.

    Raises:
        UsageError: there is no such file, the extra is missing, or the text is blank or too long.
        DataError: the file is not UTF-8, or cannot be converted.
    """
    if not source.strip():
        raise UsageError("the document is blank", fix="name a file, a text, or - for standard input")
    if source == "-":
        text = text_of(sys.stdin.buffer.read(), Path(_STDIN))
    elif _is_text(source):
        text = source
    else:
        path = Path(source)
        text = _converted(path) if path.suffix.lower() in CONVERTED and path.is_file() else read_text(path)
    where = None if text is source else _STDIN if source == "-" else source
    if "\0" in text:
        raise DataError("this is no text: it holds NUL characters", where=where)
    if not text.strip():
        raise UsageError("the document is blank", where=where)
    if len(text) > LONGEST:
        raise UsageError(f"the document has {len(text):,} characters", fix=f"ask about {LONGEST:,} or fewer")
    return text


def _is_text(source: str) -> bool:
    """Whether a source is the text itself: it has several words, and is neither a file nor like the path of one."""
    if len(source.split()) < 2:
        return False
    try:
        if Path(source).is_file():
            return False
    except OSError:  # too long for a name
        return True
    return "\n" in source or not (source.startswith(_BEGINS) or source.lower().endswith(_ENDS))


def _converted(path: Path) -> str:
    try:
        convert = import_module("markitdown").MarkItDown(enable_plugins=False).convert_local
    except ImportError:
        raise UsageError(
            f"reading {path.suffix} needs markitdown", where=str(path), fix='pip install "qatk[documents]"'
        ) from None
    try:
        text = str(convert(str(path)).text_content)
    except Exception as error:  # of the library that reads this kind of file
        raise DataError(f"the file cannot be read: {type(error).__name__}: {error}", where=str(path)) from error
    with path.open("rb") as file:
        begin = file.read(4).decode("latin-1")
    if text.startswith(_RAW) and text.startswith(begin):
        raise DataError(f"this is no {path.suffix} file, or a damaged one", where=str(path))
    return text
