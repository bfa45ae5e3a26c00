"""Files: every one is written whole or not at all, and read with one clear message for whatever is wrong with it."""

from __future__ import annotations

import json
import math
import os
import shutil
import stat
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from qatk.errors import DataError, StorageError, UsageError, nearest


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn what the file system refuses into a :class:`StorageError` that names the file."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(f"cannot write: {reason}", where=str(path), fix="nothing was left half-written") from error


def is_there(path: Path) -> bool:
    """Whether there is such a file or folder.

    Raises:
        UsageError: where there can be none: the name is too long, a part of it is closed, links lead in a circle.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError) as error:  # ValueError is of a NUL byte
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"cannot be used: {reason}", where=str(path), fix="name another one") from error
    return True


def write_atomically(path: Path, data: bytes | str) -> None:
    """Write a file so that a crash or a full disk leaves the old content, or none.

    A link stays one: what it leads to is written; and what is no file, such as a pipe or a device, is written into.
    Not so in a run folder, which may come from elsewhere: there both are replaced. The mode is that of the file that
    was there, or what the umask leaves.

    Raises:
        StorageError: where the file system refuses.
    """
    if isinstance(data, str):
        data = data.encode("utf-8", "backslashreplace")  # of bytes in a path that are no UTF-8; an escape to JSON too
    with storage_errors(path):
        if not _of_run(path):
            if path.exists() and not path.is_file():
                path.write_bytes(data)
                return
            path = path.resolve() if path.is_symlink() else path
        new = path.with_name(f".{uuid4().hex}.tmp")  # short, as the longest name leaves no room for more
        try:
            with new.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if path.is_file() and not path.is_symlink():
                new.chmod(stat.S_IMODE(path.stat().st_mode))
            new.replace(path)
        except BaseException:
            new.unlink(missing_ok=True)
            raise


RUN_MARK = "manifest.json"
"""The file that makes a folder a run folder."""


_DEEPEST = 3
"""Folders from a file up to the run folder that it is of: those of ``sets/NAME/report.md`` are three."""


def _of_run(path: Path) -> bool:
    """Whether a file lies in a run folder or in a folder of one.

    Raises:
        StorageError: where such a folder of a run is a link, which leads the file elsewhere.
    """
    above = list(path.parents)[:_DEEPEST]
    depth = next((i for i, folder in enumerate(above) if (folder / RUN_MARK).exists()), None)
    if depth is None:
        return False
    if link := next((folder for folder in above[:depth] if folder.is_symlink()), None):
        raise StorageError(f"{link} is a link", where=str(path), fix="nothing is written through links of a run folder")
    return True


def finite(value: Any) -> Any:
    """The value with NaN as ``None`` and infinities as the largest float32: JSON knows neither."""
    if isinstance(value, float):
        limit = 3.4028234663852886e38
        return None if math.isnan(value) else min(max(value, -limit), limit)
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value


def write_json(path: Path, value: object, indent: int | None = 1) -> None:
    """Write strict JSON, atomically. Raises :class:`StorageError`."""
    write_atomically(path, json.dumps(finite(value), indent=indent, ensure_ascii=False, allow_nan=False) + "\n")


def append_json_line(path: Path, value: Mapping[str, object]) -> None:
    """Add a line of strict JSON, written whole. Raises :class:`StorageError`."""
    line = json.dumps(finite(value), ensure_ascii=False, allow_nan=False)
    _own(path)
    with storage_errors(path), path.open("a", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
        file.write(line + "\n")


def _own(path: Path) -> None:
    """Put a file of the same content in the place of a link in a run folder."""
    if path.is_symlink() and _of_run(path):
        write_atomically(path, path.read_bytes() if path.is_file() else b"")


def mend_lines(path: Path) -> None:
    """Cut off a last line that a killed process left unfinished. Raises :class:`StorageError`."""
    _own(path)
    with storage_errors(path):
        if path.exists() and not (content := path.read_bytes()).endswith(b"\n") and content:
            with path.open("r+b") as file:
                file.truncate(content.rfind(b"\n") + 1)


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """An empty folder to fill, which takes the place of ``folder`` when the block ends well.

    Raises:
        StorageError: where the file system refuses; ``folder`` is then as before.
    """
    new, old = folder.with_name(f".{folder.name}.new"), folder.with_name(f".{folder.name}.old")
    with storage_errors(folder):
        discard(new)
        new.mkdir(parents=True)
        try:
            yield new
            if folder.exists() or folder.is_symlink():
                discard(old)
                folder.replace(old)
            new.replace(folder)
            discard(old)
        except BaseException:
            discard(new)
            raise


def discard(path: Path) -> None:
    """Remove a file, a folder with all that is in it, or a link and nothing that it leads to; what can be removed."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


_ARCHIVES = {
    b"PK\x03\x04": "zip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"7z\xbc\xaf": "7z",
    b"PAR1": "Parquet",
}


def _is_device(descriptor: int) -> bool:
    """Whether what is open is a device, such as ``/dev/zero``, which has no end; a terminal has one."""
    return stat.S_ISCHR(os.fstat(descriptor).st_mode) and not os.isatty(descriptor)


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, plain or gzip (told by its first bytes, not by its name), without byte order mark.

    Raises:
        UsageError: where there is no such file, with one of a similar name; or it cannot be opened.
        DataError: where the gzip is damaged or the text is not UTF-8, with the byte.
    """
    try:
        with path.open("rb") as file:
            if _is_device(file.fileno()):
                raise UsageError("this is a device, not a file", where=str(path), fix="name a file")
            data = file.read()
    except OSError as error:
        raise _cannot_read(path, error) from error
    if data.startswith(b"\x1f\x8b"):
        data = _unfold(data, path)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _not_utf8(path, data, error) from error


UNFOLDED, RATIO = 64 * 2**20, 100
"""A gzip file may unfold to so many bytes; or to so many times its own size, which no text of words comes near."""


def _unfold(data: bytes, path: Path) -> bytes:
    """What a gzip file of one member or several holds."""
    limit, parts, room = max(UNFOLDED, RATIO * len(data)), [], 0
    while data:
        member = zlib.decompressobj(wbits=31)  # with the header and the checksum of gzip
        try:
            parts.append(member.decompress(data, limit - room + 1))
        except zlib.error as error:
            raise _damaged(path, str(error)) from error
        if (room := room + len(parts[-1])) > limit:
            what = f"the gzip file unfolds to more than {limit >> 20} MiB, {RATIO} times its size"
            raise DataError(what, where=str(path), fix="unpack it, if it is meant to")
        if not member.eof:
            raise _damaged(path, "it ends before its end is marked")
        data = member.unused_data.lstrip(b"\0")
    return b"".join(parts)


def _damaged(path: Path, why: str) -> DataError:
    return DataError(f"the gzip file is cut short or damaged: {why}", where=str(path), fix="fetch or write it again")


def parse_json(text: str, path: Path, **options: Any) -> Any:
    """Parse one JSON value; ``options`` are those of :func:`json.loads`.

    Raises:
        DataError: with ``file:line:column``, saying whether the text is empty, cut short, JSON Lines or no JSON.
    """
    try:
        return json.loads(text, **options)
    except json.JSONDecodeError as error:
        what, fix = _explain(text, error)
        raise DataError(what, where=f"{path}:{error.lineno}:{error.colno}", fix=fix) from error
    except ValueError as error:  # Python reads no integers that are longer, for the time it takes
        raise DataError("a number has thousands of digits", where=str(path), fix="correct the data") from error
    except RecursionError as error:
        raise DataError("the JSON is nested too deep", where=str(path)) from error


def read_json_lines(path: Path) -> Iterator[tuple[int, Any]]:
    """The values of a file of JSON Lines, plain or gzip, each with the number of its line; blank lines are none.

    Raises:
        UsageError, DataError: as :func:`read_text` and :func:`parse_json` do.
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


def read_parquet(path: Path, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """The rows of a Parquet file; ``columns`` names those to read, of which some may be absent.

    Raises:
        UsageError: where there is no such file, or it cannot be opened.
        DataError: where it is no Parquet.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        present = [name for name in file.schema_arrow.names if columns is None or name in columns]
        for batch in file.iter_batches(columns=present):
            yield from batch.to_pylist()
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
    if kind is not None:
        return DataError(f"this is a {kind} file, not JSON", where=str(path), fix="unpack or convert it first")
    what = f"the text is not UTF-8: byte {error.start} (0x{data[error.start]:02x}) does not fit"
    return DataError(what, where=str(path), fix="save it as UTF-8")


PLACE, LIMIT = "QATK_CACHE", "QATK_CACHE_GB"


def cache_folder(environ: Mapping[str, str], folder: str = "features") -> Path | None:
    """Where a kind of thing is cached between runs; ``None`` where the user wants no cache or has no home."""
    named = environ.get(PLACE)
    if named in ("", "off"):
        return None
    shared = Path(environ.get("XDG_CACHE_HOME", ""))
    try:
        if named is None:
            return (shared if shared.is_absolute() else Path.home() / ".cache") / "qatk" / folder
        return Path(named).expanduser() / folder
    except RuntimeError:  # a user without a home, as in some containers
        return None
