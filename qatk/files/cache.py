"""Where things are kept between runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

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
