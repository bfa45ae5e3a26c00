"""What to call the systems of a comparison."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qatk.evaluation.given import AT_HAND, Given
from qatk.evaluation.prediction_files import Source
from qatk.files import place_of
from qatk.recipes.keys import computed

if TYPE_CHECKING:
    from qatk.plugins.host import PluginHost


def names_of(sources: Sequence[Given]) -> list[str]:
    """The name of each: of a path what distinguishes it, of predictions at hand their number among all."""
    named = distinct_names([source for source in sources if not isinstance(source, AT_HAND)])
    paths = iter(named)
    numbers = [str(k) if str(k) not in named else f"mapping {k}" for k in range(1, len(sources) + 1)]
    each = zip(sources, numbers, strict=True)
    return [number if isinstance(source, AT_HAND) else next(paths) for source, number in each]


def distinct_names(paths: Sequence[Source]) -> list[str]:
    """What distinguishes paths, as short names: folders above and below that all share are left out.

    Where more than two parts of a path are left, its end is enough, as long as it still distinguishes. ``.json``,
    ``.json.gz`` and ``.predictions`` go too; the same path again gets a number.
    """
    absolute = [os.path.abspath(place_of(path)) for path in paths]  # noqa: PTH100  resolving would follow links
    parts = [Path(path).parts[1:] for path in absolute]
    parts = [(*p[:-1], re.sub(r"\.json(\.gz)?$", "", p[-1])) if p else ("/",) for p in parts]
    parts = _without_common(parts) if len(set(parts)) > 1 else [p[-1:] for p in parts]
    names = ["/".join(p) for p in parts]
    shorter = [re.sub(r"(?<=.)[._-]pred(iction)?s?$", "", name) for name in names]
    if len(set(shorter)) == len(set(names)):
        names = shorter
    times = [names[:i].count(name) for i, name in enumerate(names)]
    return [f"{name} ({k + 1})" if k else name for name, k in zip(names, times, strict=True)]


def _without_common(parts: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Paths without the parts that all begin with, and those that all end with; at least one part is left of each."""
    shortest = min(map(len, parts))
    begin = next((i for i in range(shortest) if len({p[i] for p in parts}) > 1), shortest - 1)
    room = shortest - begin - 1
    end = next((i for i in range(room) if len({p[-1 - i] for p in parts}) > 1), room)
    kept = [p[begin : len(p) - end] for p in parts]
    longest, different = max(map(len, kept)), len(set(kept))
    ends = [[p[-size:] for p in kept] for size in range(1, longest)] if longest > 2 else []
    return next((short for short in ends if len(set(short)) == different), kept)


def names_of_groups(
    of: Mapping[str, Source], manifests: Mapping[str, Mapping[str, Any]], host: PluginHost | None
) -> list[str]:
    """For each source the name of its system: runs that compute the same but for the seed are one, others are one."""
    from qatk.plugins.host import PluginHost

    host = host or PluginHost.discover()
    keys = [json.dumps(_without_seed(manifests[n], host), sort_keys=True) if n in manifests else n for n in of]
    groups: dict[str, list[str]] = {key: [] for key in keys}
    for key, source in zip(keys, of.values(), strict=True):
        groups[key].append(place_of(source))
    named = dict(zip(groups, distinct_names([_of_all(group) for group in groups.values()]), strict=True))
    return [named[key] for key in keys]


def _without_seed(manifest: Mapping[str, Any], host: PluginHost) -> dict[str, Any]:
    recipe = {key: value for key, value in manifest.get("recipe", {}).items() if key != "seed"}
    return {"recipe": computed(recipe, host), "limit": manifest["identity"].get("limit")}


def _of_all(folders: Sequence[str]) -> str:
    """What the paths of one system's runs begin with, without what leads up to a seed."""
    if len(folders) == 1:
        return folders[0]
    paths = [os.path.abspath(folder) for folder in folders]  # noqa: PTH100  as above
    shared = os.path.commonprefix(paths)  # noqa: RUF071  letter by letter, as seeds end names
    ends = {path[len(shared) :][:1] for path in paths} - {""}
    if ends and all(map(str.isdecimal, ends)):  # 13 and 14 share a digit, and no part of a name
        shared = shared.rstrip("0123456789")
    return re.sub(r"([-_.=/]+(seed|s)?[-_.=]*|seed[-_.=]*)$", "", shared) or shared
