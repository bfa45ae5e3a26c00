"""Read large files in pieces, so that memory does not grow with them.

What goes wrong here is said in few words: who streams reads the whole file then, which says where and what to do.
"""

from __future__ import annotations

import codecs
import gzip
import io
import json
import re
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from qatk.errors import DataError
from qatk.files.reading import GZIP, RATIO, UNFOLDED, ZSTD

BLOCK = 1 << 22
"""Bytes that are read at a time."""
_BLANKS = re.compile(r"[ \t\n\r]*")


def is_streamable(path: Path) -> bool:
    """Whether a path is a file that can be read twice, which a pipe cannot."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError):
        return False


@contextmanager
def open_plain(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, plain, gzip or zstd (recognised by its first bytes), and read what it holds.

    Raises:
        DataError: if it cannot be read, is damaged, or unfolds to far more than its size.
    """
    try:
        with path.open("rb") as file:
            head = file.read(4)
            file.seek(0)
            limit = max(UNFOLDED, RATIO * path.stat().st_size) if head.startswith((GZIP, ZSTD)) else None
            yield file if limit is None else io.BufferedReader(_Unpacked(_unpacked(file, head), limit), BLOCK)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"the file cannot be read: {error}", where=str(path)) from error


def _unpacked(file: IO[bytes], head: bytes) -> Any:
    if head.startswith(GZIP):
        return gzip.GzipFile(fileobj=file)
    import pyarrow as pa

    return pa.CompressedInputStream(file, "zstd")


class _Unpacked(io.RawIOBase):
    """What an archive holds, up to a limit."""

    def __init__(self, source: Any, limit: int) -> None:
        self.source, self.room = source, limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self.source.read(len(buffer))
        self.room -= len(data)
        if self.room < 0:
            raise OSError("it unfolds to far more than its size")
        buffer[: len(data)] = data
        return len(data)


def line_blocks(path: Path) -> Iterator[bytes]:
    """Whole lines of a file of UTF-8, without byte order mark, in blocks of about :data:`BLOCK` bytes.

    Raises:
        DataError: as :func:`open_plain`.
    """
    held: list[bytes] = []
    with open_plain(path) as file:
        if (block := file.read(BLOCK)).startswith(codecs.BOM_UTF8):
            block = block.removeprefix(codecs.BOM_UTF8) or file.read(BLOCK)
        while block:
            whole, newline, rest = block.rpartition(b"\n")
            if newline:
                yield b"".join([*held, whole, newline])
                held = []
            held.append(rest)
            block = file.read(BLOCK)
    if last := b"".join(held):
        yield last


def stream_json_lines(path: Path) -> Iterator[tuple[int, object]]:
    """The number and the value of each line that is not blank, as :func:`qatk.files.read_json_lines` gives them.

    Raises:
        DataError: as :func:`open_plain`, and for a line that is no JSON in UTF-8.
    """
    number = 0
    for block in line_blocks(path):
        for line in block.removesuffix(b"\n").split(b"\n"):
            number += 1
            if line.strip():
                try:
                    value = json.loads(line.decode())
                except (ValueError, RecursionError) as error:
                    raise DataError("this line is not JSON", where=f"{path}:{number}") from error
                yield number, value


def json_items(path: Path, key: str) -> Iterator[object]:
    """The elements of the list under a key of the JSON object that a file holds, one by one.

    Each is parsed by :mod:`json`, so that numbers and surrogates are those of a whole reading.

    Raises:
        DataError: as :func:`open_plain`, and for what is no such object.
    """
    seen = False
    with open_plain(path) as file:
        text = _Text(io.TextIOWrapper(file, "utf-8-sig", newline=""))
        try:
            text.take("{")
            while True:
                name = text.value()
                text.take(":")
                if name != key:
                    text.value()
                elif seen:
                    raise ValueError(f"{key!r} occurs twice")
                else:
                    yield from text.elements()
                    seen = True
                if text.take(",}") == "}":
                    break
            if text.peek() or not seen:
                raise ValueError(f"one object with {key!r} is due")
        except (ValueError, RecursionError) as error:
            raise DataError(f"the file cannot be read: {error}", where=str(path)) from error


_OF_NUMBERS = re.compile(r"[-+.eE\d]*\Z")
"""What a number may go on with, up to the end of what is held."""


class _Text:
    """A text that is read as far as its next value needs."""

    def __init__(self, file: io.TextIOBase) -> None:
        self.file, self.text, self.at = file, "", 0

    def more(self) -> bool:
        """Read on, as much again as is held: a value is so parsed anew a few times only. Whether there was more."""
        due = max(BLOCK, len(self.text) - self.at)
        if not (found := self.file.read(due)):
            return False
        self.text, self.at = self.text[self.at :] + found, 0
        return True

    def peek(self) -> str:
        """The next character that is not blank; ``""`` at the end."""
        while True:
            match = _BLANKS.match(self.text, self.at)
            self.at = match.end() if match else self.at
            if self.at < len(self.text):
                return self.text[self.at]
            if not self.more():
                return ""

    def take(self, due: str) -> str:
        """Go past the next character, which must be one of these."""
        if not (found := self.peek()) or found not in due:
            raise ValueError(f"{found!r} where {due!r} is due")
        self.at += 1
        return found

    def value(self) -> object:
        """Go past the next value."""
        self.peek()
        while True:
            try:
                found, end = json.JSONDecoder().raw_decode(self.text, self.at)
            except ValueError:
                if not self.more():
                    raise
                continue
            if isinstance(found, int | float) and _OF_NUMBERS.match(self.text, end) and self.more():
                continue
            self.at = end
            return found

    def elements(self) -> Iterator[object]:
        """Go past a list, element by element."""
        self.take("[")
        if self.peek() == "]":
            self.at += 1
            return
        while True:
            yield self.value()
            if self.take(",]") == "]":
                return
