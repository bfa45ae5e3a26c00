"""Comparisons: figures that follow from the questions, verdicts that say no more than the data can."""

from __future__ import annotations

import io
import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from scipy import stats

from compare_tools import answer, articles, evaluation, system
from qatk.comparison.compare import compare_systems, comparison_to_dict
from qatk.comparison.selection import in_slice
from qatk.comparison.systems import read_systems
from qatk.comparison.verdicts import ALL_ONE_SEED, ONE_SEED, SOME_ONE_SEED, verdict
from qatk.comparison.wins_losses import rank_questions
from qatk.display.numbers import METRICS, points, signed
from qatk.errors import UsageError
from qatk.evaluation.squad import exact_and_f1, percent
from qatk.plugins.host import PluginHost
from qatk.plugins.live import LiveReporter
from qatk.results.comparison import UNRESOLVED, Comparison, Difference, Interval, System
from qatk.results.evaluation import Evaluation
from qatk.statistics.significance import holm, mcnemar, two_way_error
from qatk_builtin.reporters.html.intervals import differences, slice_differences
from qatk_builtin.reporters.shared.comparison import Contrast
from repository import SHARED, needs_shared_data
from scoring_cases import examples_of, predictions_of

DATA = articles()
DRAWS = 2000


def pick(comparison: Comparison, metric: str, group: str = "all", pair: int = 0) -> Difference:
    held = comparison.pairs[pair]
    (found,) = [d for d in [*held.differences, *held.slices] if (d.metric, d.group) == (metric, group)]
    return found


def compared(host: PluginHost, comparison: Comparison, folder: Path, width: int = 140) -> tuple[str, str, str]:
    """The comparison in the terminal, in Markdown and on the page."""
    shown = Console(width=width, file=io.StringIO())
    for name, file in (("console", None), ("markdown", folder / "c.md"), ("html", folder / "c.html")):
        host.live(LiveReporter, "reporter", name).compare(comparison, file, shown, show=1)
    return shown.file.getvalue(), (folder / "c.md").read_text(), (folder / "c.html").read_text()  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def clear(host: PluginHost) -> Comparison:
    """A system that is plainly better, and one as good as the baseline."""
    systems = [
        system(host, name, DATA, [right], i) for i, (name, right) in enumerate(zip("ABC", (0.5, 0.9, 0.5), strict=True))
    ]
    return compare_systems(systems, draws=DRAWS)


def test_differences_are_those_of_the_official_figures(clear: Comparison) -> None:
    a, b, _ = (s.evaluation.metrics for s in clear.systems)
    assert [(d.metric, d.group) for d in clear.pairs[0].differences] == [
        (metric, group) for group in ("all", "HasAns", "NoAns") for metric in ("exact", "f1")
    ]
    for d in clear.pairs[0].differences:
        key = d.metric if d.group == "all" else f"{d.group}_{d.metric}"
        assert (d.baseline, d.other) == pytest.approx((a[key], b[key]))
        assert d.difference == pytest.approx(b[key] - a[key])
        assert d.total == a["total" if d.group == "all" else f"{d.group}_total"]
        assert d.by_question.low < d.difference < d.by_question.high
        assert d.two_way is None


def test_slices_are_those_of_the_evaluation(clear: Comparison) -> None:
    rows = {f"{row.slicer}: {row.name}": row for row in clear.systems[0].evaluation.slices}
    assert {d.group for d in clear.pairs[0].slices} == set(rows)
    for d in clear.pairs[0].slices:
        assert d.baseline == pytest.approx(rows[d.group].metrics[d.metric])
        assert d.total == rows[d.group].total
    verdicts = [d.verdict == "inconclusive" for d in clear.pairs[0].slices]
    assert verdicts == sorted(verdicts)


def test_p_is_that_of_the_error_by_article_and_mcnemars_stands_beside_it(clear: Comparison) -> None:
    a, b, c = (s.evaluation.per_question["exact"] for s in clear.systems)
    for pair, other in enumerate((b, c)):
        wins, losses = int((other > a).sum()), int((other < a).sum())
        exact = pick(clear, "exact", pair=pair)
        assert exact.p_by_question == mcnemar(wins, losses)
        by_article = (other - a).reshape(8, 30).mean(axis=1)  # articles of one size: a t-test of their means
        assert exact.p == pytest.approx(stats.ttest_1samp(by_article, 0).pvalue)
        assert (exact.cluster_count, exact.effective_clusters) == (8, pytest.approx(8))
        by_question = (other - a).var(ddof=1) / 240
        assert exact.design_effect == pytest.approx(by_article.var(ddof=1) / 8 / by_question)


def test_p_is_adjusted_by_family_where_em_and_f1_of_no_answers_are_one(clear: Comparison) -> None:
    def once(differences: list[Difference]) -> list[Difference]:
        return [d for d in differences if (d.metric, d.group) != ("f1", "NoAns")]

    main = [d for pair in clear.pairs for d in pair.differences]
    adjusted = holm(np.array([d.p for d in once(main)]))
    assert len(adjusted) == 2 * 5
    assert [d.p_adjusted for d in once(main)] == pytest.approx(adjusted.tolist())
    for pair in range(2):
        exact, f1 = (pick(clear, metric, "NoAns", pair) for metric in ("exact", "f1"))
        assert (exact.p_adjusted, exact.detectable) == (f1.p_adjusted, f1.detectable)
    for pair in clear.pairs:
        p = np.array([d.p for d in pair.slices])
        assert [d.p_adjusted for d in pair.slices] == pytest.approx(holm(p).tolist())


def test_what_is_detectable_is_so_at_the_corrected_level(clear: Comparison) -> None:
    """By hand: ten hypotheses, eight articles, and the error that the t statistic tells."""
    f1 = pick(clear, "f1", pair=1)
    error = abs(f1.difference) / stats.t.isf(f1.p / 2, 7)
    assert f1.detectable == pytest.approx((stats.t.ppf(1 - 0.005 / 2, 7) + stats.t.ppf(0.8, 7)) * error)


def test_ten_equal_systems_over_articles_that_differ_are_told_apart_in_few_cases(host: PluginHost) -> None:
    """By question, about every third of such families holds a claim; by article one in twenty or fewer may."""
    one = evaluation(host, DATA, answer(DATA, 0.5, 0))
    owner = np.unique(DATA.title, return_inverse=True)[1]
    generator, claims, by_question = np.random.default_rng(2), 0, 0
    for _ in range(60):
        systems = []
        for name in "ABCDEFGHIJK":
            scores = (generator.random(240) < 0.5 + generator.normal(0, 0.15, 8)[owner]).astype(float)
            systems.append(System(name, [replace(one, per_question={"exact": scores, "f1": scores}, masks={})]))
        lines = [d for pair in compare_systems(systems, draws=99).pairs for d in pair.differences]
        claims += any(d.verdict != UNRESOLVED for d in lines)
        by_question += (holm(np.array([d.p_by_question for d in lines if d.metric == "exact"])) < 0.05).any()
    assert claims <= 6  # of 60; more than 6 come of a rate of 0.05 in 3 of 100 cases
    assert by_question > 15


def test_verdicts(clear: Comparison) -> None:
    better, same = clear.pairs
    assert {d.verdict for d in better.differences if d.group == "all"} == {"better"}
    f1 = pick(clear, "f1")
    low, high = f1.by_cluster
    bounds = f"95 % CI by article {low:.1f} to {high:.1f}"
    assert better.verdict == f"B is better than A by {points(f1.difference)} F1 ({bounds})."
    assert {d.verdict for d in [*same.differences, *same.slices]} == {"inconclusive"}
    f1 = pick(clear, "f1", pair=1)
    assert same.verdict.startswith(f"No clear difference: C - A = {signed(f1.difference)} F1 (95 % CI ")
    power = f"With this data a true difference of {f1.detectable:.1f} would be found 4 times in 5."
    assert same.verdict.endswith(f"). {power}")
    assert clear.verdicts == [better.verdict, same.verdict, ALL_ONE_SEED], "said once, not of each pair"
    alone = compare_systems(clear.systems[:2], draws=99)
    assert alone.verdicts == [alone.pairs[0].verdict]
    assert alone.pairs[0].verdict.endswith(f"). {ONE_SEED}")


@pytest.mark.parametrize(
    ("difference", "bounds", "further", "said"),
    [
        (-0.04, (-0.041, -0.032), {}, "No clear difference: B - A = 0.0 F1 (95 % CI -0.04 to -0.03)."),
        (-0.05 + 1e-12, (-0.2, -1e-3), {}, "No clear difference: B - A = -0.1 F1 (95 % CI -0.2 to 0.0)."),
        (-3.0, (-5.0, 1.0), {"p_adjusted": 0.1}, "No clear difference: B - A = -3.0 F1 (95 % CI -5.0 to 1.0)."),
        (
            -0.05 + 1e-12,
            (-0.06, -0.04),
            {"verdict": "worse"},
            "B is worse than A by 0.1 F1 (95 % CI by article 0.0 to 0.1).",
        ),
        (
            -13.1,
            (-25.4, -0.9),
            {"p_adjusted": 0.174, "level": 0.01},
            "No clear difference: B - A = -13.1 F1 (95 % CI -25.4 to -0.9; Holm p 0.174 over 5 tests).",
        ),
        (
            3.0,
            (-1.0, 7.0),
            {"two_way": Interval(0.5, 5.5)},
            "No clear difference: B - A = +3.0 F1 (95 % CI 0.5 to 5.5; by article alone -1.0 to 7.0).",
        ),
    ],
)
def test_verdicts_give_numbers_as_tables_do(
    difference: float, bounds: tuple[float, float], further: dict[str, Any], said: str, clear: Comparison
) -> None:
    given = {"difference": difference, "by_cluster": Interval(*bounds), "verdict": UNRESOLVED, **further}
    differences = [replace(pick(clear, metric), **given) for metric in ("exact", "f1")]
    assert verdict(*clear.systems[:2], differences, clear.clusters).startswith(said)


def test_all_pairs_are_those_of_each_by_itself_under_one_correction(
    clear: Comparison, host: PluginHost, tmp_path: Path
) -> None:
    found = compare_systems(clear.systems, draws=DRAWS, all_pairs=True)
    assert [(pair.baseline, pair.other) for pair in found.pairs] == [(0, 1), (0, 2), (1, 2)]
    main = [d for pair in found.pairs for d in pair.differences]
    once = [d for d in main if (d.metric, d.group) != ("f1", "NoAns")]
    assert [d.p_adjusted for d in once] == pytest.approx(holm(np.array([d.p for d in once])).tolist())
    b_and_c = compare_systems(clear.systems[1:], draws=DRAWS)
    for mine, alone in zip(found.pairs[2].differences, b_and_c.pairs[0].differences, strict=True):
        assert (mine.difference, mine.p, mine.p_by_question) == (alone.difference, alone.p, alone.p_by_question)
        assert (mine.by_cluster, mine.baseline) == (alone.by_cluster, alone.baseline)
    assert found.pairs[2].verdict.startswith("C is worse than B by ")
    assert Contrast(found).title == "3 systems, all pairs"
    text, markdown, page = compared(host, found, tmp_path, width=100)
    assert "\nDifferences, all pairs" in text
    assert "C - B" in text
    assert "HasAns and NoAns of each pair: in --markdown, --html and --json" in text
    assert all("HasAns  " not in line for line in text.partition("Differences, all pairs")[2].splitlines())
    assert {d.tests for d in main} == {len(once)} == {15}
    assert all("Holm p: corrected for 15 tests, of all pairs" in shown for shown in (text, markdown, page))
    cells = [re.sub(r"(</?t[dr][^>]*>|[|*\s])+", ", ", shown) for shown in (markdown, page)]
    for d in main:
        row = f"{METRICS[d.metric]}, {d.group}, {points(d.baseline)}, {points(d.other)}, {signed(d.difference)}"
        assert all(row in shown for shown in cells), row


def test_all_pairs_of_one_and_several_seeds(host: PluginHost) -> None:
    rates = {"A": [0.4, 0.45, 0.5], "B": [0.9], "C": [0.9]}
    systems = [system(host, name, DATA, of, i) for i, (name, of) in enumerate(rates.items())]
    found = compare_systems(systems, draws=DRAWS, all_pairs=True)
    assert [pair.headline.two_way is None for pair in found.pairs] == [False, False, True]
    assert found.verdicts == [*(pair.verdict for pair in found.pairs), SOME_ONE_SEED]
    assert not any("one seed" in pair.verdict for pair in found.pairs)


def test_a_pair_of_one_seed_each_has_the_figures_that_it_has_alone(host: PluginHost) -> None:
    rates = {"A": [0.4], "B": [0.6], "C": [0.85, 0.9, 0.95]}
    systems = [system(host, name, DATA, of, i) for i, (name, of) in enumerate(rates.items())]
    beside, alone = (compare_systems(of, draws=99).pairs[0] for of in (systems, systems[:2]))
    for mine, own in zip([*beside.differences, *beside.slices], [*alone.differences, *alone.slices], strict=True):
        figures = [(d.p, d.p_by_question, d.by_cluster, d.error, d.freedom, d.two_way) for d in (mine, own)]
        assert figures[0] == figures[1]
        assert mine.two_way is None
    assert pick(compare_systems(systems, draws=99), "f1", pair=1).two_way is not None


def test_each_system_has_intervals_by_cluster_and_over_seeds(host: PluginHost) -> None:
    one, several = system(host, "A", DATA, [0.4]), system(host, "B", DATA, [0.45, 0.5, 0.55], 5)
    found = compare_systems([one, several], draws=99)
    every = np.ones(len(DATA), np.bool_)
    assert one.interval("f1", every, found.clusters) == one.evaluation.interval("f1", every)
    low, high = several.interval("f1", every, found.clusters)
    scores = several.per_question("f1")
    owner = np.unique(DATA.title, return_inverse=True)[1]
    by_article = [scores.mean(axis=0)[owner == k].mean() for k in range(8)]
    wide = np.sqrt(np.var(by_article, ddof=1) / 8 + np.var(scores.mean(axis=1), ddof=1) / 3)
    assert low < 100 * scores.mean() < high
    assert 2 * 100 * wide < (high - low) / 2 < 4.4 * 100 * wide
    plain = comparison_to_dict(found)
    assert plain["systems"][1]["intervals"]["f1"] == [low, high]
    alone = System("", several.evaluations[1:2]).interval("exact", DATA.has_answer, found.clusters)
    assert plain["systems"][1]["runs"][1]["intervals"]["HasAns_exact"] == list(alone)
    lines = list(Contrast(found).lines())
    assert len(lines) == 6
    cells = dict(zip(Contrast(found).headers, lines[2].bounded, strict=True))
    assert cells["F1"] == f"{points(100 * scores.mean())} ({low:.1f} to {high:.1f})"
    assert all("to" in line.bounded[1] for line in lines)
    by_context = compare_systems([one, several], draws=99, cluster="context")
    assert comparison_to_dict(by_context)["systems"][0]["intervals"] != plain["systems"][0]["intervals"]


def test_one_system_of_several_seeds_is_summed_up(host: PluginHost, tmp_path: Path) -> None:
    """By hand: Wilson's interval; variances of articles and seeds add up, with the degrees of Satterthwaite."""
    alone = system(host, "A", DATA, [0.6, 0.7, 0.8])
    found = compare_systems([alone], draws=99)
    assert not found.pairs
    scores = alone.per_question("f1")
    means, mean = scores.mean(axis=0), scores.mean()
    by_article, of_seeds = means.reshape(8, 30).mean(axis=1).var(ddof=1) / 8, scores.mean(axis=1).var(ddof=1) / 3
    t = stats.t.ppf(0.975, (by_article + of_seeds) ** 2 / (by_article**2 / 7 + of_seeds**2 / 2))
    most, effect = mean * (1 - mean), max(1.0, by_article / (means.var(ddof=1) / 240))
    n = 1 / (effect * (means.var() / most + 1 / 240) / 240 + of_seeds / most)
    centre, half = (mean + t**2 / (2 * n)) / (1 + t**2 / n), t * math.sqrt(most / n + t**2 / (4 * n**2))
    low, high = (100 * (centre + side * half / (1 + t**2 / n)) for side in (-1, 1))
    assert found.summary.startswith(f"A, mean of 3 seeds: F1 {points(100 * mean)} ({low:.1f} to {high:.1f}), EM ")
    for text in compared(host, found, tmp_path):
        assert "A, mean of 3 seeds: F1 " in text
        assert "seed 2" in text
    assert comparison_to_dict(found)["summary"] == found.summary


@pytest.mark.parametrize("rates", [[0.6], [0.6, 0.7, 0.8]])
def test_one_system_is_shown_with_its_slices_and_kinds(rates: list[float], host: PluginHost, tmp_path: Path) -> None:
    alone = system(host, "A", DATA, rates)
    found = compare_systems([alone], draws=99)
    mean, rows = 100 * alone.per_question("f1").mean(), found.masks["question-word"]["when"]
    seeds = "" if len(rates) == 1 else ", mean of 3 seeds"
    assert found.summary.startswith(f"A{seeds}: F1 {points(mean)} (")
    assert found.summary.endswith(f"). 95 % by {'seed and ' if seeds else ''}article.")
    low, high = alone.interval("f1", rows, found.clusters)
    figure = points(100 * alone.per_question("f1")[:, rows].mean())
    terminal, markdown, page = compared(host, found, tmp_path)
    (line,) = [line for line in terminal.splitlines() if "question word: when" in line]
    assert f"{figure}   {low:.1f} to {high:.1f}" in line
    assert f"| {figure} ({low:.1f} to {high:.1f}) | {rows.sum()} |" in markdown
    assert re.sub(r"\s+", "", f"<td>{rows.sum()}</td><td>{figure}</td><td>{low:.1f} to {high:.1f}</td>") in re.sub(
        r"\s+", "", page
    )
    assert '<p class="kind">System</p>' in page
    assert all("right to abstain" in text and "bootstrap" not in text for text in (terminal, markdown))
    if not seeds:
        assert Contrast(found).slices_alone() == [*alone.evaluation.slices]


def test_the_other_way_round_is_worse(clear: Comparison) -> None:
    a, b, _ = clear.systems
    turned = compare_systems([b, a], draws=DRAWS)
    f1, back = pick(clear, "f1"), pick(turned, "f1")
    assert back.difference == pytest.approx(-f1.difference)
    assert back.by_cluster == pytest.approx((-f1.by_cluster.high, -f1.by_cluster.low), abs=1.0)
    assert turned.pairs[0].verdict.startswith(f"A is worse than B by {points(f1.difference)} F1 (95 % CI by article ")
    assert sorted(turned.pairs[0].wins) == sorted(clear.pairs[0].losses)


def test_articles_that_go_together_leave_a_difference_unresolved(host: PluginHost) -> None:
    """Seen by question this difference is beyond doubt; but one article of eight makes it."""
    a = evaluation(host, DATA, answer(DATA, 0.5, 1))
    in_one = np.array(DATA.title) == "Article 3"
    scores = {name: np.where(in_one, 1.0, values) for name, values in a.per_question.items()}
    found = compare_systems([System("A", [a]), System("B", [replace(a, per_question=scores)])], draws=DRAWS)
    f1 = pick(found, "f1")
    assert f1.p_by_question < 0.01
    assert f1.p == pytest.approx(stats.t.sf(1, 7) * 2, rel=0.1), "one article of eight moves: t is 1"
    assert f1.by_question.low > 0
    assert f1.by_cluster.low <= 0
    assert f1.verdict == "inconclusive"


def test_the_same_predictions(host: PluginHost) -> None:
    one = system(host, "A", DATA, [0.5])
    found = compare_systems([one, replace(one, name="B")], draws=DRAWS)
    assert found.pairs[0].verdict == "B and A have the same F1 on every question."
    for d in [*found.pairs[0].differences, *found.pairs[0].slices]:
        assert (d.p, d.p_adjusted, d.difference) == (1.0, 1.0, 0.0)
        assert np.isnan([*d.by_question, *d.by_cluster, d.detectable]).all(), "no interval reads 0.0 to 0.0"
    assert not len(found.pairs[0].wins) + len(found.pairs[0].losses) + len(found.pairs[0].both_wrong)


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (3, "No clear difference: B - A = +10.0 F1 (the same in every article). With one seed"),
        (8, "B is better than A by 10.0 F1 (the same in every article). With one seed"),
    ],
)
def test_articles_that_differ_alike_have_no_interval(count: int, said: str, host: PluginHost, tmp_path: Path) -> None:
    """By hand: p is 2 to the power of 1 - articles, the sign test's."""
    data = articles(240, count)
    a = evaluation(host, data, answer(data, 0.5, 0))
    scores = {"A": np.full(240, 0.3), "B": 0.3 + np.tile([0.2, 0.0], 120)}
    systems = [System(name, [replace(a, per_question={"exact": of, "f1": of})]) for name, of in scores.items()]
    found = compare_systems(systems, draws=DRAWS, margin=10.5)
    f1 = pick(found, "f1")
    assert (f1.p, f1.error, f1.design_effect) == (2.0 ** (1 - count), 0, 0)
    assert np.isnan([*f1.by_cluster, f1.detectable]).all()
    assert f1.by_question.low > 0
    assert found.pairs[0].verdict.startswith(said)
    assert found.pairs[0].margin is not None
    assert found.pairs[0].margin.p_no_worse == 2.0**-count
    terminal, markdown, _ = compared(host, found, tmp_path)
    assert "nan" not in (terminal + markdown).lower()
    json.dumps(comparison_to_dict(found), allow_nan=False)


def test_the_same_seed_gives_the_same_numbers(clear: Comparison) -> None:
    again = compare_systems(clear.systems, draws=DRAWS)
    assert comparison_to_dict(again) == comparison_to_dict(clear)
    other = compare_systems(clear.systems, draws=DRAWS, seed=14)
    assert comparison_to_dict(other)["pairs"] != comparison_to_dict(clear)["pairs"]


def test_clusters_are_articles_or_contexts(host: PluginHost) -> None:
    assert compare_systems([system(host, n, DATA, [0.5]) for n in "AB"], draws=99).clusters.kind == "article"
    for titles in ([""] * len(DATA), ["one"] * len(DATA), ["", *["one"] * 239]):
        untitled = replace(DATA, title=titles)
        found = compare_systems([system(host, n, untitled, [0.5], i) for i, n in enumerate("AB")], draws=99)
        assert (found.clusters.kind, found.clusters.count, found.clusters.unnamed) == ("context", 60, 0)


def test_one_empty_title_leaves_the_other_articles_whole(host: PluginHost) -> None:
    untitled = replace(DATA, title=["", *DATA.title[1:]])
    systems = [system(host, n, untitled, [0.5], i) for i, n in enumerate("AB")]
    found = compare_systems(systems, draws=99)
    assert (found.clusters.kind, found.clusters.count) == ("article", 9)
    assert found.clusters.note == "1 question has no title: each of their contexts is a cluster of its own"
    assert found.clusters.note in Contrast(found).basis
    assert pick(found, "f1").cluster_count == 9
    whole = compare_systems([system(host, n, DATA, [0.5], i) for i, n in enumerate("AB")], draws=99)
    assert pick(found, "f1").p == pytest.approx(pick(whole, "f1").p, abs=0.1)


def test_a_named_column_takes_the_place_of_articles(host: PluginHost) -> None:
    sources = [f"s{row // 80}" for row in range(240)]
    data = replace(DATA, columns={"source": sources, "split": ["dev"] * 240})
    systems = [system(host, n, data, [0.5], i) for i, n in enumerate("AB")]
    found = compare_systems(systems, draws=99, cluster="source")
    assert (found.clusters.kind, pick(found, "f1").cluster_count) == ("source", 3)
    assert compare_systems(systems, draws=99, cluster="context").clusters.count == 60
    with pytest.raises(UsageError, match="the data has no such column"):
        compare_systems(systems, draws=99, cluster="genre")
    with pytest.raises(UsageError, match="one value for all questions"):
        compare_systems(systems, draws=99, cluster="split")
    alone = [system(host, n, replace(DATA, title=["one"] * 240), [0.5], i) for i, n in enumerate("AB")]
    with pytest.raises(UsageError, match="cluster title: it has one value for all questions"):
        compare_systems(alone, draws=99, cluster="title")


def test_a_group_within_one_article_is_drawn_by_context(host: PluginHost) -> None:
    masks = {"part": {"first": np.array(DATA.title) == "Article 0", "context": DATA.context_index == 0}}
    systems = [system(host, name, DATA, [right], i) for i, (name, right) in enumerate((("A", 0.4), ("B", 0.8)))]
    systems = [replace(s, evaluations=[replace(s.evaluation, masks=masks)]) for s in systems]
    found = compare_systems(systems, draws=DRAWS)
    inside = pick(found, "f1", "part: first")
    assert inside.by_cluster.low < inside.difference < inside.by_cluster.high
    alone = pick(found, "f1", "part: context")
    assert all(map(math.isnan, alone.by_cluster))
    assert math.isnan(alone.detectable)
    assert alone.verdict == "inconclusive"


def test_only_slices_of_the_same_questions_are_compared(host: PluginHost) -> None:
    a, b = (system(host, name, DATA, [0.5], i) for i, name in enumerate("AB"))
    words = a.evaluation.masks["question-word"]
    other = {"question-word": {"who": words["who"], "when": words["where"]}, "mine": {"all": words["who"]}}
    found = compare_systems([a, replace(b, evaluations=[replace(b.evaluation, masks=other)])], draws=99)
    assert {slicer: list(groups) for slicer, groups in found.masks.items()} == {"question-word": ["who"]}
    assert {d.group for d in found.pairs[0].slices} == {"question-word: who"}


def test_names_of_slices_may_have_colons(host: PluginHost, tmp_path: Path) -> None:
    """Among them a slice within one article, of which a report says so."""
    first = np.array(DATA.title) == "Article 0"
    masks = {"type: main": {"a: b": first, "c": ~first}, "type": {"d": DATA.context_index % 2 == 0}}
    systems = [system(host, name, DATA, [right], i) for i, (name, right) in enumerate((("A", 0.1), ("B", 0.9)))]
    systems = [replace(s, evaluations=[replace(s.evaluation, masks=masks)]) for s in systems]
    found = compare_systems(systems, draws=99)
    texts = compared(host, found, tmp_path)
    assert all("by context for a slice within one article" in text for text in texts[:2])
    (chart,) = slice_differences(found)
    assert {view.name: {row["name"] for row in view.spec["data"]["values"]} for view in chart.views[1:]} == {
        "type: main": {"a: b", "c"},
        "type": {"d"},
    }
    for asked, rows in (("type: main: a: b", first), ("type:main:a:b", first), ("type: d", masks["type"]["d"])):
        assert (in_slice(found, asked) == rows).all()
    with pytest.raises(UsageError, match="--slice: there is no 'type: main: d'"):
        in_slice(found, "type: main: d")


def test_several_seeds_are_tested_by_their_means_and_both_ways(host: PluginHost) -> None:
    a, b = system(host, "A", DATA, [0.4, 0.45, 0.5]), system(host, "B", DATA, [0.9, 0.95], 7)
    found = compare_systems([a, b], draws=DRAWS)
    for metric in ("exact", "f1"):
        d = pick(found, metric)
        assert d.baseline == pytest.approx(np.mean([e.metrics[metric] for e in a.evaluations]))
        assert d.other == pytest.approx(np.mean([e.metrics[metric] for e in b.evaluations]))
        assert d.p_by_question == pytest.approx(1 / (DRAWS + 1))
        of = [np.stack([e.per_question[metric] for e in s.evaluations]) for s in (a, b)]
        sure = two_way_error(*of, np.unique(DATA.title, return_inverse=True)[1], np.ones((1, 240), np.bool_))
        assert d.p == pytest.approx(2 * stats.t.sf(d.difference / 100 / sure.error[0], sure.freedom[0]))
        assert d.two_way is not None
        assert d.two_way.high - d.two_way.low > d.by_cluster.high - d.by_cluster.low
        assert d.verdict == "better"
    f1 = pick(found, "f1")
    assert f1.two_way is not None
    assert f"(95 % CI by seed and article {f1.two_way.low:.1f} to {f1.two_way.high:.1f})" in found.pairs[0].verdict
    assert "one seed" not in found.pairs[0].verdict
    one = compare_systems([replace(s, evaluations=s.evaluations[:1], seeds=[0]) for s in (a, b)], draws=DRAWS)
    assert pick(one, "f1").two_way is None


def test_slices_and_charts_show_the_interval_that_the_verdict_goes_by(host: PluginHost, tmp_path: Path) -> None:
    many = [system(host, "A", DATA, [0.4, 0.45, 0.5]), system(host, "B", DATA, [0.9, 0.95], 7)]
    found = compare_systems([replace(s, evaluations=[_with_parts(e) for e in s.evaluations]) for s in many], draws=99)
    terminal, markdown, _ = compared(host, found, tmp_path)
    clear = pick(found, "f1", "part: odd")
    assert clear.two_way is not None
    assert clear.bounds == clear.two_way != clear.by_cluster
    over, by_cluster = (f"{low:.1f} to {high:.1f}" for low, high in (clear.bounds, clear.by_cluster))
    for text in (terminal, markdown):
        (line,) = [line for line in text.splitlines() if "part: odd" in line]
        assert over in line
        assert by_cluster not in line
        assert "by seed and article; by seed and context for a slice within one article" in text
    assert "| B - A | 95 % by seed and article | EM B - A |" in markdown
    of_slices, chart = next(slice_differences(found)), differences(found)
    clearest, (count,) = of_slices.views[0], {d.tests for d in found.pairs[0].slices}
    assert of_slices.caption.endswith(f"Holm p: corrected for the tests of all slices of a pair, {count} tests.")
    for view, of in ((clearest, [d for d in found.pairs[0].slices if d.metric == "f1"]), (chart.views[0], None)):
        assert "95 % by seed and article" in view.headers
        drawn = [(row["low"], row["high"]) for row in view.spec["data"]["values"]]
        for ends, d in zip(drawn, of or found.pairs[0].differences, strict=True):
            assert ends == pytest.approx(d.two_way, rel=1e-3)
    assert "The line is the 95 % interval by seed and article" in chart.caption
    assert "<th>95 % by seed and article</th>" in found._repr_html_()
    alone = compare_systems([replace(s, evaluations=s.evaluations[:1], seeds=[0]) for s in many], draws=99)
    assert "95 % by article" in next(slice_differences(alone)).views[0].headers
    assert "<th>95 % by article</th>" in alone._repr_html_()


def _with_parts(of: Evaluation) -> Evaluation:
    odd, first = DATA.context_index % 2 == 1, np.array(DATA.title) == "Article 0"
    return replace(of, masks={"part": {"odd": odd, "even": ~odd, "first": first}})


def test_seeds_that_disagree_leave_a_difference_unresolved(host: PluginHost) -> None:
    """The mean of these runs is better beyond doubt; another seed may well be worse."""
    found = compare_systems(
        [system(host, "A", DATA, [0.5, 0.55]), system(host, "B", DATA, [0.95, 0.5], 9)], draws=DRAWS
    )
    f1 = pick(found, "f1")
    assert f1.p_by_question < 0.01
    assert f1.by_cluster.low > 0
    assert f1.two_way is not None
    assert f1.two_way.low < 0
    assert f1.verdict == "inconclusive"
    assert f1.detectable > f1.difference


def test_data_without_unanswerable_questions_are_tested_once(host: PluginHost) -> None:
    answerable = DATA.take(np.flatnonzero(DATA.has_answer))
    found = compare_systems([system(host, name, answerable, [0.5], i) for i, name in enumerate("AB")], draws=99)
    assert {d.group for d in found.pairs[0].differences} == {"all"}


def test_what_cannot_be_compared(host: PluginHost) -> None:
    one = system(host, "A", DATA, [0.5])
    with pytest.raises(UsageError, match="there is nothing to compare"):
        compare_systems([])
    bare = replace(one.evaluation, per_question={"exact": one.evaluation.per_question["exact"]})
    with pytest.raises(UsageError, match="B has no f1"):
        compare_systems([one, System("B", [bare])])
    cases: list[tuple[str, Any]] = [("draws", 0), ("draws", 1e4), ("draws", True), ("seed", -1), ("seed", "13")]
    for name, value in cases:
        with pytest.raises(UsageError, match=re.escape(f"{name} is {value!r}\n  give a whole number")):
            compare_systems([one, one], **{name: value})
    for margin in ("1", math.nan, True):
        with pytest.raises(UsageError, match=f"margin {margin}: expected points of F1 above 0"):
            compare_systems([one, one], margin=margin)  # type: ignore[arg-type]
    others = system(host, "B", articles(40), [0.5])
    with pytest.raises(UsageError, match="B is not over the questions of A"):
        compare_systems([one, others])


@pytest.mark.parametrize(
    ("rows", "reach"),
    [
        ([1], " F1 (no interval: all questions are of one context)."),
        ([0, 1, 5], " This data is too small to find any difference."),
    ],
)
def test_hardly_any_questions(rows: list[int], reach: str, host: PluginHost) -> None:
    few = DATA.take(rows)
    found = compare_systems([system(host, name, few, [r]) for name, r in (("A", 0.1), ("B", 1.0))], draws=99)
    assert found.pairs[0].verdict.startswith("No clear difference: B - A = +")
    assert found.pairs[0].verdict.endswith(f"{reach} {ONE_SEED}")
    assert Contrast(found).intervals_note.startswith("no interval: ") == (len(rows) == 1)
    json.dumps(comparison_to_dict(found), allow_nan=False)


def told(texts: list[str], odds: list[float] | None, golds: list[list[str]]) -> System:
    examples = examples_of(golds)
    exact, f1 = exact_and_f1(examples, texts)
    held = Evaluation(examples, predictions_of(texts, odds), {}, {"exact": exact, "f1": f1})
    return System("S", [held])


def test_wins_losses_and_both_wrong() -> None:
    golds = [["x"], ["x"], ["x"], [], ["x y z"], ["x"]]
    a = told(["x", "w", "w", "w", "x y", ""], None, golds)
    b = told(["w", "x", "v", "", "x y z w", ""], None, golds)
    wins, losses, both = rank_questions(a, b, np.arange(6))
    assert (sorted(wins), sorted(losses), sorted(both)) == ([1, 3], [0], [2, 4])


def test_texts_that_normalise_alike_are_wrong_in_the_same_way() -> None:
    a, b = told(["The cat!"], None, [["dog"]]), told(["cat"], None, [["dog"]])
    assert [len(rows) for rows in rank_questions(a, b, np.arange(1))] == [0, 0, 0]


def test_the_most_telling_come_first() -> None:
    """By the gap in F1, then by how sure the wrong one was: low odds where it answered, high where it abstained."""
    golds = [["x y"], ["x y"], ["x y"], ["x y"]]
    a = told(["w", "", "w", "x"], [-1.0, 3.0, -5.0, -9.0], golds)
    b = told(["x y"] * 4, None, golds)
    wins, _, _ = rank_questions(a, b, np.arange(4))
    assert wins.tolist() == [2, 1, 0, 3]


def test_no_article_gives_a_second_question_before_each_gave_one() -> None:
    golds = [["x"]] * 5
    a, b = told(["w"] * 5, [-5.0, -4.0, -3.0, -2.0, -1.0], golds), told(["x"] * 5, None, golds)
    wins, _, _ = rank_questions(a, b, np.array([0, 0, 0, 1, 2]))
    assert wins.tolist() == [0, 3, 4, 1, 2]


def test_with_several_seeds_a_question_counts_by_their_mean() -> None:
    golds = [["x"]] * 3
    runs = [told(texts, None, golds).evaluation for texts in (["x", "w", "x"], ["x", "w", "w"], ["w", "w", "w"])]
    runs = [replace(run, examples=runs[0].examples) for run in runs]
    wrong = told(["v"] * 3, None, golds)
    wins, losses, both = rank_questions(wrong, System("B", runs, (0, 1, 2), ("",) * 3), np.arange(3))
    assert (wins.tolist(), losses.tolist(), sorted(both)) == ([0], [], [1, 2])


def test_the_plain_form_is_strict_json_with_ids(clear: Comparison) -> None:
    plain = comparison_to_dict(clear)
    again = json.loads(json.dumps(plain, allow_nan=False))
    assert again == plain
    assert (plain["questions"], plain["draws"], plain["seed"]) == (240, DRAWS, 13)
    assert plain["clusters"] == {"kind": "article", "count": 8, "unnamed": 0}
    assert [s["name"] for s in plain["systems"]] == ["A", "B", "C"]
    assert plain["systems"][1]["metrics"]["f1"] == clear.systems[1].evaluation.metrics["f1"]
    pair = plain["pairs"][0]
    assert (pair["baseline"], pair["other"], pair["verdict"]) == ("A", "B", clear.pairs[0].verdict)
    assert pair["wins"] == [DATA.id[row] for row in clear.pairs[0].wins]
    f1 = pick(clear, "f1")
    assert pair["differences"][1]["by_cluster"] == [f1.by_cluster.low, f1.by_cluster.high]


def test_the_plain_form_of_several_seeds_and_of_what_is_not_known(host: PluginHost) -> None:
    masks = {"one": {"context": DATA.context_index == 0}}
    a, b = system(host, "A", DATA, [0.4, 0.5]), system(host, "B", DATA, [0.8], odds=False)
    systems = [replace(s, evaluations=[replace(e, masks=masks) for e in s.evaluations]) for s in (a, b)]
    plain = comparison_to_dict(compare_systems(systems, draws=99))
    assert [run["seed"] for run in plain["systems"][0]["runs"]] == [0, 1]
    assert plain["systems"][0]["metrics"]["f1"] == pytest.approx(np.mean([e.metrics["f1"] for e in a.evaluations]))
    assert plain["pairs"][0]["slices"][0]["by_cluster"] is None
    assert len(plain["pairs"][0]["differences"][0]["two_way"]) == 2


@needs_shared_data
def test_two_published_systems(host: PluginHost) -> None:
    files = [SHARED / "parity" / f"{name}.predictions.json.gz" for name in ("bidaf-elmo-v2", "nlnet-v2")]
    a, b = systems = read_systems(files, data=SHARED / "squad2-mini" / "dev.json.gz", host=host)
    found = compare_systems(systems)
    f1 = pick(found, "f1")
    assert f1.difference == pytest.approx(b.evaluation.metrics["f1"] - a.evaluation.metrics["f1"])
    assert found.pairs[0].verdict.startswith("nlnet-v2 is better than bidaf-elmo-v2 by 11.6 F1 (95 % CI by article ")
    by_question, by_article = (i.high - i.low for i in (f1.by_question, f1.by_cluster))
    assert by_article > 1.5 * by_question
    rows = found.pairs[0].wins
    assert (b.evaluation.per_question["exact"][rows] > a.evaluation.per_question["exact"][rows]).all()
    assert percent(a.evaluation.per_question["f1"]) == pytest.approx(f1.baseline)
    assert len({found.examples.title[row] for row in rows[:6].tolist()}) == 6
