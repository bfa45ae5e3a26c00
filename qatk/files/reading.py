"""Read files that users name, with one clear message for everything that can be wrong."""

from __future__ import annotations

import glob
import gzip
import hashlib
import io
import json
import os
import stat
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from qatk.errors import DataError, UsageError, nearest
from qatk.files.remote import url_of


def is_there(path: Path) -> bool:
    """Whether the file or folder exists.

    Raises:
        UsageError: if the path is unusable: the name is too long, access is denied, or links form a loop.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError) as error:  # ValueError is of a NUL byte
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"cannot be used: {reason}", where=str(path), fix="name another one") from error
    return True


def expanded(path: str | Path) -> str:
    """The path, with the home of a user in place of a ``~`` at its beginning, as a shell has it."""
    text = str(path)
    return os.path.expanduser(text) if text.startswith("~") else text  # noqa: PTH111  # leaves names of no user


def named_files(source: str) -> list[Path]:
    """The files that a path or glob names. Raises :class:`UsageError` where a glob names none."""
    if is_there(Path(source)) or url_of(source) or not glob.has_magic(source):
        return [Path(source)]
    if found := sorted(map(Path, glob.glob(source, recursive=True))):  # noqa: PTH207  # also of absolute paths
        return found
    raise UsageError(
        "no file has such a name", where=source, fix="check the pattern; it is relative to the working folder"
    )


_PACKED = (".gz", ".zst")
"""How the names of archives end."""


def ending(path: str | Path) -> str:
    """How a file's name ends, which says its kind: in lower case, without the ending of an archive; maybe ``""``."""
    name = Path(path).name.lower()
    return Path(name.removesuffix(next(filter(name.endswith, _PACKED), ""))).suffix


_ARCHIVES = {
    b"PK\x03\x04": "zip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"7z\xbc\xaf": "7z",
    b"PAR1": "Parquet",
}


def _is_device(descriptor: int) -> bool:
    """Whether what is open is a device, such as ``/dev/zero``, which has no end; a terminal has one."""
    return stat.S_ISCHR(os.fstat(descriptor).st_mode) and not os.isatty(descriptor)


def file_digest(path: Path) -> str:
    """The SHA-256 of a file, read block by block. Raises ``OSError`` where it cannot be read."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def folder_size(folder: Path) -> int:
    """The bytes of all files in a folder, at any depth."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def read_text(path: Path) -> str:
    """Read a UTF-8 file, plain, gzip or zstd (recognised by its first bytes, not its name), without byte order mark.

    Raises:
        UsageError: if the file does not exist (with a similar name, if there is one) or cannot be opened.
        DataError: if the archive is damaged or the text is not UTF-8, with the position of the byte.
    """
    try:
        with path.open("rb") as file:
            if _is_device(file.fileno()):
                raise UsageError("this is a device, not a file", where=str(path), fix="name a file")
            data = file.read()
    except OSError as error:
        raise _cannot_read(path, error) from error
    return text_of(data, path)


def text_of(data: bytes, path: Path) -> str:
    """The text of a file that has been read, or of standard input; ``path`` is for messages.

    Raises:
        DataError: as :func:`read_text`.
    """
    if data.startswith(GZIP):
        data = _from_gzip(data, path)
    elif data.startswith(ZSTD):
        data = _from_zstd(data, path)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _not_utf8(path, data, error) from error


GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
"""How such files begin."""
UNFOLDED, RATIO = 64 * 2**20, 100
"""An archive may expand to this many bytes, or to this many times its own size, which no natural text reaches."""


def _from_gzip(data: bytes, path: Path) -> bytes:
    """What a gzip file of one member or several holds."""
    limit = max(UNFOLDED, RATIO * len(data))
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            text = file.read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise _damaged(path, "gzip", str(error)) from error
    if len(text) > limit:
        raise _too_large(path, "gzip", limit)
    return text


def _from_zstd(data: bytes, path: Path) -> bytes:
    """What a zstd file holds. Arrow is imported here alone, since scoring does without it."""
    import pyarrow as pa

    limit = max(UNFOLDED, RATIO * len(data))
    try:
        with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
            text = bytes(stream.read(limit + 1))
    except OSError as error:
        raise _damaged(path, "zstd", str(error)) from error
    if len(text) > limit:
        raise _too_large(path, "zstd", limit)
    return text


def _too_large(path: Path, kind: str, limit: int) -> DataError:
    what = f"the {kind} file unfolds to more than {limit >> 20} MiB, {RATIO} times its size"
    return DataError(what, where=str(path), fix="unpack it, if it is meant to")


def _damaged(path: Path, kind: str, why: str) -> DataError:
    return DataError(f"the {kind} file is cut short or damaged: {why}", where=str(path), fix="fetch or write it again")


def parse_json(
    text: str,
    path: Path,
    *,
    object_pairs_hook: Callable[[list[tuple[str, object]]], object] | None = None,
    parse_int: Callable[[str], object] | None = None,
) -> object:
    """Parse one JSON value; the hooks are those of :func:`json.loads`.

    Raises:
        DataError: with ``file:line:column``; it says whether the text is empty, cut short, JSON Lines or not JSON.
    """
    try:
        value: object = json.loads(text, object_pairs_hook=object_pairs_hook, parse_int=parse_int)
        return value
    except json.JSONDecodeError as error:
        what, fix = _explain(text, error)
        raise DataError(what, where=f"{path}:{error.lineno}:{error.colno}", fix=fix) from error
    except ValueError as error:  # Python reads no integers that are longer, for the time it takes
        raise DataError("a number has thousands of digits", where=str(path), fix="correct the data") from error
    except RecursionError as error:
        raise DataError("the JSON is nested too deep", where=str(path)) from error


def read_json_lines(path: Path) -> Iterator[tuple[int, object]]:
    """Read a file of JSON Lines, plain or packed: the number and the value of each line that is not blank.

    Raises:
        UsageError, DataError: like :func:`read_text` and :func:`parse_json`.
    """
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError) as error:
                what = (
                    f"this line is not JSON: {getattr(error, 'msg', 'it is nested too deep, or has too long a number')}"
                )
                raise DataError(what, where=f"{path}:{number}", fix="each line must be one JSON value") from error


def read_rows(path: Path, columns: Sequence[str] | None = None) -> Iterator[tuple[str, object]]:
    """Read the rows of a Parquet or JSON Lines file, each with its position for messages.

    Args:
        path: ``.parquet`` is Parquet, any other ending JSON Lines, plain or packed; see :func:`ending`.
        columns: the columns to read from Parquet, as far as they exist; ``None`` reads all.

    Raises:
        UsageError: if the file does not exist or cannot be opened.
        DataError: if it is not Parquet, or if a line is not JSON.
    """
    if ending(path) != ".parquet":
        yield from ((f"{path}:{line}", row) for line, row in read_json_lines(path))
        return
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        present = [name for name in file.schema_arrow.names if columns is None or name in columns]
        rows = (row for batch in file.iter_batches(columns=present) for row in batch.to_pylist())
        yield from ((f"{path}: row {number}", row) for number, row in enumerate(rows, 2))  # as a spreadsheet shows it
    except (OSError, pa.ArrowException) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise _cannot_read(path, error) from error
        raise DataError(f"this is no Parquet file: {error}", where=str(path), fix="fetch or write it again") from error


def _explain(text: str, error: json.JSONDecodeError) -> tuple[str, str]:
    if not text.strip():
        return "the file is empty", "fetch or write it again"
    if error.msg == "Extra data":
        return "a second JSON value begins here: JSON Lines?", "a file must contain one JSON value"
    if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string"):
        return f"the JSON is cut short: {error.msg.removesuffix(' starting at')}", "fetch or write it again"
    return f"this is not JSON: {error.msg}", "fetch or write it again"


def _cannot_read(path: Path, error: OSError) -> UsageError:
    if isinstance(error, FileNotFoundError):
        if (url := url_of(path)) is not None:
            return UsageError("this is a URL, and files are read from disk", where=url, fix="fetch it first")
        return UsageError("there is no such file", where=str(path), fix=_near_miss(path))
    if isinstance(error, IsADirectoryError):
        return UsageError("this is a folder", where=str(path), fix="name a file in it")
    return UsageError(f"cannot be read: {error.strerror}", where=str(path), fix="check the path and its permissions")


def _near_miss(path: Path) -> str:
    folder = path.parent
    try:
        names = sorted(entry.name for entry in folder.iterdir())
    except OSError:
        return f"there is no folder {folder} either; paths are relative to the working directory"
    packed = [name for name in names if name in (f"{path.name}.gz", path.name.removesuffix(".gz"))]
    near = packed[0] if packed else nearest(path.name, names, 0.75)
    return f"did you mean {folder / near}?" if near else "paths are relative to the working directory"


def _not_utf8(path: Path, data: bytes, error: UnicodeDecodeError) -> DataError:
    kind = next((name for magic, name in _ARCHIVES.items() if data.startswith(magic)), None)
    if kind == "zip" and ending(path) in (".xlsx", ".ods"):
        return DataError("this is a spreadsheet", where=str(path), fix="save it as CSV UTF-8")
    if kind is not None:
        return DataError(f"this is a {kind} file, not JSON", where=str(path), fix="unpack or convert it first")
    line = data.count(b"\n", 0, error.start) + 1
    what = f"the text is not UTF-8: byte {error.start} (0x{data[error.start]:02x}) does not fit, in line {line}"
    return DataError(what, where=str(path), fix="save it as UTF-8")
