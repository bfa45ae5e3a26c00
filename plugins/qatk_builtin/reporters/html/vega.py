"""The JavaScript of Vega-Lite, out of ``vl-convert-python``: no fetched code lies in this repository."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache

from qatk.api import StorageError
from qatk.files import cache_folder, write_atomically

VEGA_LITE = "6.4"
"""What the charts are written for; where the package has no such version, its newest one is taken."""


@cache
def vega_bundle() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, which defines ``vegaEmbed``.

    Bundling takes a second, so the script is kept in qatk's cache.
    """
    from importlib.metadata import version as version_of

    import vl_convert

    version = version_among(vl_convert.get_vegalite_versions())

    def make() -> str:
        script: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", version)
        return script

    bundle = keep_text(f"vega-embed-{version_of('vl-convert-python')}-{version}.js", make)
    return bundle.replace("</script", "<\\/script")


def version_among(versions: Sequence[str]) -> str:
    """:data:`VEGA_LITE`, or the newest of these, which come in their order."""
    return VEGA_LITE if VEGA_LITE in versions else versions[-1]


def keep_text(name: str, make: Callable[[], str], environ: Mapping[str, str] = os.environ) -> str:
    """A text that takes long to make: out of the cache, or made and kept there, after its SHA-256.

    The name, of its file, says all that the text follows from. What is not as it was written is made anew.
    """
    if (place := cache_folder(environ, "texts")) is None:
        return make()
    with suppress(OSError, UnicodeDecodeError):
        digest, _, kept = (place / name).read_text("utf-8").partition("\n")
        if digest == _digest(kept):
            return kept
    text = make()
    with suppress(OSError, StorageError):
        place.mkdir(parents=True, exist_ok=True)
        write_atomically(place / name, f"{_digest(text)}\n{text}")
    return text


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
