"""The folder for cached data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

PLACE, LIMIT = "QATK_CACHE", "QATK_CACHE_GB"
"""The environment variables for the cache folder and for its maximum size in gigabytes."""


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
