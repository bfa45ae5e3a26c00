"""The JavaScript of Vega-Lite, out of ``vl-convert-python``: no fetched code lies in this repository."""

from __future__ import annotations

from functools import cache

from qatk.cache import keep_text

VEGA_LITE = "6.4"
"""What the charts are written for; where the package has no such version, its newest one is taken."""


@cache
def vega_bundle() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, which defines ``vegaEmbed``.

    Bundling takes a second, so the script is kept in qatk's cache.
    """
    from importlib.metadata import version as version_of

    import vl_convert

    versions = vl_convert.get_vegalite_versions()
    version = VEGA_LITE if VEGA_LITE in versions else versions[-1]

    def make() -> str:
        script: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", version)
        return script

    bundle = keep_text(f"vega-embed-{version_of('vl-convert-python')}-{version}.js", make)
    return bundle.replace("</script", "<\\/script")
