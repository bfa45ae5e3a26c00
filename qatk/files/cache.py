"""The folder for cached data, and how much of it is kept."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from qatk.errors import UsageError

PLACE, LIMIT = "QATK_CACHE", "QATK_CACHE_GB"
"""The environment variables for the cache folder and for its maximum size in gigabytes."""
LIMIT_GB = 10


def cache_folder(environ: Mapping[str, str], folder: str = "features") -> Path | None:
    """The folder for one kind of cached data; ``None`` if the user disabled caching or has no home folder."""
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


def cache_limit(environ: Mapping[str, str]) -> int:
    """The most bytes that one kind of cached data may take.

    Raises:
        UsageError: ``QATK_CACHE_GB`` is no number above 0.
    """
    text = environ.get(LIMIT, str(LIMIT_GB))
    with suppress(ValueError):
        if math.isfinite(value := float(text)) and value > 0:
            return int(value * 1e9)
    raise UsageError(f"{text!r} is no number of GB above 0", where=LIMIT, fix=f"the default is {LIMIT_GB}")


def least_used(entries: Iterable[tuple[float, int, Path]], limit: int, keep: Path) -> Iterator[Path]:
    """The entries used longest ago, without which all others take at most ``limit`` bytes; never ``keep``.

    Args:
        entries: when each was last used, its bytes, and where it is.
        limit: the most bytes of all.
        keep: the entry that is just made.
    """
    found = sorted(entries)
    excess = sum(size for _, size, _ in found) - limit
    for _, size, entry in found:
        if excess > 0 and entry != keep:
            yield entry
            excess -= size
