"""Thresholds that never saw what they are scored on."""

from __future__ import annotations

import json
import os
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize
from typer.testing import CliRunner

import qatk
from compare_tools import answer, articles, evaluation, squad_of, write_run
from qatk.calibration import calibrate as module
from qatk.calibration import transfer
from qatk.calibration.calibrate import Calibration, HeldOut, answers_of, apply_threshold, distinct_halves, halves
from qatk.calibration.fitting import Questions, fit
from qatk.calibration.transfer import misleading
from qatk.cli import app
from qatk.errors import DataError, QatkError, QatkWarning, UsageError
from qatk.evaluation.squad import exact_and_f1
from qatk.evaluation.thresholds import threshold_sweep
from qatk.plugins.host import PluginHost
from qatk.results.evaluation import Evaluation
from qatk.run_folder.load import load_run
from qatk.statistics.intervals import mean_interval
from qatk.types import Examples, Predictions, clusters_of
from repository import ROOT, SHARED, needs_shared_data
from small import write_recipe

DATA = articles(240, 8)
PAGE = (ROOT / "docs" / "how-to" / "calibrate.md").read_text("utf-8")


@pytest.fixture(scope="module")
def shifted(host: PluginHost) -> Evaluation:
    """A system whose null odds are right, but for 3 too high: at threshold 0 it hardly answers."""
    told = answer(DATA, 0.9, 1)
    null = (told.null_score + 3).astype(np.float32)
    return evaluation(host, DATA, apply_threshold(DATA, replace(told, null_score=null), 0.0))


def calibrate(of: Evaluation, **how: int) -> Calibration:
    return module.calibrate(of.examples, of.predictions, **how)


def cross_fit(examples: Examples, predictions: Predictions) -> tuple[Predictions, HeldOut]:
    found = module.calibrate(examples, predictions, splits=1)
    return answers_of(found, examples, predictions), found.splits[0]


def test_intervals_are_by_article_of_what_was_held_out(shifted: Evaluation) -> None:
    found, index = calibrate(shifted, splits=3), clusters_of(DATA).index
    assert found.intervals["at_zero"]["f1"] == mean_interval(shifted.per_question["f1"], index)
    exact = np.zeros(len(DATA))
    for seed in range(3):
        alone = calibrate(shifted, splits=1, seed=found.seed + seed)
        exact += exact_and_f1(DATA, answers_of(alone, DATA, shifted.predictions).text)[0]
    low, high = found.intervals["held_out"]["exact"]
    assert (low, high) == pytest.approx(mean_interval(exact / 3, index))
    assert low < found.as_dict()["held_out"]["exact"]["mean"] < high


def test_halves_keep_articles_whole_and_are_about_equal() -> None:
    clusters = clusters_of(DATA).index
    assert clusters_of(DATA).kind == "article"
    for seed in range(10):
        half = halves(clusters, seed)
        assert all(len(set(half[clusters == c])) == 1 for c in set(clusters.tolist()))
        assert abs(half.sum() - (~half).sum()) <= 30
    assert (halves(clusters, 3) == halves(clusters, 3)).all()
    assert clusters_of(replace(DATA, title=[""] * len(DATA))).kind == "context"


def test_an_untitled_question_leaves_the_articles_whole(shifted: Evaluation) -> None:
    untitled = replace(DATA, title=["", *DATA.title[1:]])
    clusters = clusters_of(untitled)
    assert (clusters.kind, clusters.unnamed, clusters.count) == ("article", 1, clusters_of(DATA).count + 1)
    found = module.calibrate(untitled, shifted.predictions, splits=2)
    assert found.clusters.note.startswith("1 question has no title")
    half = halves(found.clusters.index, 13)
    rest = np.array(untitled.title) != ""
    assert all(len(set(half[rest & (np.array(untitled.title) == title)])) == 1 for title in set(untitled.title[1:]))
    by_context = module.calibrate(untitled, shifted.predictions, splits=2, cluster="context")
    assert (by_context.clusters.kind, by_context.clusters.count) == ("context", len(DATA.context))


def test_no_two_ways_to_halve_are_alike() -> None:
    few = distinct_halves(np.array([0, 0, 1, 1, 2, 2, 3, 3]), 20, 13)
    assert len(few) == 3
    two = np.array([0, 0, 1, 1])
    assert [set(half.tolist()) for half in distinct_halves(two, 20, 13)] == [{True, False}]
    clusters = clusters_of(DATA).index
    many = distinct_halves(clusters, 20, 13)
    assert len({tuple((half ^ half[0]).tolist()) for half in many}) == len(many) == 20
    assert (many[0] == halves(clusters, 13)).all()


def test_the_two_halves_together_are_what_is_held_out(shifted: Evaluation) -> None:
    found = calibrate(shifted, splits=3, seed=5)
    assert (len(found.splits), found.as_dict()["splits"], found.as_dict()["seed"]) == (3, 3, 5)
    for split in found.splits:
        sizes = [fold.questions for fold in split.folds]
        assert sum(sizes) == len(DATA)
        for name in ("exact", "f1"):
            mean = np.average([getattr(fold, name) for fold in split.folds], weights=sizes)
            assert getattr(split, name) == pytest.approx(mean)


RNG = np.random.default_rng(0)
NOTHING = RNG.random(1000) < 0.33
ODDS = {
    "centred": RNG.normal(0, 2, 1000) + 3 * NOTHING,
    "far from 0 and narrow": 50 + 0.01 * RNG.normal(size=1000) + 0.005 * NOTHING,
    "far from 0 and wide": 1e4 + 1e3 * RNG.normal(size=1000) + 800 * NOTHING,
    "heavy tails": RNG.standard_cauchy(1000) + 2 * NOTHING,
    "apart": np.where(NOTHING, 1.0, -1.0) * (1 + RNG.random(1000)),
    "constant": np.full(1000, 3.0),
    "the wrong way": RNG.normal(size=1000) - NOTHING,
}


@pytest.mark.parametrize("name", ODDS)
def test_the_curve_is_the_best_that_rises(name: str) -> None:
    odds, right, wrong = ODDS[name], int(NOTHING.sum()), int((~NOTHING).sum())
    target = np.where(NOTHING, (right + 1) / (right + 2), 1 / (wrong + 2))
    x = (odds - odds.mean()) / (odds.std() or 1)

    def loss(z: np.ndarray) -> float:
        return float(np.mean(np.logaddexp(0, z) - target * z))

    found = fit(Questions(odds, ~NOTHING, NOTHING, odds * 0, odds * 0))
    best = minimize(lambda w: loss(w[0] * x + w[1]), [0.1, 0.0], bounds=[(0, None), (None, None)])
    assert found.temperature > 0
    assert loss((odds - found.offset) / found.temperature) <= best.fun + 1e-5


def test_a_shift_of_the_odds_is_found_and_held_out(shifted: Evaluation) -> None:
    found = calibrate(shifted)
    assert 2 < found.fitted.threshold < 5
    assert found.full
    first = found.splits[0]
    assert first.f1 > found.at_zero["f1"] + 20
    assert all(split.f1 <= found.oracle["f1"] + 1e-9 for split in found.splits)
    assert first.calibration_error < found.calibration_error


def test_the_oracle_is_the_best_of_all_thresholds(shifted: Evaluation) -> None:
    found = calibrate(shifted)
    edges = np.unique(shifted.predictions.null_odds)
    tried = [calibrated_f1(shifted, t) for t in [edges[0] - 1, *((edges[1:] + edges[:-1]) / 2), edges[-1] + 1]]
    assert found.oracle["f1"] == pytest.approx(max(tried))
    assert calibrated_f1(shifted, found.fitted.threshold) == pytest.approx(max(tried))


def calibrated_f1(of: Evaluation, threshold: float) -> float:
    from qatk.evaluation.squad import exact_and_f1

    return 100 * float(exact_and_f1(DATA, apply_threshold(DATA, of.predictions, threshold).text)[1].mean())


def test_each_half_is_answered_by_the_threshold_of_the_other(shifted: Evaluation) -> None:
    predictions, found = cross_fit(DATA, shifted.predictions)
    half = halves(clusters_of(DATA).index, 13)
    expected = np.where(half, *found.thresholds)
    answered = np.array([text != "" for text in predictions.text])
    assert (answered <= (predictions.null_odds <= expected)).all()
    assert 100 * np.mean([*_scores(predictions)]) == pytest.approx(found.f1)
    # what the questions of a half are answered does not depend on their own gold
    changed = replace(
        DATA, answer_text=["guild" if half[row] else t for row, t in _rows()], answer_start=DATA.answer_start
    )
    again = cross_fit(changed, shifted.predictions)[1]
    assert again.thresholds[0] == found.thresholds[0]


def _rows() -> list[tuple[int, str]]:
    counts = np.diff(DATA.answer_offsets) if DATA.answer_offsets is not None else []
    return list(zip(np.repeat(np.arange(len(DATA)), counts).tolist(), DATA.answer_text, strict=True))


def _scores(predictions: Predictions) -> np.ndarray:
    from qatk.evaluation.squad import exact_and_f1

    return exact_and_f1(DATA, predictions.text)[1]


def test_a_threshold_gives_slices_of_the_context_and_takes_answers_away(shifted: Evaluation) -> None:
    numbers = []
    for threshold in (-99.0, 0.0, 2.0, 99.0):
        found = apply_threshold(DATA, shifted.predictions, threshold)
        for row, (text, a, b) in enumerate(zip(found.text, found.char_start, found.char_end, strict=True)):
            assert text == (DATA.context_of(row)[a:b] if a >= 0 else "")
        numbers.append(sum(map(bool, found.text)))
    assert numbers == sorted(numbers)
    assert numbers[0] == 0


def test_an_answer_that_is_not_the_first_of_its_list_stays_whatever_the_threshold(shifted: Evaluation) -> None:
    """As in the sweep of the report, with which the oracle agrees."""
    given = answer(DATA, 0.9, 1)
    odds = {"score": shifted.predictions.score, "null_score": shifted.predictions.null_score}
    other = replace(given, nbest=answer(DATA, 0.2, 5).nbest, **odds)
    loose = apply_threshold(DATA, other, 99.0)
    kept = [text for text, said in zip(loose.text, given.text, strict=True) if said]
    assert kept == list(filter(None, given.text))
    exact, f1 = exact_and_f1(DATA, given.text)
    sweep = threshold_sweep(replace(shifted, predictions=other, per_question={"exact": exact, "f1": f1}))
    assert module.calibrate(DATA, other, splits=1).oracle["f1"] == pytest.approx(sweep.f1[sweep.best_f1])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda d: d.take(np.flatnonzero(~d.has_answer)), "no question has"),
        (lambda d: d.take(np.flatnonzero(d.has_answer)), "every question has"),
        (lambda d: d.take(range(4)), "none can be held out"),
    ],
)
def test_what_cannot_be_calibrated_is_told(spoil, message: str, host: PluginHost) -> None:  # type: ignore[no-untyped-def]
    examples = spoil(DATA)
    with pytest.raises(DataError, match=message):
        calibrate(evaluation(host, examples, answer(examples, 0.5, 1)))


def call(*arguments: object) -> str:
    done = CliRunner(env={"COLUMNS": "100"}).invoke(app, ["calibrate", *map(str, arguments)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0
    return done.stdout


def test_the_command_writes_into_the_run(shifted: Evaluation, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", shifted)
    shown = call(run)
    assert "oracle" in shown
    assert "held out" in shown
    assert f"to use the threshold: qatk predict {run} DATA --null-threshold calibrated" in shown
    written = json.loads((run / "calibration.json").read_text())
    assert written == json.loads(call(run, "--json"))
    assert written["clusters"]["count"] == 8
    (run / "calibration.json").unlink()
    call(run, "--no-write")
    assert not (run / "calibration.json").exists()


def test_python_calibrates_what_the_command_does(shifted: Evaluation, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", shifted)
    due = json.loads(call(run, "--no-write", "--json"))
    for source in (run, str(run), load_run(run)):
        assert json.loads(json.dumps(qatk.calibrate(source).as_dict())) == due
    assert not (run / "calibration.json").exists()
    told = qatk.calibrate(shifted, splits=3, seed=5)
    assert (len(told.splits), told.seed, told.on) == (3, 5, "data")
    assert told.fitted == qatk.calibrate(run, write=True).fitted
    assert json.loads((run / "calibration.json").read_text()) == due
    predictions = shifted.predictions
    said, odds = (dict(zip(DATA.id, each, strict=True)) for each in (predictions.text, predictions.null_odds.tolist()))
    found = qatk.calibrate(said, data=DATA, null_odds=odds)
    assert not found.full
    assert qatk.calibrate(predictions, data=DATA).fitted == found.fitted
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"source": said}, "calibrated with the data that they answer\n  add data= and null_odds="),
        ({"source": said, "data": DATA}, "data= needs the null odds of the predictions\n  add null_odds="),
        ({"source": said, "data": DATA, "null_odds": odds, "on": "test"}, "on= is only for runs"),
        ({"source": run, "null_odds": odds}, "null_odds= is only for predictions files"),
        ({"source": run, "language": "de"}, "language= is only for predictions files"),
        ({"source": shifted, "write": True}, "only a run has a folder to write into\n  leave write out"),
        ({"source": run, "confidence": 0.9}, "confidence= and wrong= are about a promise\n  add at_most="),
        ({"source": run, "splits": 0}, "splits is 0"),
        ({"source": run, "on": "test"}, "no evaluation set 'test'"),
    ]
    for given, message in wrong:
        with pytest.raises(UsageError, match=message):
            qatk.calibrate(**given)


def rows_of(predictions: Predictions) -> str:
    columns = zip(DATA.id, predictions.text, predictions.null_odds.tolist(), strict=True)
    rows = [{"id": name, "prediction": text, "null_odds": odds} for name, text, odds in columns]
    return "\n".join(map(json.dumps, rows))


def test_prediction_files_can_be_calibrated(shifted: Evaluation, tmp_path: Path) -> None:
    (tmp_path / "data.json").write_text(json.dumps(squad_of(DATA)))
    for name, values in (("said", shifted.predictions.text), ("odds", shifted.predictions.null_odds.tolist())):
        (tmp_path / f"{name}.json").write_text(json.dumps(dict(zip(DATA.id, values, strict=True))))
    shown = call(tmp_path / "said.json", "--data", tmp_path / "data.json", "--null-odds", tmp_path / "odds.json")
    assert "a threshold can only remove answers" in shown
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.json", "odds.json", "said.json"]
    qatk.data.save(DATA, tmp_path / "data.jsonl")
    answered = [tmp_path / "said.json", "--null-odds", tmp_path / "odds.json", "--json", "--data"]
    by_file = {name: json.loads(call(*answered, tmp_path / name)) for name in ("data.json", "data.jsonl")}
    assert [of.pop("on") for of in by_file.values()] == ["data.json", "data.jsonl"]
    assert by_file["data.json"] == by_file["data.jsonl"]
    (tmp_path / "said.jsonl").write_text(rows_of(shifted.predictions))
    of_rows = json.loads(call(tmp_path / "said.jsonl", "--data", tmp_path / "data.jsonl", "--json"))
    assert of_rows == {**by_file["data.jsonl"], "on": "data.jsonl"}
    (tmp_path / "named.jsonl").write_text((tmp_path / "data.jsonl").read_text().replace('"answers"', '"reply"'))
    named = json.loads(call(*answered, tmp_path / "named.jsonl", "--set", "roles.answers=reply"))
    assert {**named, "on": "data.jsonl"} == of_rows
    with pytest.raises(DataError, match="a second JSON value"):
        call(*answered, tmp_path / "data.jsonl", "--use", "squad")


def test_probabilities_are_not_taken_for_odds_in_silence(shifted: Evaluation, tmp_path: Path) -> None:
    (tmp_path / "data.json").write_text(json.dumps(squad_of(DATA)))
    (tmp_path / "said.json").write_text(json.dumps(dict(zip(DATA.id, shifted.predictions.text, strict=True))))
    odds = shifted.predictions.null_odds.astype(np.float64)
    sure = np.where(np.arange(len(odds)) % 2, 0.0, 1.0)
    for values, warned in ((odds, False), (1 / (1 + np.exp(-odds)), True), (sure, False)):
        (tmp_path / "odds.json").write_text(json.dumps(dict(zip(DATA.id, values.tolist(), strict=True))))
        said, data, file = (str(tmp_path / f"{name}.json") for name in ("said", "data", "odds"))
        done = CliRunner().invoke(app, ["calibrate", said, "--data", data, "--null-odds", file, "--json"])
        assert ("look like probabilities" in done.stderr) == warned
        assert json.loads(done.stdout)["clusters"]["count"] == 8


def test_mistakes_are_one_message(shifted: Evaluation, host: PluginHost, tmp_path: Path) -> None:
    bare = write_run(tmp_path / "bare", evaluation(host, DATA, answer(DATA, 0.5, 1, odds=False)))
    write_run(tmp_path / "told", shifted)
    begun = write_run(tmp_path / "begun", shifted, stages=["predict"])
    file = tmp_path / "said.json"
    file.write_text("{}")
    (rows := tmp_path / "said.jsonl").write_text('{"id": "q0", "prediction": ""}')
    for arguments, message in (
        ([bare], "no null odds"),
        ([begun], "unfinished"),
        ([tmp_path / "nowhere"], "nowhere"),
        ([file], "is a file"),
        ([file, "--data", file], "needs the null odds"),
        ([rows, "--data", file], "needs the null odds"),
        ([begun.parent / "told", "--cluster", "genre"], "the data has no such column"),
        ([bare, "--null-odds", file], "a run has its own"),
        ([bare, "--set", "a=1"], "--set is only for predictions files: a run has its own"),
    ):
        with pytest.raises(QatkError, match=message):
            call(*arguments)


def test_a_run_is_scored_by_thresholds_of_other_contexts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qatk.runs.run.misleading", lambda *_: "they mislead")
    recipe = write_recipe(tmp_path, train=64, dev=24, max_steps=4)
    setting = ["decoder.null_threshold=calibrated"]
    with pytest.warns(QatkWarning, match="they mislead; the oracle of `qatk calibrate` ranks"):
        result = qatk.run(recipe, out=tmp_path / "run", settings=setting)
    written = json.loads((tmp_path / "run" / "calibration.json").read_text())
    assert written["clusters"]["kind"] == "context"
    assert result.metrics["f1"] == pytest.approx(written["held_out"]["f1"]["first"])
    assert result.manifest["calibration"]["thresholds"] == written["thresholds"][0]
    assert written == json.loads(json.dumps(calibrate(load_run(tmp_path / "run").evaluation).as_dict()))
    plain = qatk.run(recipe, out=tmp_path / "plain")
    np.testing.assert_array_equal(plain.evaluation.predictions.null_odds, result.evaluation.predictions.null_odds)


def test_thresholds_that_mislead_are_told_with_the_reason(
    host: PluginHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    even = articles(240, 4)
    uneven = even.take(np.flatnonzero(np.where(clusters_of(even).index < 2, even.has_answer, ~even.has_answer)))
    for examples, gain, told in ((uneven, -2.5, True), (uneven, -1.9, False), (even, -2.5, False)):
        found = module.calibrate(examples, answer(examples, 0.9, 1))
        said = misleading(replace(found, at_zero={"f1": found.held_out["f1"]["mean"] - gain}), examples)
        assert (said is not None) == told, said
        if said is not None:
            assert said.startswith("thresholds that were fitted on other articles change F1 by -2.5 against threshold")
            masks = distinct_halves(clusters_of(uneven).index, 20, found.seed)
            shares = [[(~uneven.has_answer[part]).mean() for part in (half, ~half)] for half in masks]
            apart = 100 * np.abs(np.diff(shares)).mean()
            assert f" differ by {apart:.0f} points in the share of questions without an answer" in said
    monkeypatch.setattr(transfer, "LOST", -100)
    run = write_run(tmp_path / "run", evaluation(host, uneven, answer(uneven, 0.9, 1)))
    assert "in the share of questions" in CliRunner().invoke(app, ["calibrate", str(run), "--no-write"]).stdout


def test_a_run_that_cannot_be_calibrated_stops_before_training(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, train=16, dev=2, max_steps=1)
    data = json.loads((tmp_path / "dev.json").read_text())
    data["data"][0]["paragraphs"] = data["data"][0]["paragraphs"][:1]
    (tmp_path / "dev.json").write_text(json.dumps(data))
    with pytest.raises(DataError, match="no question has an answer"):
        qatk.run(recipe, out=tmp_path / "run", settings=["decoder.null_threshold=calibrated"])
    assert not (tmp_path / "run" / "model").exists()


def commands() -> list[list[str]]:
    blocks = re.findall(r"^```shell\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return [shlex.split(line) for block in blocks for line in block.splitlines()]


def test_the_commands_of_the_page_run(shifted: Evaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "runs").mkdir()
    write_run(tmp_path / "runs" / "quickstart", shifted)
    (tmp_path / "dev.json").write_text(json.dumps(squad_of(DATA)))
    for name, values in (("predictions", shifted.predictions.text), ("null_odds", shifted.predictions.null_odds)):
        (tmp_path / f"{name}.json").write_text(json.dumps(dict(zip(DATA.id, np.asarray(values).tolist(), strict=True))))
    (tmp_path / "answers.jsonl").write_text(rows_of(shifted.predictions))
    monkeypatch.chdir(tmp_path)
    ran = [words for words in commands() if not any("$QATK_SHARED" in word for word in words)]
    assert len(ran) == 3
    for words in ran:
        assert words[:2] == ["qatk", "calibrate"]
        assert "held out" in call(*words[2:])


@needs_shared_data
def test_the_example_of_the_page_is_what_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QATK_SHARED", str(SHARED))
    (words,) = [words for words in commands() if any("$QATK_SHARED" in word for word in words)]
    found = json.loads(call(*map(os.path.expandvars, words[2:]), "--json"))
    said = " ".join(PAGE.split())
    zero, oracle, held, folds = (found[name] for name in ("at_zero", "oracle", "held_out", "folds"))
    total = sum(fold["questions"] for fold in folds)
    assert total == 2092
    exact, f1, held_exact, held_f1 = (
        f"{low:.1f} to {high:.1f}"
        for name in ("at_zero", "held_out")
        for low, high in (found[name]["intervals"][metric] for metric in ("exact", "f1"))
    )
    for cells in (
        f"| 0 | {zero['exact']:.2f} | {exact} | {zero['f1']:.2f} | {f1} | | {found['calibration_error']:.3f} "
        f"| {found['brier']:.3f} | {found['log_loss']:.3f} |",
        f"| held out | {held['exact']['mean']:.2f} | {held_exact} | {held['f1']['mean']:.2f} | {held_f1} "
        f"| {held['f1']['least']:.2f} to "
        f"{held['f1']['most']:.2f} | {held['calibration_error']['mean']:.3f} "
        f"| {held['brier']['mean']:.3f} | {held['log_loss']['mean']:.3f} |",
        f"| oracle (fitted on all) | {oracle['exact']:.2f} | | {oracle['f1']:.2f} |",
        f"means of {found['splits']}, not 20",
        f"gives {held['exact']['first']:.2f} EM and {held['f1']['first']:.2f} F1",
    ):
        assert cells in said
    assert held["f1"]["first"] == held["f1"]["most"]
