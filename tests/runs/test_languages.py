"""A run in a language: its folder, reports and comparisons name the normaliser, and do not mix two."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

import qatk
from qatk.calibration.calibrate import calibrate
from qatk.comparison.systems import read_systems
from qatk.errors import DataError, RecipeError, UsageError
from qatk.plugins.host import PluginHost
from qatk.recipes.compose import compose
from qatk.recipes.recipe import load_recipe
from qatk.results import RunResult
from small import write_recipe

HOST = PluginHost.discover(environ={})
COLUMN = ["data.dev.columns=[lang]", "metrics=[{use: squad, language_column: lang}, {use: spans}]"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data whose questions are German and English in turns, and a recipe that takes two steps."""
    folder = tmp_path_factory.mktemp("languages")
    write_recipe(folder, train=16, dev=8, max_steps=2)
    data = json.loads((folder / "dev.json").read_text())
    for i, paragraph in enumerate(data["data"][0]["paragraphs"]):
        for qa in paragraph["qas"]:
            qa["lang"] = ("de", "en")[i % 2]
    (folder / "dev.json").write_text(json.dumps(data))
    return folder


def run(folder: Path, name: str, *settings: str, console: Console | None = None) -> RunResult:
    return qatk.run(folder / "recipe.yaml", out=folder / name, settings=settings, host=HOST, console=console)


@pytest.fixture(scope="module")
def german(folder: Path) -> RunResult:
    return run(folder, "german", "metrics=[{use: squad, language: de}]")


@pytest.fixture(scope="module")
def by_column(folder: Path) -> tuple[RunResult, str]:
    console = Console(file=io.StringIO(), width=160)
    result = run(folder, "by-column", *COLUMN, console=console)
    assert isinstance(console.file, io.StringIO)
    return result, console.file.getvalue()


def test_everything_names_the_normaliser(folder: Path, german: RunResult, by_column: tuple[RunResult, str]) -> None:
    result, shown = by_column
    assert (german.normaliser, result.normaliser) == ("de", "de, en")
    for name, normaliser in (("german", "de"), ("by-column", "de, en")):
        assert json.loads((folder / name / "metrics.json").read_text())["normaliser"] == normaliser
        assert qatk.load_run(folder / name).normaliser == normaliser
        rows = json.loads((folder / name / "manifest.json").read_text())["components"]
        assert [row["name"] for row in rows if row["kind"] == "normaliser"] == normaliser.split(", ")
        for page in ("report.md", "report.html"):
            assert f"Answers are compared by the normaliser {normaliser}" in (folder / name / page).read_text()
    assert "Answers are compared by the normaliser de, en." in shown
    assert german.manifest["recipe"]["metrics"][0]["language"] == "de"
    assert "by normaliser de, en" in result._repr_html_()
    assert "span_exact" in result.metrics
    assert (
        calibrate(
            result.evaluation.examples, result.evaluation.predictions, normalisation=result.evaluation.normalisation
        ).as_dict()["normaliser"]
        == "de, en"
    )


def test_a_decoder_fits_by_the_normaliser_of_the_metrics(folder: Path) -> None:
    settings = ["metrics=[{use: squad, language: de}]", "decoder={use: several, threshold: calibrated}"]
    decoder = compose(load_recipe(folder / "recipe.yaml", settings=settings, host=HOST), HOST).decoder
    assert decoder.normalisation is not None
    assert decoder.normalisation.language == "de"


def test_two_normalisers_are_not_compared(folder: Path, german: RunResult, by_column: tuple[RunResult, str]) -> None:
    message = "the normalisers differ: german was scored by de, by-column by de, en\n  figures of different normalisers"
    with pytest.raises(UsageError, match=message):
        read_systems([folder / "german", folder / "by-column"], host=HOST)
    beside = qatk.compare(folder / "german", folder / "german" / "predictions.json", host=HOST)
    assert [system.evaluation.normaliser for system in beside.systems] == ["de", "de"]
    data = folder / "dev.json"
    files = [folder / name / "predictions.json" for name in ("german", "by-column")]
    alike = qatk.compare(*files, data=data, language_column="lang", host=HOST)
    assert alike.systems[0].evaluation.normaliser == "de, en"
    with pytest.raises(UsageError, match=r"^language= goes with data="):
        qatk.compare(folder / "german", files[1], language="de", host=HOST)


def test_speeds_are_measured_of_models_of_several_normalisers(
    folder: Path, german: RunResult, by_column: tuple[RunResult, str]
) -> None:
    models = [str(folder / name) for name in ("german", "by-column")]
    found = qatk.bench(*models, data=folder / "dev.json", batch_sizes=[8], seconds=0.1, host=HOST)
    due = [german.metrics["f1"], by_column[0].metrics["f1"]]
    assert [row.f1 for row in found] == pytest.approx(due, abs=0.1)


def test_an_older_run_is_english(folder: Path, german: RunResult) -> None:
    """Runs from before languages have neither the option nor the key."""
    old = folder / "old"
    old.mkdir()
    for file in (folder / "german").iterdir():
        if file.is_file():
            (old / file.name).write_bytes(file.read_bytes())
    manifest = json.loads((old / "manifest.json").read_text())
    manifest["recipe"]["metrics"] = [{"use": "squad"}]
    (old / "manifest.json").write_text(json.dumps(manifest))
    metrics = json.loads((old / "metrics.json").read_text())
    del metrics["normaliser"]
    (old / "metrics.json").write_text(json.dumps(metrics))
    assert qatk.load_run(old).normaliser == "en"
    with pytest.raises(UsageError, match="german was scored by de, old by en"):
        read_systems([folder / "german", old], host=HOST)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("metrics=[{use: squad, language: dee}]", "no normaliser is called 'dee'"),
        ("metrics=[{use: squad, language: dee}]", "did you mean 'de'"),
        ("metrics=[{use: squad, language: de, language_column: lang}]", "are both given; name one"),
        (
            "metrics=[{use: squad, language: de}, {use: spans, language: fr}]",
            "the metrics have two languages: language 'de' and language 'fr'",
        ),
    ],
)
def test_a_wrong_language_is_found_in_the_recipe(folder: Path, setting: str, message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe(folder / "recipe.yaml", HOST, [setting])
    assert message in str(caught.value)


def test_questions_without_a_language_stop_a_run_before_it_trains(folder: Path) -> None:
    with pytest.raises(DataError, match=r"^data\.dev: there is no column 'lang' that names languages"):
        run(folder, "absent", COLUMN[1])
    data = json.loads((folder / "dev.json").read_text())
    last = data["data"][0]["paragraphs"][-1]["qas"][0]
    last["lang"] = "xx"
    (folder / "odd.json").write_text(json.dumps(data))
    with pytest.raises(DataError, match=f"question '{last['id']}' has language 'xx'"):
        run(folder, "odd", *COLUMN, f"data.dev.path={folder / 'odd.json'}")
    assert not (folder / "odd" / "model").exists()
    other = f"data.manuals={{use: squad, path: {folder / 'odd.json'}, columns: [lang]}}"
    with pytest.raises(DataError, match=f"^data.manuals: column lang: question '{last['id']}' has language 'xx'"):
        run(folder, "other", *COLUMN, other)
