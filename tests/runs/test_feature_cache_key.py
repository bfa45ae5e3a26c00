"""The feature cache is never stale: each part of its key, changed, is a miss. And where the environment puts it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from cache_tools import Making, features, fetch, opened
from qatk.api import Component
from qatk.errors import UsageError
from qatk.plugins.model_types import BackboneSpec
from qatk.plugins.registered import Plugin, Registered
from qatk.plugins.sources import digest_of
from qatk.recipes.recipe import plain_digest
from qatk.recipes.sections import Choice
from qatk.runs import feature_cache as module
from qatk.runs.feature_cache import FeatureCache, key_basis
from stride_tools import make

SPEC = BackboneSpec("m", 8, 64, "right", 0, 2, True)
PLUGIN = """
from qatk.api import Options

class Chosen(Options):
    size: int = 1

class Featurizer:
    def featurize(self, examples, tokenizer, spec, *, targets): ...
"""


@pytest.fixture
def chosen(tmp_path: Path) -> Choice:
    """A featurizer of a file of its own, as ``--plugin`` gives it."""
    file = tmp_path / "plugin" / "own_featurizer.py"
    file.parent.mkdir()
    file.write_text(PLUGIN)
    sys.path.insert(0, str(file.parent))
    try:
        sys.modules.pop("own_featurizer", None)
        component = Component("own", "own_featurizer:Featurizer", import_module("own_featurizer").Chosen)
    finally:
        sys.path.remove(str(file.parent))
    return Choice(Registered("featurizer", component, Plugin("own", "dist", "1", "own")), "own", component.options())


def basis(choice: Choice, tokenizer: Any, spec: BackboneSpec = SPEC) -> dict[str, Any]:
    found = key_basis(choice, tokenizer, spec)
    assert found is not None
    return found


def test_the_same_parts_give_the_same_key(chosen: Choice) -> None:
    assert basis(chosen, make("wordpiece-uncased")[0]) == basis(chosen, make("wordpiece-uncased")[0])


def test_other_examples_and_other_targets_are_another_entry(tmp_path: Path) -> None:
    cache, make = opened(tmp_path), Making(features())
    assert not fetch(cache, make)
    assert not fetch(cache, make, data="e")
    assert not fetch(cache, make, targets=False)
    assert not fetch(FeatureCache(tmp_path, 10**9, {"tokenizer": "u"}), make)
    assert make.times == 4


def test_layers_on_top_of_the_encoder_do_not_count(chosen: Choice) -> None:
    tokenizer, _ = make("wordpiece-uncased")
    assert basis(chosen, tokenizer, replace(SPEC, span_layers=dict)) == basis(chosen, tokenizer)


@pytest.mark.parametrize("field", [name for name in BackboneSpec.__dataclass_fields__ if name != "span_layers"])
def test_every_field_of_the_spec_counts(chosen: Choice, field: str) -> None:
    tokenizer, _ = make("wordpiece-uncased")
    value = getattr(SPEC, field)
    other: Any = f"{value}2" if isinstance(value, str) else (not value if isinstance(value, bool) else value + 1)
    assert basis(chosen, tokenizer, replace(SPEC, **{field: other})) != basis(chosen, tokenizer)


def _another_word(tokenizer: Any) -> None:
    tokenizer.add_tokens(["another"])


def _another_truncation(tokenizer: Any) -> None:
    tokenizer.backend_tokenizer.enable_truncation(9)


def _another_side(tokenizer: Any) -> None:
    tokenizer.padding_side = "left"


def _another_truncation_side(tokenizer: Any) -> None:
    tokenizer.truncation_side = "left"


def _another_longest(tokenizer: Any) -> None:
    tokenizer.model_max_length = 7


def _another_class(tokenizer: Any) -> None:
    tokenizer.__class__ = type("Another", (type(tokenizer),), {})


CHANGES = [
    _another_word, _another_truncation, _another_side, _another_truncation_side, _another_longest, _another_class,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_every_part_of_the_tokenizer_counts(chosen: Choice, change: Callable[[Any], None]) -> None:
    tokenizer = deepcopy(make("wordpiece-uncased")[0])
    before = basis(chosen, tokenizer)
    change(tokenizer)
    assert basis(chosen, tokenizer) != before


def test_every_part_of_the_featurizer_counts(chosen: Choice) -> None:
    tokenizer, _ = make("wordpiece-uncased")
    registered, options = chosen.registered, type(chosen.options)
    others = [
        replace(chosen, options=options(size=2)),
        replace(chosen, registered=replace(registered, component=replace(registered.component, name="other"))),
        *(
            replace(chosen, registered=replace(registered, plugin=replace(registered.plugin, **{field: "2"})))
            for field in ("name", "distribution", "version")
        ),
    ]
    keys = [plain_digest(basis(choice, tokenizer)) for choice in (chosen, *others)]
    assert len(set(keys)) == 6


@pytest.mark.parametrize("name", ["own_featurizer.py", "beside_it.py"])
def test_the_source_counts(chosen: Choice, tmp_path: Path, name: str) -> None:
    tokenizer, _ = make("wordpiece-uncased")
    before = basis(chosen, tokenizer)
    (tmp_path / "plugin" / name).write_text(PLUGIN + "# changed\n")
    assert basis(chosen, tokenizer) != before


def test_the_source_of_a_package_is_all_of_it(tmp_path: Path) -> None:
    inner = tmp_path / "package" / "inner"
    inner.mkdir(parents=True)
    for folder in (inner, inner.parent):
        (folder / "__init__.py").write_text("")
    (inner / "one.py").write_text("1")
    (tmp_path / "stranger.py").write_text("")
    before = digest_of([inner / "one.py"])
    (tmp_path / "stranger.py").write_text("2")
    assert digest_of([inner / "one.py"]) == before
    (inner.parent / "helper.py").write_text("2")
    assert digest_of([inner / "one.py"]) != before


def test_the_format_and_the_libraries_count(chosen: Choice, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer, _ = make("wordpiece-uncased")
    before = basis(chosen, tokenizer)
    with monkeypatch.context() as patch:
        patch.setattr(module, "FORMAT", module.FORMAT + 1)
        assert basis(chosen, tokenizer) != before
    for name in ("numpy", "tokenizers", "transformers"):
        with monkeypatch.context() as patch:
            patch.setattr(module, "version_of", _other_version(name))
            assert basis(chosen, tokenizer) != before


def _other_version(changed: str) -> Callable[[str], str]:
    return lambda name: "0" if name == changed else version(name)


class Uncacheable:
    cacheable = False


def test_what_has_no_key_is_not_kept(chosen: Choice, tmp_path: Path) -> None:
    environ = {"QATK_CACHE": str(tmp_path / "cache")}
    tokenizer, _ = make("wordpiece-uncased")
    assert FeatureCache.of_run(chosen, True, tokenizer, SPEC, environ).place == tmp_path / "cache" / "features"
    assert FeatureCache.of_run(chosen, False, tokenizer, SPEC, environ).place is None
    assert FeatureCache.of_run(chosen, True, "a slow tokenizer", SPEC, environ).place is None


@pytest.mark.parametrize(
    ("environ", "place"),
    [
        ({"QATK_CACHE": "/c"}, Path("/c/features")),
        ({"QATK_CACHE": "off"}, None),
        ({"QATK_CACHE": ""}, None),
        ({"XDG_CACHE_HOME": "/x"}, Path("/x/qatk/features")),
        ({"XDG_CACHE_HOME": "relative"}, Path.home() / ".cache" / "qatk" / "features"),
        ({}, Path.home() / ".cache" / "qatk" / "features"),
    ],
)
def test_where_the_cache_is(chosen: Choice, environ: dict[str, str], place: Path | None) -> None:
    tokenizer, _ = make("wordpiece-uncased")
    cache = FeatureCache.of_run(chosen, True, tokenizer, SPEC, environ)
    assert cache.place == place
    assert cache.limit == 10 * 10**9


@pytest.mark.parametrize("text", ["", "much", "0", "-1", "nan", "inf"])
def test_a_bound_that_is_no_size_is_refused(chosen: Choice, text: str) -> None:
    with pytest.raises(UsageError, match=r"QATK_CACHE_GB: '.*' is no number of GB above 0"):
        FeatureCache.of_run(chosen, object(), None, SPEC, {"QATK_CACHE_GB": text})
