"""Whether a promised error rate holds, by simulation: ``python benchmarks/risk_control.py``, at the root.

A model's answers are wrong with a chance that rises with their null odds, by a logistic curve; each article moves the
curve by an effect of its own, drawn from a normal distribution, and, in one world, the null odds of its questions too.
Articles differ in size. A promise is broken if, over all articles of the world, more of the answers at its threshold
are wrong than was promised; that share is found from a million questions. The rule that ignores articles stands beside.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qatk.calibration.fitting import Questions
from qatk.calibration.risk_control import Ask, control_risk
from qatk.errors import DataError
from qatk.types import Bool, Clusters, Float64, Int64

QUESTIONS = 2000
CLUSTERS = (6, 20, 48)
LEVEL, SLOPE = -2.0, 1.5
"""The logistic curve of wrong answers over the null odds."""
SIZES = 0.5
"""Deviation of the logarithm of an article's number of questions."""


@dataclass(frozen=True)
class World:
    """How much articles differ: in how often answers are wrong at the same odds, and in the odds themselves."""

    name: str
    effect: float
    shift: float = 0.0

    def draw(self, articles: int, questions: int, generator: np.random.Generator) -> tuple[Float64, Bool, Int64]:
        """Null odds, whether the answer is wrong, and the article, of each question."""
        weight = generator.lognormal(0, SIZES, articles)
        sizes = np.maximum(1, (questions * weight / weight.sum()).astype(np.int64))
        article = np.repeat(np.arange(articles), sizes)
        odds = generator.normal(size=len(article)) + generator.normal(0, self.shift, articles)[article]
        chance = 1 / (1 + np.exp(-(LEVEL + SLOPE * odds + generator.normal(0, self.effect, articles)[article])))
        return odds, generator.random(len(article)) < chance, article


WORLDS = (
    World("articles alike", 0.0),
    World("articles differ", 0.5),
    World("articles differ much", 1.0),
    World("odds differ too", 0.5, 0.5),
)


@dataclass(frozen=True)
class Rates:
    """Shares of simulations in which a promise is made, and broken; how much is answered on average, and could be."""

    made: float
    broken: float
    broken_by_question: float
    answered: float
    possible: float


def rates(world: World, articles: int, ask: Ask, draws: int) -> Rates:
    """What ``draws`` simulations of so many articles find."""
    odds, wrong, _ = world.draw(100_000, 1_000_000, np.random.default_rng(10**6))
    order = np.argsort(odds)
    truth = np.cumsum(wrong[order]) / np.arange(1, len(odds) + 1)
    odds = odds[order]
    held, plain, answered = [], [], []
    for seed in range(draws):
        drawn, is_wrong, article = world.draw(articles, QUESTIONS, np.random.default_rng(seed))
        right, there = 1.0 - is_wrong, np.ones(len(drawn), np.bool_)
        questions = Questions(drawn, there, there, right, right)
        for clusters, into in ((article, held), (np.arange(len(drawn)), plain)):
            try:
                promise = control_risk(questions, Clusters(clusters, "article", int(clusters.max()) + 1), ask)
            except DataError:
                continue
            at = min(int(np.searchsorted(odds, promise.threshold)), len(odds) - 1)
            into.append(truth[at] > ask.at_most)
            if into is held:
                answered.append(promise.chosen.answered)
    possible = np.flatnonzero(truth <= ask.at_most)[-1] / len(odds)
    mean = float(np.mean(answered)) if answered else 0.0
    return Rates(len(held) / draws, sum(held) / draws, sum(plain) / draws, mean, float(possible))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=1000, help="simulations of each row (default: %(default)s)")
    parser.add_argument("--at-most", type=float, default=0.05, help="promised share (default: %(default)s)")
    options = parser.parse_args(arguments)
    ask, began = Ask(options.at_most), time.perf_counter()
    print(f"{options.draws} simulations a row, {QUESTIONS} questions; at most {ask.at_most:.0%} wrong, confidence 90%")
    print("| world | articles | promise made | broken | broken, articles ignored | answered | at best |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for world in WORLDS:
        for articles in CLUSTERS:
            found = rates(world, articles, ask, options.draws)
            shares = (found.made, found.broken, found.broken_by_question, found.answered, found.possible)
            print(
                f"| {world.name} | {articles} | " + " | ".join(f"{100 * share:.1f} %" for share in shares) + " |",
                flush=True,
            )
    print(f"{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
