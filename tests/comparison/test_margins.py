"""No worse than the baseline by a margin, and what it takes to find a difference."""

from __future__ import annotations

import io
import json
import math
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from scipy import stats

from compare_tools import articles, system
from qatk.comparison.compare import compare_systems, comparison_to_dict
from qatk.comparison.planning import needed
from qatk.errors import UsageError
from qatk.plugins.host import PluginHost
from qatk.plugins.live import LiveReporter
from qatk.results.comparison import Comparison, System
from qatk.statistics.significance import detectable_difference, holm

DATA = articles(480, 24)


@pytest.fixture(scope="module")
def systems(host: PluginHost) -> list[System]:
    return [
        system(host, name, DATA, [right], i) for i, (name, right) in enumerate((("A", 0.7), ("B", 0.7), ("C", 0.9)))
    ]


def compare(systems: list[System], margin: float | None = None) -> Comparison:
    return compare_systems(systems, draws=99, margin=margin)


def test_no_worse_is_a_one_sided_test_of_the_clustered_error(systems: list[System]) -> None:
    found = compare(systems, 8.0)
    p = []
    for pair, other in zip(found.pairs, systems[1:], strict=True):
        scores = other.per_question("f1")[0] - systems[0].per_question("f1")[0]
        by_article = 100 * scores.reshape(24, 20).mean(axis=1)
        p.append(stats.ttest_1samp(by_article + 8.0, 0, alternative="greater").pvalue)
        assert pair.headline.error == pytest.approx(stats.sem(by_article))
    margins = [pair.margin for pair in found.pairs]
    assert [m.p_no_worse for m in margins if m] == pytest.approx(holm(np.array(p)).tolist())
    assert margins[0] is not None
    assert margins[1] is not None
    assert margins[0].no_worse
    assert margins[1].no_worse
    assert "C is no worse than A by a margin of 8 F1 (Holm p <0.001 over 2 pairs)." in found.pairs[1].verdict
    assert not margins[1].same, "far better is not the same"


def test_a_small_margin_is_not_shown_and_systems_that_answer_alike_are_the_same(systems: list[System]) -> None:
    a, b, _ = systems
    tight = compare([a, b], 0.1).pairs[0]
    assert tight.margin is not None
    assert not tight.margin.no_worse
    assert "It is not shown that B is no worse than A by a margin of 0.1 F1" in tight.verdict
    alike = compare([a, replace(a, name="B")], 0.5).pairs[0]
    assert "B and A are the same by a margin of 0.5 F1" in alike.verdict
    plain = comparison_to_dict(compare([a, b], 8.0))["pairs"][0]["margin"]
    assert (plain["margin"], plain["no_worse"]) == (8.0, True)
    assert comparison_to_dict(compare([a, b]))["pairs"][0]["margin"] is None
    for wrong in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(UsageError, match="points of F1 above 0"):
            compare([a, b], wrong)


def test_the_plan_of_one_seed_turns_the_detectable_difference_round(
    systems: list[System], host: PluginHost, tmp_path: Path
) -> None:
    found = compare(systems[:2])
    d = found.pairs[0].headline
    (plan,) = needed(found.pairs, systems, d.detectable, "article")
    assert plan.clusters_needed == {1: 24}
    (more,) = needed(found.pairs, systems, d.detectable / 2, "article")
    count = more.clusters_needed[1]
    assert count is not None
    error = np.array([d.error * math.sqrt(24 / count)])
    assert detectable_difference(error, count - 1, d.level)[0] <= d.detectable / 2
    error = np.array([d.error * math.sqrt(24 / (count - 1))])
    assert detectable_difference(error, count - 2, d.level)[0] > d.detectable / 2
    wanted = f"To find a true difference of {d.detectable / 2:g} F1 4 times in 5, B against A takes {count:,} articles"
    assert more.text.startswith(wanted)
    assert "several say how many it takes" in more.text
    planned = compare_systems(systems[:2], draws=99, detect=d.detectable / 2)
    assert [*planned.plans] == [more]
    assert json.loads(json.dumps(comparison_to_dict(planned)))["detect"] == json.loads(json.dumps([asdict(more)]))
    assert [*found.plans] == comparison_to_dict(found)["detect"] == []
    assert more.text in repr(planned)
    for name in ("console", "markdown", "html"):
        printed = io.StringIO()
        shown = Console(width=1000, file=printed)
        host.live(LiveReporter, "reporter", name).compare(planned, tmp_path / name, shown, show=0)
        text = printed.getvalue() if name == "console" else (tmp_path / name).read_text()
        assert more.text in text, name
    assert needed(found.pairs, systems, 1e-4, "article")[0].clusters_needed == {1: None}
    with pytest.raises(UsageError, match="points of F1 above 0"):
        needed(found.pairs, systems, 0.0, "article")


def test_a_single_system_is_asked_for_no_margin_and_no_plan(host: PluginHost) -> None:
    alone = [system(host, "A", DATA, [0.6, 0.7])]
    assert not compare(alone).pairs
    with pytest.raises(UsageError, match="between two systems, and this is one"):
        compare(alone, 1.0)
    with pytest.raises(UsageError, match="between two systems, and this is one"):
        compare_systems(alone, draws=99, detect=1.0)
    with pytest.raises(UsageError, match="between two systems, and this is one"):
        needed([], alone, 1.0, "article")


def test_the_plan_of_several_seeds_says_what_more_seeds_save(host: PluginHost) -> None:
    several = [system(host, "A", DATA, [0.68, 0.7, 0.72]), system(host, "B", DATA, [0.78, 0.8, 0.82], 9)]
    found = compare(several)
    (plan,) = needed(found.pairs, several, 8.0, "article")
    assert list(plan.clusters_needed) == [3, 5, 10]
    counts = [math.inf if count is None else count for count in plan.clusters_needed.values()]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[2]
    assert "with 10 seeds each" in plan.text


@pytest.mark.parametrize(("first", "second"), [(3, 3), (1, 3), (10, 3)])
def test_the_plan_is_the_same_whatever_number_of_seeds_told_of_the_variances(
    first: int, second: int, systems: list[System]
) -> None:
    """By hand: what 50 clusters and 3 seeds detect, where the parts of the variance are 1 and 2 / 3."""
    freedom = (5 / 3) ** 2 / (1 / 49 + (2 / 3) ** 2 / 4)
    wanted = (stats.t.ppf(0.975, freedom) + stats.t.ppf(0.8, freedom)) * math.sqrt(5 / 3)
    of_seeds = 1 / second + 1 / first
    d = compare(systems[:2]).pairs[0].headline
    d = replace(d, error=math.sqrt(1 + of_seeds), cluster_share=1 / (1 + of_seeds), cluster_count=50, level=0.05)
    sides = [System("A", systems[0].evaluations * first), System("B", systems[1].evaluations * second)]
    pair = replace(compare(systems[:2]).pairs[0], differences=[d])
    (plan,) = needed([pair], sides, wanted, "article")
    assert plan.clusters_needed[3] == 50
    now = "3" if first == 3 else f"3 of B and {first} of A"
    assert plan.text.endswith(f"(now 50 with {now}).")
    assert "takes 50 articles with 3 seeds each; or " in plan.text


def test_systems_that_answer_alike_tell_nothing_of_what_it_takes(systems: list[System]) -> None:
    twice = [systems[0], replace(systems[0], name="B")]
    (plan,) = needed(compare(twice).pairs, twice, 1.0, "article")
    assert plan.text == "B and A answer alike: nothing says what it takes to tell them apart."


def test_what_differs_says_nothing_of_what_it_takes_where_no_other_article_does(
    host: PluginHost, systems: list[System]
) -> None:
    alone = articles(4, 1)
    within = [system(host, "A", alone, [0.0]), system(host, "B", alone, [1.0])]
    (plan,) = needed(compare(within).pairs, within, 1.0, "context")
    unknown = "nothing says what it takes to tell them apart."
    assert plan.text == f"B and A answer questions of one context: {unknown}"
    scores = {name: dict.fromkeys(("exact", "f1"), np.full(480, mean)) for name, mean in (("A", 0.3), ("B", 0.4))}
    constant = [System(name, [replace(systems[0].evaluation, per_question=of)]) for name, of in scores.items()]
    (plan,) = needed(compare(constant).pairs, constant, 1.0, "article")
    assert plan.text == f"B and A differ by the same in every article: {unknown}"
