"""Documents that questions are asked about: texts, standard input, and files of any usual kind."""

from __future__ import annotations

import glob
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from qatk.errors import DataError, DataWarning, UsageError, counted
from qatk.files import ending, named_files, read_text, text_of

CONVERTED = (".pdf", ".docx", ".pptx", ".html", ".htm", ".epub")
"""Endings of files that ``markitdown`` turns into text."""
_BEGINS, _ENDS = ("./", "../", "~/"), (*CONVERTED, ".txt", ".md")
"""How a line begins or ends that is a path, though it has blanks."""
_RAW = ("%PDF-", "PK")
"""How files begin that the library gives back as they are, because it cannot read them."""
_STDIN = "standard input"
LONGEST = 20_000_000
"""Characters of the longest document."""
IN_FOLDERS = (*CONVERTED, ".txt", ".md")
"""Endings of the documents in a folder."""


@dataclass(frozen=True)
class Document:
    """A document with its name: the path of a file, ``standard input`` or ``text``, of several ``text 2``."""

    name: str
    text: str


def read_documents(sources: Sequence[str]) -> list[Document]:
    """The documents that sources name, each file once.

    Args:
        sources: what :func:`read_document` reads; a folder, for the files in it whose endings are in
            :data:`IN_FOLDERS`; or a glob.

    Raises:
        UsageError: a folder or a glob has no document; and as of :func:`read_document`.
        DataError: as of :func:`read_document`.

    Warns:
        DataWarning: a folder has files of other endings.
    """
    texts = sum(map(_is_text, sources))
    named: dict[str, str] = {}
    for number, source in enumerate(sources, 1):
        if source == "-":
            named[_STDIN] = source
        elif not source.strip() or _is_text(source):
            named[f"text {number}" if texts > 1 else "text"] = source
        else:
            named |= {name: name for name in map(str, _files(source))}
    return [Document(name, read_document(source)) for name, source in named.items()]


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


def _files(source: str) -> list[Path]:
    """The files that a path, a folder or a glob names."""
    found, fix = named_files(source), "the pattern names folders alone"
    if found == [Path(source)]:
        if not found[0].is_dir():
            return found
        files = [file for file in sorted(found[0].iterdir()) if file.is_file() and not file.name.startswith(".")]
        found = [file for file in files if ending(file) in IN_FOLDERS]
        if found and (rest := [file.name for file in files if file not in found]):
            said = f"{source}: {counted(len(rest), 'file')} left out, first {rest[0]}; a glob reads files of any ending"
            warnings.warn(DataWarning(said), stacklevel=2)
        fix = f"in a folder, documents end in {', '.join(IN_FOLDERS)}; a glob names others, such as '{source}/*/*'"
    if documents := [file for file in found if not file.is_dir()]:
        return documents
    raise UsageError("there is no document here", where=source, fix=fix)


def _is_text(source: str) -> bool:
    """Whether a source is the text itself: it has several words, and names no file and is not like a name of one."""
    if len(source.split()) < 2:
        return False
    try:
        if Path(source).exists() or ("\n" not in source and glob.glob(source)):  # noqa: PTH207  # also absolute
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
