"""Recipes: every mistake at once, each at its place; fill and digest."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from qatk.arguments import settings_of
from qatk.errors import RecipeError, UsageError
from qatk.plugins.host import PluginHost
from qatk.recipes.recipe import load_recipe, parse_recipe, to_yaml
from qatk.recipes.schema import recipe_schema
from qatk.recipes.sections import SECTIONS
from repository import ROOT

GOOD = """\
qatk: 1
backbone: {use: tiny}
data: {dev: {use: squad, path: dev.json}}
"""


def problems(text: str, host: PluginHost, *settings: str) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text, "r.yaml", host, settings)
    return [str(problem) for problem in caught.value.problems]


def test_defaults_are_filled_and_read_back(host: PluginHost) -> None:
    recipe = parse_recipe(GOOD, "r.yaml", host)
    filled = recipe.filled()
    decoder = {
        "n_best_size": 20,
        "max_answer_length": 30,
        "null_threshold": 0.0,
        "overlapping": True,
        "temperature": None,
    }
    assert filled["decoder"] == {"use": "min-null", **decoder}
    assert filled["seed"] == 13
    again = parse_recipe(to_yaml(filled), "r.yaml", host)
    assert again.filled() == filled
    assert again.digest() == recipe.digest()


def test_the_digest_ignores_what_only_reports_and_sees_what_computes(host: PluginHost) -> None:
    digest = parse_recipe(GOOD, "r", host).digest()
    assert parse_recipe(GOOD + "reporters: []\ntrackers: []\n", "other", host).digest() == digest
    assert parse_recipe(GOOD, "r", host, ["seed=14"]).digest() != digest
    assert parse_recipe(GOOD, "r", host, ["decoder.n_best_size=5"]).digest() != digest


def test_settings_of_a_program_are_those_of_the_command() -> None:
    given = {
        "trainer": {"epochs": 1, "layer_decay": np.float64(0.5)},
        "data.dev": {"columns": {"id": "key"}},
        "passages": {},
    }
    texts = ["trainer.epochs=1", "trainer.layer_decay=0.5", 'data.dev.columns.id="key"', "passages={}"]
    assert settings_of(given) == settings_of(texts) == texts
    with pytest.raises(UsageError, match=r"settings\['trainer.epochs'\] is \{1\}, which no recipe can hold"):
        settings_of({"trainer": {"epochs": {1}}})


def test_every_mistake_comes_at_once_with_its_place(host: PluginHost) -> None:
    text = """\
qatk: 1
backbon: {use: tiny}
seed: true
data: {dev: {use: squad, pth: a.json}, tset: 3}
trainer: {use: torch, learning_rate: 012, batch_size: 1.5}
decoder: {use: min-nul}
head: linear
metrics: {use: squad}
seed: 3
"""
    assert problems(text, host, "trainer.warmup=2") == [
        "settings='trainer.warmup=2': warmup: should be 1 or less, not 2 (a whole number)",
        "r.yaml:1:1: the key 'backbone' is missing (backbone: {use: NAME, ...})",
        "r.yaml:2:1: unknown key 'backbon' (did you mean 'backbone'?)",
        "r.yaml:3:7: seed: should be a whole number, not true (true or false)",
        "r.yaml:4:13: dataset 'squad' needs the option 'path' (path: ...)",
        "r.yaml:4:26: unknown option 'pth' (did you mean 'path'?)",
        "r.yaml:4:46: a dataset is chosen by a mapping with 'use' ({use: NAME, ...}, NAME one of "
        f"{', '.join(r.name for r in host.components('dataset'))})",
        'r.yaml:5:38: learning_rate: should be a number, not "012" (a text)',
        "r.yaml:5:55: batch_size: should be a whole number, not 1.5 (a number)",
        "r.yaml:6:16: no decoder is called 'min-nul' (did you mean 'min-null'?)",
        "r.yaml:7:7: a head is chosen by a mapping with 'use' ({use: NAME, ...}, NAME one of "
        "linear, conditional, biaffine, answerability, tagger, span-set)",
        "r.yaml:8:10: metrics should be a list ([{use: NAME, ...}])",
        "r.yaml:9:1: 'seed' is given twice, first in line 3",
    ]


def test_an_option_of_several_types_gives_one_problem(host: PluginHost) -> None:
    found = problems(GOOD + "featurizer: {use: stride, impossible_windows: maybe}\n", host)
    assert len(found) == 1
    assert found[0].startswith("r.yaml:4:47: impossible_windows: should be 'keep' or 'drop', or: ")


def test_true_is_not_one(host: PluginHost) -> None:
    assert (
        "batch_size: should be a whole number, not true"
        in problems(GOOD + "trainer: {use: torch, batch_size: true}", host)[0]
    )


@pytest.mark.parametrize("text", ["", "just text", "- a\n- b\n"])
def test_something_that_is_no_recipe(text: str, host: PluginHost) -> None:
    assert problems(text, host) == ["r.yaml:1:1: a recipe is a mapping of keys (start with qatk: 1)"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("qatk=2", "qatk: should be 1, not 2"),
        ("seed=-1", "seed: should be 0 or more, not -1"),
        ("data={}", "data is empty"),
        ("data=3", "data should have train or dev"),
        ("data.trian={use: facts}", "unknown key 'trian' (did you mean 'train'?)"),
        ("data={use: facts}", "'use' cannot name an evaluation set"),
        ("data.out_of_reach={use: facts}", "'out_of_reach' cannot name an evaluation set (letters, digits"),
        ("data.-test={use: facts}", "'-test' cannot name an evaluation set"),
        ("data.3 4={use: facts}", "'3 4' cannot name an evaluation set"),
        ("data.test={use: fact}", "no dataset is called 'fact' (did you mean 'facts'?)"),
        ("data.dev=null", "the key 'data.dev' is missing"),
        ("keep_best=3", "keep_best: should be a text"),
        ("score_epochs=false", "epochs that are not scored cannot be compared (add keep_best: null)"),
        ("metrics=[]", "metrics is empty"),
        ("reporters.0=5", "a reporter is chosen by a mapping with"),
        ("trainer.learning_rate=.nan", "learning_rate: should be a finite number"),
        ("trainer.learning_rate=.inf", "learning_rate: should be a finite number"),
        ("decoder.null_threshold=.inf", "null_threshold: should be a finite number"),
        ("backbone=3", "a backbone is chosen by a mapping with 'use'"),
    ],
)
def test_single_mistakes(change: str, message: str, host: PluginHost) -> None:
    assert message in problems(GOOD, host, change)[0]


def test_a_setting_is_checked_as_the_file_is(host: PluginHost) -> None:
    recipe = parse_recipe(GOOD, "r", host, ["decoder.n_best_size=5", "trainer.learning_rate=3e-5"])
    assert recipe.filled()["decoder"]["n_best_size"] == 5
    assert recipe.filled()["trainer"]["learning_rate"] == 3e-5


def test_a_missing_file_suggests_its_neighbour(tmp_path: Path, host: PluginHost) -> None:
    (tmp_path / "quickstart.yaml").write_text(GOOD)
    with pytest.raises(UsageError, match=r"there is no recipe .*\n  did you mean .*quickstart.yaml\?"):
        load_recipe(tmp_path / "quikstart.yaml", host)


def test_a_file_that_is_no_text(tmp_path: Path, host: PluginHost) -> None:
    (tmp_path / "r.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="cannot be read"):
        load_recipe(tmp_path / "r.yaml", host)


def test_data_takes_further_sets_of_any_name(host: PluginHost) -> None:
    text = GOOD.replace("dev: {", "xquad-de: {use: facts, questions: 9}, test: {use: facts}, dev: {")
    recipe = parse_recipe(text, "r.yaml", host)
    assert recipe.sets == ["xquad-de", "test"]
    assert list(recipe.filled()["data"]) == ["dev", "xquad-de", "test"]
    assert recipe.filled()["data"]["xquad-de"]["questions"] == 9
    assert parse_recipe(to_yaml(recipe.filled()), "r.yaml", host).digest() == recipe.digest()
    assert parse_recipe(GOOD, "r.yaml", host).digest() != recipe.digest()
    assert parse_recipe(text, "r.yaml", host, ["data.train={use: facts}"]).sets == recipe.sets
    data = recipe_schema(host)["properties"]["data"]
    assert data["additionalProperties"] == {"$ref": "#/$defs/dataset"}
    assert re.match(data["propertyNames"]["pattern"], "xquad-de")
    assert not re.match(data["propertyNames"]["pattern"], "../x")


def test_the_schema_knows_every_section_component_and_option(host: PluginHost) -> None:
    schema = recipe_schema(host)
    for path, section in SECTIONS.items():
        entry = schema["properties"][path[0]]
        assert path[-1] in entry.get("properties", {path[-1]: None})
        offered = {c["properties"]["use"]["enum"][0]: c for c in schema["$defs"][section.kind]["oneOf"]}
        for registered in host.components(section.kind):
            options = set(registered.component.options.model_fields)
            assert set(offered[registered.name]["properties"]) == {"use"} | options
            assert not offered[registered.name]["additionalProperties"]


def test_every_option_has_a_help_text(host: PluginHost) -> None:
    checked = 0
    for registered in host.components():
        for name, field in registered.component.options.model_json_schema().get("properties", {}).items():
            assert field["description"], f"{registered}: {name}"
            checked += 1
    assert checked > 30


EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_are_in_order(path: Path, host: PluginHost) -> None:
    assert load_recipe(path, host).one("data", "dev") is not None


def test_there_are_examples() -> None:
    whole = {f"squad_v2_{name}" for name in ("bert", "deberta", "modernbert")}
    tenth = {f"squad2_{name}{stage}" for name in ("minilm", "mpnet") for stage in ("", "_both")}
    assert {"quickstart", *whole, *tenth} <= {path.stem for path in EXAMPLES}


TAGS = "the decoder 'min-null' cannot read the scores of tokens that the head 'tagger' gives (use one of {})"


def test_a_decoder_that_cannot_read_the_scores_is_refused_before_training(host: PluginHost) -> None:
    readers = ", ".join(r.name for r in host.components("decoder") if "tokens" in r.component.scores)
    assert readers == "several, sentences"
    said = TAGS.format(readers)
    assert problems(GOOD + "head: {use: tagger}\n", host) == [f"r.yaml:4:7: {said}"]
    assert problems(GOOD + "decoder: {use: min-null}\nhead: {use: tagger}\n", host) == [f"r.yaml:4:10: {said}"]
    assert problems(GOOD, host, "head.use=tagger") == [f"settings='head.use=tagger': {said}"]
    for decoder in readers.split(", "):
        for head in ("tagger", "linear", "span-set"):
            parse_recipe(GOOD, "r.yaml", host, [f"head.use={head}", f"decoder.use={decoder}"])


@pytest.mark.parametrize(
    ("given", "filled"),
    [
        ("", ["jsonl"]),
        ("trackers: []\n", []),
        ("trackers: [{use: tensorboard}]\n", ["tensorboard", "jsonl"]),
        ("trackers: [{use: jsonl}, {use: tensorboard}]\n", ["jsonl", "tensorboard"]),
        ("trackers: [{use: reports/jsonl}]\n", ["reports/jsonl"]),
    ],
)
def test_the_log_is_kept_beside_other_trackers(given: str, filled: list[str], host: PluginHost) -> None:
    recipe = parse_recipe(GOOD + given, "r", host)
    assert [tracker["use"] for tracker in recipe.filled()["trackers"]] == filled
