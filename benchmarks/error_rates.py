"""How often comparisons are wrong, by simulation: ``python benchmarks/error_rates.py``, at the root.

Systems answer questions of articles that differ: a system's rate of right answers in an article is the common one and
an effect of its own in that article, drawn from a normal distribution. In the mean over articles all systems are equal,
so that every claim is false; for power one of them is better by a fixed difference. Some wrong answers have half of F1.
All figures are those of :func:`qatk.comparison.compare.compare_systems`, the comparison that users see.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from qatk.comparison.compare import compare_systems
from qatk.results import UNRESOLVED, Comparison, Difference, Evaluation, System
from qatk.results.comparison import ALPHA
from qatk.statistics.intervals import mean_interval
from qatk.statistics.significance import holm
from qatk.types import Examples, Predictions

QUESTIONS, PER_CONTEXT = 40, 5
"""Of an article, and of one of its contexts; every third question has no answer."""
RATE, SPREAD, HALF = 0.7, 0.1, 0.3
"""The common rate of right answers, the deviation of effects in an article, the share of wrong ones with half F1."""
SYSTEMS = 10
CLUSTERS = (6, 20, 48)


@dataclass(frozen=True)
class Rates:
    """What a number of simulations found for one number of articles; shares of them, or of lines.

    Attributes:
        clusters: articles.
        pair, pair_by_question: one pair of equal systems whose F1 has a p below 0.05, by article and by question.
        family, family_by_question: ten equal systems of which any line of 60 claims a difference; the second by the
            former rule, Holm over the tests by question and an interval by article without 0.
        headline, headline_by_question: likewise, any of the ten verdicts on F1.
        coverage, coverage_by_question: 95 % intervals of F1 that hold the true difference.
        mean, mean_by_question: 95 % intervals of one system's EM that hold its true value, likewise.
        detectable: the difference in F1 that one pair is said to detect, in points; the mean.
        power: how often one pair with that true difference is told apart.
    """

    clusters: int
    pair: float
    pair_by_question: float
    family: float
    family_by_question: float
    headline: float
    headline_by_question: float
    coverage: float
    coverage_by_question: float
    mean: float
    mean_by_question: float
    detectable: float
    power: float


def questions(clusters: int) -> Examples:
    """Questions of so many articles; all contexts are one short text, for scores are drawn."""
    n = clusters * QUESTIONS
    has_answer = np.arange(n) % 3 != 0
    return Examples(
        id=[str(row) for row in range(n)],
        question=["?"] * n,
        title=[f"article {row // QUESTIONS}" for row in range(n)],
        context=["x"] * (n // PER_CONTEXT),
        context_index=np.arange(n, dtype=np.int32) // PER_CONTEXT,
        answer_offsets=np.concatenate([[0], np.cumsum(has_answer)]),
        answer_text=["x"] * int(has_answer.sum()),
        answer_start=np.zeros(int(has_answer.sum()), np.int32),
    )


def draw(examples: Examples, count: int, generator: np.random.Generator, better: float = 0.0) -> Iterator[System]:
    """So many systems after a baseline, better than it by so much F1, a fraction."""
    n = len(examples)
    nowhere, unknown = np.full(n, -1, np.int32), np.full(n, np.nan, np.float32)
    said = Predictions([""] * n, nowhere, nowhere, unknown, unknown)
    owner = np.arange(n) // QUESTIONS
    halves = HALF * examples.has_answer  # of wrong answers so many are half right, and F1 rises by less than EM
    scale = 1 - float(halves.mean()) / 2
    for k in range(count + 1):
        effect = generator.normal(0, SPREAD, owner[-1] + 1) + (better / scale if k else 0.0)
        exact = (generator.random(n) < RATE + effect[owner]).astype(np.float64)
        f1 = np.where((exact == 0) & (generator.random(n) < halves), 0.5, exact)
        yield System(f"S{k}", [Evaluation(examples, said, {}, {"exact": exact, "f1": f1})])


def simulate(clusters: int, times: int, draws: int, seed: int) -> Rates:
    """Compare equal systems so many times, then unequal ones."""
    examples, generator = questions(clusters), np.random.default_rng([seed, clusters])
    found = np.array(
        [_equal(compare_systems(list(draw(examples, SYSTEMS, generator)), draws=draws)) for _ in range(times)]
    )
    alone = [compare_systems(list(draw(examples, 1, generator)), draws=1) for _ in range(times)]
    detectable = float(np.mean([_headline(each, 0).detectable for each in alone]))
    unequal = (list(draw(examples, 1, generator, detectable / 100)) for _ in range(times))
    told = [_headline(compare_systems(systems, draws=draws), 0).verdict == "better" for systems in unequal]
    return Rates(clusters, *found.mean(axis=0).tolist(), detectable, float(np.mean(told)))


def _headline(comparison: Comparison, pair: int) -> Difference:
    return next(d for d in comparison.pairs[pair].differences if (d.metric, d.group) == ("f1", "all"))


def _equal(comparison: Comparison) -> list[float]:
    """What one comparison of equal systems shows, in the order of :class:`Rates`."""
    lines = [d for pair in comparison.pairs for d in pair.differences]
    heads = [_headline(comparison, k) for k in range(len(comparison.pairs))]
    former = holm(np.array([d.p_by_question for d in lines])) < ALPHA
    claims = {id(d) for d, claimed in zip(lines, former, strict=True) if claimed and not _holds(d.by_cluster)}
    first, baseline = heads[0], comparison.systems[0].evaluation
    of_baseline = baseline.interval("exact", baseline.examples.has_answer | True)
    return [
        first.p < ALPHA,
        first.p_by_question < ALPHA,
        any(d.verdict != UNRESOLVED for d in lines),
        bool(claims),
        any(d.verdict != UNRESOLVED for d in heads),
        any(id(d) in claims for d in heads),
        _holds(first.by_cluster),
        _holds(first.by_question),
        _holds(of_baseline, 100 * RATE),
        _holds(mean_interval(baseline.per_question["exact"]), 100 * RATE),
    ]


def _holds(interval: tuple[float, float], truth: float = 0.0) -> bool:
    return interval[0] <= truth <= interval[1]


def table(rates: Sequence[Rates], times: int) -> str:
    """The rates as Markdown."""
    rows = [
        ("equal systems, one pair: p below 0.05", "pair"),
        ("the same, p by question", "pair_by_question"),
        (f"{SYSTEMS} equal systems: any of {6 * SYSTEMS} rows claims a difference", "family"),
        ("the same, former rule", "family_by_question"),
        (f"{SYSTEMS} equal systems: any headline claims a difference", "headline"),
        ("the same, former rule", "headline_by_question"),
        ("95 % interval of a difference, by article, contains the truth", "coverage"),
        ("the same, by question", "coverage_by_question"),
        ("95 % interval of one system's EM, by article, contains the truth", "mean"),
        ("the same, by question (Wilson)", "mean_by_question"),
        ("power at the stated detectable difference", "power"),
    ]
    head = "".join(f" {each.clusters} |" for each in rates)
    lines = [f"| {times:,} simulations each; articles: |{head}", f"|---|{'--:|' * len(rates)}"]
    lines += [f"| {name} |{''.join(f' {100 * getattr(each, key):.1f} % |' for each in rates)}" for name, key in rows]
    detected = "".join(f" {each.detectable:.1f} |" for each in rates)
    return "\n".join([*lines, f"| the stated detectable difference, points of F1 |{detected}"])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--times", type=int, default=1000, help="simulations for each number of articles")
    parser.add_argument("--draws", type=int, default=1000, help="of the bootstrap and the randomisation")
    parser.add_argument("--clusters", type=int, nargs="+", default=CLUSTERS, help="numbers of articles")
    parser.add_argument("--seed", type=int, default=13)
    given = parser.parse_args()
    began = time.perf_counter()
    print(table([simulate(k, given.times, given.draws, given.seed) for k in given.clusters], given.times))
    print(f"\n{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
