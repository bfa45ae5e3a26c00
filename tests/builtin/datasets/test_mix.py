"""The ``mix`` dataset: every set in its share, each question with its source; and datasets inside of options."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from qatk.errors import DataError, DataWarning, PluginError, RecipeError, UsageError
from qatk.plugins.host import PluginHost
from qatk.plugins.live import LiveDataset, LiveSlicer
from qatk.recipes.recipe import parse_recipe, to_yaml
from qatk.recipes.schema import recipe_schema
from qatk.testing import check_component
from qatk.types import Examples
from qatk_builtin.datasets import MixOptions
from qatk_builtin.datasets.mix import MixDataset, _apportioned
from small import squad


def write(folder: Path, name: str, questions: int, seed: int) -> dict[str, Any]:
    (folder / f"{name}.json").write_text(json.dumps(squad(questions, seed)))
    return {"use": "squad", "path": str(folder / f"{name}.json")}


@pytest.fixture
def sets(tmp_path: Path) -> dict[str, dict[str, Any]]:
    return {"a": write(tmp_path, "a", 40, 1), "b": write(tmp_path, "b", 12, 2)}


def mixed(host: PluginHost, sets: dict[str, dict[str, Any]], **options: Any) -> Examples:
    return host.live(LiveDataset, "dataset", "mix", {"sets": sets, **options}).load()


def counts(examples: Examples) -> dict[str, int]:
    return dict(Counter(examples.columns["source"]))


def test_all_questions_with_their_sources(host: PluginHost, sets: dict[str, Any]) -> None:
    examples = mixed(host, sets)
    assert counts(examples) == {"a": 40, "b": 12}
    whole = {
        name: host.live(LiveDataset, "dataset", "squad", {"path": each["path"]}).load() for name, each in sets.items()
    }
    for row, source in enumerate(examples.columns["source"]):
        there = whole[source]
        at = list(there.id).index(examples.id[row])
        assert examples.question[row] == there.question[at]
        assert examples.context_of(row) == there.context_of(at)
        assert examples.spans_of_answer(row) == there.spans_of_answer(at)
    assert len(set(examples.context)) == len(examples.context)
    slicer = host.live(LiveSlicer, "slicer", "column", {"name": "source"})
    assert {name: int(rows.sum()) for name, rows in slicer.masks(examples).items()} == {"a": 40, "b": 12}
    assert list(examples.columns["source"]) != sorted(examples.columns["source"])


@pytest.mark.parametrize(
    ("options", "due"),
    [
        ({"most": {"a": 5}}, {"a": 5, "b": 12}),
        ({"most": {"a": 500}}, {"a": 40, "b": 12}),
        ({"weights": {"a": 2}}, {"a": 24, "b": 12}),
        ({"weights": {"a": 1, "b": 1}}, {"a": 12, "b": 12}),
        ({"weights": {"b": 4}, "most": {"b": 8}}, {"a": 2, "b": 8}),
        ({"questions": 13}, {"a": 10, "b": 3}),
        ({"questions": 10, "weights": {"b": 4}}, {"a": 2, "b": 8}),
    ],
)
def test_caps_weights_and_totals(host: PluginHost, sets: dict[str, Any], options: Any, due: dict[str, int]) -> None:
    examples = mixed(host, sets, **options)
    assert counts(examples) == due
    assert len(set(examples.id)) == len(examples)


def test_what_is_drawn_follows_from_the_seed_and_the_set(host: PluginHost, sets: dict[str, Any]) -> None:
    def ids(**options: Any) -> set[str]:
        found = mixed(host, options.pop("of", sets), most={"a": 8}, **options)
        return {name for name, source in zip(found.id, found.columns["source"], strict=True) if source == "a"}

    assert ids() == ids()
    assert mixed(host, sets).digest() == mixed(host, sets).digest()
    assert ids(seed=14) != ids()
    assert ids(of={"a": sets["a"]}) == ids()


def test_articles_of_both_kinds_alone(host: PluginHost, tmp_path: Path) -> None:
    """Two of four articles have both kinds; contexts stand for articles where there are no titles."""
    rows = [
        {"id": f"{title}{k}", "title": title, "question": "Who?", "context": f"Ann, {title} {k // 2}.", "answers": said}
        for title, answers in {"a": ["Ann", ""], "b": ["Ann"] * 3, "c": ["", ""], "d": ["", "Ann", "Ann"]}.items()
        for k, said in enumerate(answers)
    ]
    (tmp_path / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    table = {"use": "table", "path": str(tmp_path / "rows.jsonl")}
    assert sorted(mixed(host, {"t": table}, both_kinds=True).id) == ["a0", "a1", "d0", "d1", "d2"]
    untitled = {**table, "roles": {"title": None}}
    assert sorted(mixed(host, {"t": untitled}, both_kinds=True).id) == ["a0", "a1", "d0", "d1"]
    (tmp_path / "rows.jsonl").write_text(json.dumps(rows[0]))
    with pytest.raises(DataError, match="no article of the set 't' has questions with an answer and without one"):
        mixed(host, {"t": table}, both_kinds=True)
    (tmp_path / "rows.jsonl").write_text(json.dumps({key: rows[0][key] for key in ("id", "question", "context")}))
    with pytest.raises(DataError, match="no gold answers of the set 't' to tell both kinds by"):
        mixed(host, {"t": table}, both_kinds=True)


def test_ids_that_several_sets_have(host: PluginHost, sets: dict[str, Any]) -> None:
    twice = {**sets, "more": sets["b"]}
    with pytest.warns(DataWarning, match=r"12 question ids occur in several sets \(2-0, .*prefixed there by the set's"):
        examples = mixed(host, twice)
    assert counts(examples) == {"a": 40, "b": 12, "more": 12}
    assert {f"more/{name}" for name, s in zip(examples.id, examples.columns["source"], strict=True) if s == "b"} == {
        name for name, s in zip(examples.id, examples.columns["source"], strict=True) if s == "more"
    }
    with pytest.warns(DataWarning, match="left out of the later ones"):
        first = mixed(host, {**twice, "c": {"use": "facts", "questions": 3}}, same_ids="first")
    assert counts(first) == {"a": 40, "b": 12, "c": 3}
    with pytest.raises(DataError, match="12 question ids occur in several sets"):
        mixed(host, twice, same_ids="error")


def test_mixes_of_mixes_and_of_other_forms(host: PluginHost, sets: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("id,question,context,answers,level\nx,Who?,Ann did.,Ann,easy\n")
    inner = {"use": "mix", "sets": sets, "most": {"a": 3}, "column": "corpus"}
    own = {"use": "table", "path": str(tmp_path / "own.csv"), "columns": ["level"]}
    examples = mixed(host, {"inner": inner, "own": own})
    assert counts(examples) == {"inner": 15, "own": 1}
    assert Counter(examples.columns["corpus"]) == {"b": 12, "a": 3, "": 1}
    assert Counter(examples.columns["level"]) == {"": 15, "easy": 1}


def test_what_is_wrong_is_said(host: PluginHost, sets: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the set 'b' has 12 questions to give, and 25 of 50 are due"):
        mixed(host, sets, questions=50, weights={"a": 1})
    with pytest.raises(UsageError, match="the set 'inner' has a column 'source' already"):
        mixed(host, {"inner": {"use": "mix", "sets": sets}})
    (tmp_path / "bare.csv").write_text("question,context\nWho?,Ann did.\n")
    with pytest.raises(DataError, match="the set 'bare' has no gold answers, and 'a' has"):
        mixed(host, {**sets, "bare": {"use": "table", "path": str(tmp_path / "bare.csv")}})
    with pytest.raises(UsageError, match="no such file"):
        mixed(host, {"gone": {"use": "squad", "path": str(tmp_path / "gone.json")}})
    with pytest.raises(UsageError, match=r"sets\.x: a dataset is chosen by a mapping with 'use'"):
        mixed(host, {"x": 3})  # type: ignore[dict-item]
    with pytest.raises(PluginError, match="was not looked up"):
        MixDataset(MixOptions.model_validate({"sets": {"a": {"use": "facts"}}})).load()


RECIPE = """\
qatk: 1
backbone: {use: tiny}
data:
  dev:
    use: mix
    sets:
      a: {use: facts, questions: 3}
      b: {use: fact}
      c: {use: squad, pth: x.json}
      d: 7
    weights: {e: 2}
    most: {a: 0}
"""


def problems(text: str, host: PluginHost, *settings: str) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text, "r.yaml", host, settings)
    return [str(problem) for problem in caught.value.problems]


def test_a_recipe_says_where_a_mistake_inside_of_a_mix_is(host: PluginHost) -> None:
    found = problems(RECIPE, host)
    assert found[:4] == [
        "r.yaml:8:16: no dataset is called 'fact' (did you mean 'facts'?)",
        "r.yaml:9:10: dataset 'squad' needs the option 'path' (path: ...)",
        "r.yaml:9:23: unknown option 'pth' (did you mean 'path'?)",
        f"r.yaml:10:10: a dataset is chosen by a mapping with 'use' ({{use: NAME, ...}}, NAME one of "
        f"{', '.join(r.name for r in host.components('dataset'))})",
    ]
    assert found[4].startswith("r.yaml:11:14: weights: should name sets (a, b, c, d), of which 'e' is none")
    assert found[5].startswith("r.yaml:12:15: most: should be 1 or more, not 0")
    assert len(found) == 6
    good = RECIPE.partition("      b:")[0]
    label = "settings='data.dev.sets.a.questions=none'"
    assert problems(good, host, "data.dev.sets.a.questions=none") == [
        f'{label}: questions: should be a whole number, not "none" (a text)'
    ]
    assert "sets: should be 1 or more of them, not {} (a mapping)" in problems(good, host, "data.dev.sets={}")[0]


def test_a_recipe_is_filled_to_the_inside_and_names_all_components(host: PluginHost) -> None:
    recipe = parse_recipe(RECIPE.partition("      b:")[0], "r.yaml", host)
    filled = recipe.filled()
    assert filled["data"]["dev"]["sets"]["a"] == {
        "use": "facts",
        **host.find("dataset", "facts").component.options.model_validate({"questions": 3}).model_dump(),
    }
    assert parse_recipe(to_yaml(filled), "r.yaml", host).digest() == recipe.digest()
    assert [choice.use for choice in recipe.all()][1:3] == ["mix", "facts"]
    schema = recipe_schema(host)
    mix = next(each for each in schema["$defs"]["dataset"]["oneOf"] if each["title"] == "dataset mix")
    assert mix["properties"]["sets"]["additionalProperties"] == {"$ref": "#/$defs/dataset"}
    assert "$defs" not in mix


def test_promises_are_kept(host: PluginHost, sets: dict[str, Any]) -> None:
    check_component("dataset", "mix", {"sets": sets, "weights": {"a": 2}}, host=host)


def test_numbers_in_proportion_add_up() -> None:
    for total in range(60):
        due = _apportioned(total, {"a": 0.5, "b": 0.3, "c": 0.2})
        assert sum(due.values()) == total
        assert all(abs(due[name] - total * share) < 1 for name, share in {"a": 0.5, "b": 0.3, "c": 0.2}.items())
