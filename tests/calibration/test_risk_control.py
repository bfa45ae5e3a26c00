"""A threshold that promises an error rate: what it is, whether it holds, and when it is refused."""

from __future__ import annotations

import json
import math
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import beta, t
from typer.testing import CliRunner

from compare_tools import answer, articles, evaluation, write_run
from qatk.calibration.calibrate import calibrate
from qatk.calibration.fitting import Questions
from qatk.calibration.risk_control import Ask, KeptPromise, Promise, control_risk
from qatk.cli import app
from qatk.errors import DataError, UsageError
from qatk.plugins.host import PluginHost
from qatk.results.evaluation import Evaluation
from qatk.types import Bool, Clusters, Float64, Int64
from repository import ROOT

ARTICLES = 20


def draw(
    seed: int, *, questions: int = 2000, articles: int = ARTICLES, effect: float = 0.5
) -> tuple[Questions, Clusters]:
    """Answers that are wrong the more often the higher their odds are, in articles that differ."""
    generator = np.random.default_rng(seed)
    article = np.sort(generator.integers(0, articles, questions))
    odds = generator.normal(size=questions)
    wrong = generator.random(questions) < _chance(odds, generator.normal(0, effect, articles)[article])
    return asked(odds, wrong), clusters(article)


def _chance(odds: Float64, effect: Float64) -> Float64:
    chance: Float64 = 1 / (1 + np.exp(-(-2.0 + 1.5 * odds + effect)))
    return chance


def asked(odds: Float64, wrong: Bool, answered: Bool | None = None) -> Questions:
    there = np.ones(len(odds), np.bool_)
    return Questions(odds, there, there if answered is None else answered, 1.0 - wrong, 1.0 - wrong)


def clusters(index: Int64) -> Clusters:
    return Clusters(index, "article", int(index.max()) + 1)


def test_the_promise_holds_on_other_articles() -> None:
    """By simulation: broken in at most one of ten draws; ``benchmarks/risk_control.py`` draws a thousand."""
    generator = np.random.default_rng(1)
    odds = generator.normal(size=400_000)
    chance = _chance(odds, generator.normal(0, 0.5, len(odds)))
    made, broken, answered, draws = 0, 0, [], 100
    for seed in range(draws):
        try:
            promise = control_risk(*draw(seed), Ask(0.05))
        except DataError:
            continue
        made += 1
        broken += chance[odds <= promise.threshold].mean() > 0.05
        answered.append(promise.chosen.answered)
    assert broken <= 0.1 * draws
    assert made >= 0.75 * draws
    assert np.mean(answered) >= 0.2  # 0.45 could be answered by who knew all articles


def test_a_looser_promise_or_a_lower_confidence_answers_more() -> None:
    questions = draw(3, questions=8000)
    shares = [control_risk(*questions, Ask(*ask)).chosen.answered for ask in ((0.06, 0.9), (0.1, 0.9), (0.1, 0.6))]
    assert shares[0] < shares[1] < shares[2]


def test_limits_count_effective_answers() -> None:
    """All answers of one threshold, against the formulas of Korn and Graubard (1998) written out."""
    article = np.repeat(np.arange(8), 50)
    wrong = np.zeros(400, np.bool_)
    wrong[:20] = wrong[50:55] = wrong[100:104] = True  # articles that differ
    promise = control_risk(asked(np.zeros(400), wrong), clusters(article), Ask(0.5))
    (point,) = promise.curve
    share = wrong.mean()
    by_article = np.bincount(article, wrong - share)
    effect = 8 / 7 * (by_article**2).sum() / 400**2 / (share * (1 - share) / 400)
    assert effect > 2
    count = 400 / effect * (t.ppf(0.9, np.inf) / t.ppf(0.9, 7)) ** 2
    assert point.wrong == share
    assert point.high == pytest.approx(beta.ppf(0.9, share * count + 1, count - share * count), abs=1e-3)
    assert point.low == pytest.approx(beta.ppf(0.1, share * count, count - share * count + 1), abs=1e-3)


def test_without_a_mistake_yet_the_articles_tell_from_all_answers() -> None:
    """The first half has no mistake, so its own design effect is 1; that of all answers takes its place."""
    article = np.repeat(np.arange(10), 40)
    odds = np.tile(np.arange(40.0), 10)
    alike = asked(odds, (odds >= 20) & (np.tile(np.arange(40), 10) % 2 == 0))
    apart = asked(odds, (odds >= 20) & (article % 2 == 0))
    one, other = (control_risk(of, clusters(article), Ask(0.3)) for of in (alike, apart))
    half = [next(point for point in of.curve if point.answered == 0.5) for of in (one, other)]
    assert half[0].wrong == half[1].wrong == 0
    assert half[0].high == pytest.approx(1 - 0.1 ** (1 / (200 * (t.ppf(0.9, np.inf) / t.ppf(0.9, 9)) ** 2)), abs=1e-6)
    assert half[1].high > 5 * half[0].high


def test_equal_odds_stay_together_and_the_order_does_not_matter() -> None:
    questions, of = draw(5)
    coarse = replace(questions, odds=questions.odds.round(1))
    promise = control_risk(coarse, of, Ask(0.1))
    assert promise.threshold not in coarse.odds
    answered = coarse.odds <= promise.threshold
    assert promise.chosen.answered == answered.mean()
    assert promise.chosen.wrong == (1 - coarse.exact[answered]).mean()
    order = np.random.default_rng(0).permutation(len(coarse.odds))
    moved = Questions(
        *(column[order] for column in (coarse.odds, coarse.has_answer, coarse.answered, coarse.exact, coarse.f1))
    )
    assert control_risk(moved, replace(of, index=of.index[order]), Ask(0.1)) == promise


def test_questions_without_a_span_are_not_answered() -> None:
    questions, of = draw(6)
    silent = np.arange(2000) % 2 == 0
    promise = control_risk(replace(questions, answered=~silent), of, Ask(0.1))
    assert promise.curve[-1].answered == 0.5
    assert promise.curve[-1].wrong == (1 - questions.exact[~silent]).mean()


def test_overlap_counts_fewer_answers_as_wrong() -> None:
    questions, of = draw(7)
    partly = replace(questions, f1=np.where(questions.exact > 0, 1.0, np.arange(2000) % 2 * 0.4))
    exact, overlap = (control_risk(partly, of, Ask(0.1, wrong=wrong)).curve[-1].wrong for wrong in ("exact", "overlap"))
    assert 0.3 * exact < overlap < 0.7 * exact


def test_a_walk_that_ends_where_it_begins_is_told_from_there() -> None:
    questions, of = draw(8)
    worst_first = replace(questions, odds=questions.exact.astype(np.float64))
    with pytest.raises(DataError, match=r"at most 60 % .*: 100 % are where .* and up to 100 % may be"):
        control_risk(worst_first, of, Ask(0.6))


@pytest.mark.parametrize(
    ("articles", "questions", "shift", "message"),
    [
        (5, 2000, 0.0, "5 articles are too few to promise anything about others"),
        (20, 40, 0.0, "40 answers are too few to promise that at most 5 % are wrong"),
        (20, 2000, 3.0, "cannot promise that at most 5 % of the answers are wrong: .* up to .* may be"),
    ],
)
def test_what_the_data_cannot_promise_is_refused(articles: int, questions: int, shift: float, message: str) -> None:
    generator = np.random.default_rng(0)
    odds = generator.normal(size=questions)
    wrong = generator.random(questions) < _chance(odds, np.full(questions, shift))
    with pytest.raises(DataError, match=message):
        control_risk(asked(odds, wrong), clusters(np.arange(questions) % articles), Ask(0.05))


@pytest.mark.parametrize(
    ("at_most", "confidence", "message"),
    [
        (0.05, 0.5, "a confidence of 50 % promises nothing"),
        (0.05, math.nan, "a confidence of nan % promises nothing"),
        (0.05, 1.0, "a confidence of 100 % cannot be had"),
        (0.0, 0.9, "at most 0 % wrong answers cannot be promised"),
        (1.0, 0.9, "at most 100 % wrong answers cannot be promised"),
    ],
)
def test_what_cannot_be_promised(at_most: float, confidence: float, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Ask(at_most, confidence)


@pytest.fixture(scope="module")
def sure(host: PluginHost) -> Evaluation:
    """A system that is right nine times in ten."""
    data = articles(1200, 12)
    return evaluation(host, data, answer(data, 0.9, 1))


def test_the_command_promises_and_takes_back(sure: Evaluation, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", sure)
    said = CliRunner().invoke(app, ["calibrate", str(run), "--at-most", "25%"], env={"COLUMNS": "120"})
    assert said.exit_code == 0, said.output
    assert "promise: at most 25 % of the answers are wrong, on data like dev (confidence 90 %)" in said.stdout
    kept = json.loads((run / "calibration.json").read_text())
    promise = calibrate(sure.examples, sure.predictions, promise=Ask(0.25)).promise
    assert isinstance(promise, Promise)
    assert kept["promise"] == json.loads(json.dumps(promise.as_dict()))
    assert kept["promise"]["says"] in said.stdout
    assert said.stdout.endswith("calibration.json\nqatk predict, ask, serve and export use the promised threshold\n")
    weaker = CliRunner().invoke(app, ["calibrate", str(run), "--at-most", "25%", "--wrong", "overlap"])
    means = "at most 25 % of the answers share no word with a right answer, on data like dev (confidence 90 %)"
    assert f"promise: {means}" in weaker.stdout
    assert "Answers that share no word with a right answer, by share answered" in " ".join(weaker.stdout.split())
    assert "% of these answers share no word with a right answer\n" in weaker.stdout
    overlap = KeptPromise.of(json.loads((run / "calibration.json").read_text()))
    assert overlap is not None
    assert overlap.says == means
    assert CliRunner().invoke(app, ["calibrate", str(run)]).exit_code == 0
    assert "promise" not in json.loads((run / "calibration.json").read_text())


@pytest.mark.parametrize("changed", [{"wrong": "often"}, {"wrong": []}, {"at_most": None}, {"confidence": "much"}])
def test_a_malformed_promise_is_refused(changed: dict[str, object]) -> None:
    held = {"at_most": 0.05, "confidence": 0.9, "chosen": {"threshold": 1.0}}
    assert KeptPromise.of({"promise": held}) == KeptPromise(1.0, 0.05, 0.9, "exact")
    with pytest.raises(ValueError, match="the promise lacks"):
        KeptPromise.of({"promise": {**held, **changed}})


def test_a_promise_that_is_refused_leaves_the_run_as_it_was(sure: Evaluation, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", sure)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    said = CliRunner().invoke(app, ["calibrate", str(run), "--at-most", "0.1%"])
    assert said.exit_code == 1
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_a_set_that_chose_nothing_can_be_calibrated_on(sure: Evaluation, host: PluginHost, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", evaluation(host, sure.examples, answer(sure.examples, 0.2, 1)))
    test = write_run(tmp_path / "other", sure)
    (run / "sets").mkdir()
    test.rename(run / "sets" / "test")
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["data"]["test"] = manifest["data"]["dev"]
    (run / "manifest.json").write_text(json.dumps(manifest))
    arguments = ["calibrate", str(run), "--at-most", "25%"]
    assert CliRunner().invoke(app, arguments).exit_code == 1
    said = CliRunner().invoke(app, [*arguments, "--on", "test"])
    assert said.exit_code == 0, said.output
    assert "on data like test (confidence 90 %)" in said.stdout
    assert "fitted on all of test, for new data" in said.stdout
    kept = json.loads((run / "calibration.json").read_text())
    promise = KeptPromise.of(kept)
    assert (kept["on"], promise and promise.on) == ("test", "test")
    assert kept == calibrate(sure.examples, sure.predictions, promise=Ask(0.25), on="test").as_dict()
    with pytest.raises(UsageError, match="no evaluation set 'tset'"):
        CliRunner().invoke(app, [*arguments, "--on", "tset"], catch_exceptions=False, standalone_mode=False)


def test_the_commands_of_the_page_run(sure: Evaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_run(tmp_path / "runs" / "quickstart", sure)
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "how-to" / "error-rate.md").read_text("utf-8")
    commands = [line for line in page.splitlines() if line.startswith("qatk ")]
    assert len(commands) == 2
    for command in commands:
        said = CliRunner().invoke(app, shlex.split(command)[1:])
        assert said.exit_code == 0, said.output
