"""Windows that were made before: memory-mapped columns on disk, found by all that went into them.

An entry is a folder ``features/KEY`` with one ``.npy`` file a column and ``about.json``. It appears by one rename,
so that it is whole or not there, however many processes make it at once; and what is in it never changes: the SHA-256
of each column stands in ``about.json``, with its own, and is held against the file whenever it is read.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from qatk.display.numbers import byte_size
from qatk.errors import QatkWarning, counted
from qatk.files import LIMIT, PLACE, cache_folder, cache_limit, least_used, storage_errors, write_atomically
from qatk.plugins.model_types import BackboneSpec
from qatk.plugins.protocols import Tokenizer
from qatk.plugins.sources import sources_digest
from qatk.recipes.recipe import plain_digest
from qatk.recipes.sections import Choice
from qatk.run_folder.provenance import version_of
from qatk.types.features import Features
from qatk.types.mapped import map_array, release

FORMAT = 2
"""To be raised where the columns of :class:`Features` change their meaning, or what is kept of them its form."""
ABOUT = "about.json"
STRETCH = 2**22
"""Values of a column that are read at once."""
ABANDONED_S = 24 * 3600
"""The age in seconds at which a half-written entry is taken for a killed process's."""


class FeatureCache:
    """The features that one featurizer makes with one tokenizer, kept from run to run.

    What goes wrong with the cache is warned of, once, and never stops a run.

    Args:
        place: the folder of all entries; ``None`` keeps nothing.
        limit: the most bytes that all entries may take; those used longest ago make room.
        basis: what :func:`key_basis` gives.
    """

    def __init__(self, place: Path | None, limit: int, basis: Mapping[str, object]) -> None:
        self.place, self.limit, self.basis = place, limit, basis
        self._warned = False

    @classmethod
    def of_run(
        cls,
        choice: Choice,
        cacheable: bool,
        tokenizer: Tokenizer,
        spec: BackboneSpec,
        environ: Mapping[str, str] = os.environ,
    ) -> FeatureCache:
        """The cache that the environment asks for, bound to a run's featurizer, tokenizer and ``BackboneSpec``.

        It keeps nothing of a featurizer that says ``cacheable = False``, nor of one without source or with a tokenizer
        that cannot be written down.

        Raises:
            UsageError: ``QATK_CACHE_GB`` is no number above 0.
        """
        limit, place = cache_limit(environ), cache_folder(environ)
        basis = key_basis(choice, tokenizer, spec) if place and cacheable else None
        return cls(place if basis else None, limit, basis or {})

    def fetch(self, make: Callable[[], Features], *, data: str, targets: bool) -> tuple[Features, bool]:
        """Features of the examples with the digest ``data``, and whether they were there before.

        Features that ``make`` had to make come back as memory maps too, where they could be stored.
        """
        if self.place is None:
            return make(), False
        entry = self.place / plain_digest({**self.basis, "data": data, "targets": targets})
        held = self._read(entry)
        if held is not None:
            return held, True
        features = make()
        stored = self._read(entry) if self._store(entry, features) else None
        return features if stored is None else stored, False

    def _read(self, entry: Path) -> Features | None:
        try:
            features = read_features(entry)
        except (FileNotFoundError, NotADirectoryError):
            _remove(entry)  # nothing, or what another process is removing
            return None
        except Exception as error:  # of a damaged header, numpy raises what Python's tokenizer does, and more
            self._warn(f"damaged features in {entry} are made anew: {error}")
            _remove(entry)
            return None
        with suppress(OSError):  # a cache that others fill may be read-only
            os.utime(entry / ABOUT)
        return features

    def _store(self, entry: Path, features: Features) -> bool:
        """Whether the features are in the cache now."""
        if type(features) is not Features:
            return False
        size = sum(column.nbytes for column in _columns(features).values())
        if size > self.limit:
            self._warn(f"features of {byte_size(size)} are not cached: {LIMIT} allows {byte_size(self.limit)}")
            return False
        try:
            _write(entry, features)
            for old in least_used(_entries(entry.parent), self.limit, entry):
                _remove(old)
        except Exception as error:  # counts that JSON does not know, too
            reason = getattr(error, "what", error)
            self._warn(f"no features are cached in {self.place}: {reason}; set {PLACE} to another folder, or to off")
            self.place = None
            return False
        return True

    def _warn(self, message: str) -> None:
        if not self._warned:
            warnings.warn(message, QatkWarning, stacklevel=4)
        self._warned = True


def key_basis(choice: Choice, tokenizer: Tokenizer, spec: BackboneSpec) -> dict[str, object] | None:
    """All that windows follow from, but for the examples and whether they are for training; ``None`` where unknown.

    Taken before the featurizer runs, as it may leave the tokenizer in another state.
    """
    registered = choice.registered
    try:
        written = tokenizer.backend_tokenizer.to_str()
    except Exception:  # not a fast tokenizer, or one with parts in Python, of which tokenizers raises Exception itself
        return None
    if (source := sources_digest(registered)) is None:
        return None
    written = hashlib.sha256(written.encode()).hexdigest()
    others = [getattr(tokenizer, name, None) for name in ("padding_side", "truncation_side", "model_max_length")]
    return {
        "format": FORMAT,
        "tokenizer": [type(tokenizer).__qualname__, written, *others],
        "spec": {field.name: getattr(spec, field.name) for field in fields(spec) if field.compare},
        "featurizer": [registered.plugin.name, registered.name, choice.options.model_dump(mode="json")],
        "distribution": [registered.plugin.distribution, registered.plugin.version],
        "source": source,
        "packages": [version_of(name) for name in ("numpy", "qatk", "tokenizers", "transformers")],
    }


def write_features(folder: Path, features: Features) -> None:
    """Write columns and counts into an empty folder, and wait until the disk has them. Raises ``OSError``."""
    columns = _columns(features)
    for name, column in columns.items():
        with (folder / f"{name}.npy").open("wb") as file:
            np.save(file, column, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
    about = {"columns": {name: _digest_of(column) for name, column in columns.items()}, "counts": dict(features.counts)}
    write_atomically(folder / ABOUT, json.dumps({**about, "sha256": plain_digest(about)}))


def read_features(folder: Path) -> Features:
    """What :func:`write_features` wrote, as read-only memory maps.

    Raises:
        FileNotFoundError: where a file is not there.
        Exception: of many kinds, where the files are not as they were written.
    """
    about = json.loads((folder / ABOUT).read_text("utf-8"))
    if about.pop("sha256") != plain_digest(about):
        raise ValueError(f"{ABOUT} is not as it was written")
    columns = {name: _map(folder / f"{name}.npy") for name in about["columns"]}
    for name, column in columns.items():
        if _digest_of(column) != about["columns"][name]:
            raise ValueError(f"{name}.npy is not as it was written")
    return Features(**columns, counts=about["counts"])


def _digest_of(column: NDArray[np.generic]) -> str:
    """SHA-256 of the values; pages of a map are given back on the way, so that no column is ever whole in memory."""
    sha = hashlib.sha256(column.dtype.str.encode())
    for begin in range(0, len(column), STRETCH):
        sha.update(np.ascontiguousarray(column[begin : begin + STRETCH]).data)
        release(column)
    return sha.hexdigest()


def _entries(place: Path) -> Iterator[tuple[float, int, Path]]:
    """When each entry was last used, its bytes, and its folder. Abandoned ones are removed on the way."""
    for folder in list(place.iterdir()):
        with suppress(OSError):  # another process may remove it meanwhile
            if not folder.name.startswith("."):
                yield (folder / ABOUT).stat().st_mtime, sum(f.stat().st_size for f in folder.iterdir()), folder
            elif time.time() - folder.stat().st_mtime > ABANDONED_S:
                shutil.rmtree(folder, ignore_errors=True)


def _write(entry: Path, features: Features) -> None:
    """Make an entry, unless another process was first. Raises :class:`qatk.errors.StorageError`."""
    new = entry.with_name(f".{entry.name}.{uuid4().hex}")
    with storage_errors(entry):
        new.mkdir(parents=True)
        try:
            write_features(new, features)
            new.rename(entry)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
        finally:
            shutil.rmtree(new, ignore_errors=True)


def _remove(entry: Path) -> None:
    """Remove an entry; by a rename first, so that nobody finds half of it."""
    doomed = entry.with_name(f".{entry.name}.{uuid4().hex}")
    with suppress(OSError):
        entry.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)


def _columns(features: Features) -> dict[str, NDArray[np.generic]]:
    columns = {f.name: getattr(features, f.name) for f in fields(features) if f.name != "counts"}
    return {name: column for name, column in columns.items() if column is not None}


def _map(path: Path) -> NDArray[Any]:
    with path.open("rb") as file:
        if (form := np.lib.format.read_magic(file)) != (1, 0):
            raise ValueError(f"{path.name} is of form {form}")
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        column = map_array(file, dtype, offset=file.tell())
    if column.shape != shape:
        raise ValueError(f"{path.name} has {counted(len(column), 'value')}, expected {shape[0]}")
    return column
