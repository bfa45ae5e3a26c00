"""Folders at URLs (``s3://bucket/runs/a``, ``file:///shared/a``): their files listed, sent and fetched, by fsspec."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from qatk.errors import StorageError, UsageError, first_line, without_secrets
from qatk.files.cache import PLACE, cache_folder

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

T = TypeVar("T")
_URL = re.compile(r"([a-z][a-z0-9+.-]+):/{1,3}(?=[^/])")
_AT_ONCE = 16
"""Files that are read at the same time: each takes a while to answer."""
_LOCAL = ("file", "local")
_HALF = ".half.tmp"
"""The name of a file on a disk while it is sent: as it is hidden, nobody reads half of it."""
_EXTRAS = {"s3": "qatk[s3fs]", "s3a": "qatk[s3fs]"}


def url_of(path: str | Path) -> str | None:
    """The URL that a user named; ``None`` of a path on this machine. A ``Path`` has lost a slash, which is put back."""
    text = str(path)
    if (found := _URL.match(text)) is None or Path(text).exists():
        return None
    return f"{found[1]}://{'/' * (found[1] in _LOCAL)}{text[found.end() :].rstrip('/')}"


def place_of(path: str | Path) -> str:
    """A path as a user named it, be it a URL, which is without secrets."""
    return str(path) if (url := url_of(path)) is None else without_secrets(url)


class RemoteFolder:
    """A folder at a URL. Each file is written whole, and none together with another.

    Args:
        url: as :func:`url_of` gives it.

    Raises:
        UsageError: there is no such kind of storage, or its library is not installed.
    """

    def __init__(self, url: str) -> None:
        import fsspec

        self.url = without_secrets(url)
        protocol = url.partition("://")[0]
        self._on_disk = protocol in _LOCAL
        try:
            found: tuple[AbstractFileSystem, str] = fsspec.core.url_to_fs(
                url, **({"auto_mkdir": True} if self._on_disk else {})
            )
        except ImportError:
            fix = f'pip install "{_EXTRAS.get(protocol, "the library of fsspec for it")}"'
            raise UsageError(f"{protocol}:// needs a library that is not installed", where=self.url, fix=fix) from None
        except ValueError as error:
            fix = "name a folder, or a URL such as s3://bucket/run"
            raise UsageError(first_line(error), where=self.url, fix=fix) from None
        self._system, self._root = found[0], found[1].rstrip("/")

    def names(self) -> list[str]:
        """The names of all files, relative to the folder; none of a folder that is not there."""
        return sorted(self.times())

    def times(self) -> dict[str, float]:
        """When each file was written, in seconds since the epoch, by its name; 0 where the storage does not say.

        Hidden files and what is in hidden folders are left out, and so are names that lead out of the folder.
        """
        return {name: _written(info) for name, info in self._listed().items()}

    def sizes(self) -> dict[str, int]:
        """The bytes of each of these files by its name."""
        return {name: int(str(info.get("size") or 0)) for name, info in self._listed().items()}

    def _listed(self) -> dict[str, Mapping[str, object]]:
        with self._explained("read"):
            self._system.invalidate_cache()
            found = self._system.find(self._root, detail=True) if self._system.exists(self._root) else {}
            names = {str(path)[len(self._root) + 1 :]: info for path, info in found.items()}
            return {name: info for name, info in names.items() if not any(p[:1] in ("", ".") for p in name.split("/"))}

    def read(self, name: str) -> bytes | None:
        """The content of a file; ``None`` where there is none."""
        with self._explained("read"):
            try:
                return bytes(self._system.cat_file(self._at(name)))
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                return None

    def read_all(self, names: Sequence[str]) -> dict[str, bytes]:
        """The content of these files by name, as far as they are there; several are read at once."""
        found = zip(names, _at_once(self.read, names), strict=True)
        return {name: content for name, content in found if content is not None}

    def fetch_all(self, names: Sequence[str], folder: Path) -> None:
        """Copy files to a folder of this machine, several at once."""
        _at_once(lambda name: self._fetch(name, folder / name), names)

    def _fetch(self, name: str, path: Path) -> None:
        with self._explained("read"):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._system.get_file(self._at(name), str(path))

    def send(self, path: Path, name: str) -> None:
        """Copy a file of this machine there, whole or not at all, in place of what has this name."""
        with self._explained("write"):
            if not self._on_disk:
                self._system.put_file(str(path), self._at(name))
                return
            new = Path(self._at(name)).with_name(_HALF)
            try:
                self._system.put_file(str(path), str(new))
                new.replace(self._at(name))
            except BaseException:
                with suppress(OSError):
                    new.unlink()
                raise

    def remove(self, name: str) -> None:
        """Remove a file, if it is there, and folders that it leaves empty: storage of objects has none."""
        with self._explained("write"):
            with suppress(FileNotFoundError):
                self._system.rm_file(self._at(name))
            with suppress(OSError):  # the first that is not empty
                for folder in list(Path(name).parents)[:-1] if self._on_disk else ():
                    Path(self._at(str(folder))).rmdir()

    def write(self, name: str, content: bytes) -> None:
        """Write a small file, in place of what has this name."""
        with self._explained("write"):
            self._system.pipe_file(self._at(name), content)

    def create(self, name: str, content: bytes) -> bool:
        """Write a small file where there is none of this name; whether it was written."""
        with self._explained("write"):
            try:
                if self._on_disk:  # whose ``pipe_file`` looks first, and then writes
                    self._system.makedirs(self._root, exist_ok=True)
                    with self._system.open(self._at(name), "xb") as file:
                        file.write(content)
                else:
                    self._system.pipe_file(self._at(name), content, mode="create")
            except FileExistsError:
                return False
            return True

    def _at(self, name: str) -> str:
        return f"{self._root}/{name}"

    @contextmanager
    def _explained(self, verb: str) -> Iterator[None]:
        """Turn whatever the library of the storage raises into one message."""
        try:
            yield
        except Exception as error:
            fix = "check the name of the bucket or folder, your credentials, and your right to write there"
            said = without_secrets(first_line(error))
            raise StorageError(f"cannot {verb}: {said}", where=self.url, fix=fix) from error


def _at_once(work: Callable[[str], T], names: Sequence[str]) -> list[T]:
    """What becomes of each file. Threads are imported here alone, as most commands read no URL."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(work, names))


def _written(info: Mapping[str, object]) -> float:
    """When a file was written, as one of the libraries tells it."""
    for key in ("LastModified", "last_modified", "mtime", "updated", "created"):
        if isinstance(when := info.get(key), datetime):
            return when.timestamp()
        if isinstance(when, int | float):
            return float(when)
    return 0.0


def local_place(url: str, kind: str) -> Path:
    """The folder on this machine for copies of what is at a URL, below the cache folder.

    Raises:
        UsageError: the user disabled caching, or has no home folder.
    """
    if (base := cache_folder(os.environ, "remote")) is None:
        raise UsageError("a run at a URL needs room on this machine", where=url, fix=f"set {PLACE} to a folder")
    return base / kind
