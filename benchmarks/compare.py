"""``qatk compare`` as a whole process, with all that it prints and the page. Run: python benchmarks/compare.py.

The runs are make-believe, of the size of SQuAD v2's dev set: 11,873 questions of 35 articles, 20 best spans each, all
built-in slices. Their answers are drawn at random, right more often in some runs than in others.
"""

from __future__ import annotations

import os
import random
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

import numpy as np
from common import Row, figure, generated, seconds, to_examples
from processes import QATK
from table import alone

from qatk.evaluation.metrics import judge
from qatk.files import write_json
from qatk.languages import ENGLISH
from qatk.plugins.host import PluginHost
from qatk.plugins.live import LiveMetric, LiveSlicer
from qatk.recipes.compose import default_parts
from qatk.run_folder.examples_table import write_examples
from qatk.run_folder.folder import RunFolder
from qatk.run_folder.manifest import DataRecord, Identity, StageRecord
from qatk.types import Examples, NBest, Predictions

QUESTIONS, ARTICLES, N_BEST = 11_873, 35, 20
TARGETS = {2: 2.0, 10: 10.0}
"""Seconds that a whole process may take, by the number of systems."""


def measure(repetitions: int = 5) -> list[Row]:
    """A row for each number of systems."""
    examples, host = dev_like(), PluginHost.discover()
    with tempfile.TemporaryDirectory() as folder:
        runs = [Path(folder) / f"run-{k}" for k in range(max(TARGETS))]
        for k, path in enumerate(runs):
            make_run(path, examples, 0.6 + 0.02 * k, k, host)
        return [process(runs[:systems], target, repetitions) for systems, target in TARGETS.items()]


def process(runs: Sequence[Path], target: float, repetitions: int) -> Row:
    """All of ``qatk compare``, on one core."""
    page = ["--html", str(runs[0].parent / "page.html")]
    command = [str(QATK), "compare", *map(str, runs), *page]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}

    def compare() -> None:
        subprocess.run(command, check=True, capture_output=True, env=environment)

    compare()  # once, so that compiled files are there
    times = [seconds(compare)[0] for _ in range(repetitions)]
    case = f"{len(runs)} systems, {QUESTIONS:,} questions"
    return figure("qatk compare, process", case, "s", times, target=target, note="one thread, 10,000 draws, --html.")


def dev_like(questions: int = QUESTIONS) -> Examples:
    """Questions as of the dev set, in number and in articles."""
    examples = to_examples(generated(questions)).take(range(questions))
    article = np.arange(questions) // 10 * 10 * ARTICLES // questions  # whole contexts
    return replace(examples, title=[f"Article {k}" for k in article])


def answers(examples: Examples, skill: float, seed: int) -> Predictions:
    """Make-believe answers with the best spans: the first gold answer at the rate of ``skill``, else words nearby."""
    chance = random.Random(seed)
    texts, starts = [], []
    for row in range(len(examples)):
        context, gold = examples.context_of(row), examples.spans_of(row)
        begins = [0, *(at + 1 for at, letter in enumerate(context) if letter == " ")]
        for rank in range(N_BEST):
            first = chance.randrange(len(begins) - 7)
            span = (begins[first], begins[first + chance.randint(1, 6)] - 1)
            if gold and rank == 0 and chance.random() < skill:
                span = gold[0]
            texts.append(context[slice(*span)])
            starts.append(span[0])
    return _columns(examples, skill, texts, starts, np.random.default_rng(seed))


def _columns(
    examples: Examples, skill: float, texts: list[str], starts: list[int], generator: np.random.Generator
) -> Predictions:
    n = len(examples)
    start = np.array(starts, np.int32)
    end = (start + np.fromiter(map(len, texts), np.int64, len(texts))).astype(np.int32)
    score = -np.sort(-generator.normal(3, 2, (n, N_BEST)), axis=1).astype(np.float32)
    null = (score[:, 0] + generator.normal(np.where(examples.has_answer, -2, 2) * skill, 1.5)).astype(np.float32)
    share = np.exp(score - np.logaddexp(null, np.logaddexp.reduce(score, axis=1))[:, None]).astype(np.float32)
    offsets = np.array(list(accumulate([N_BEST] * n, initial=0)), np.int64)
    best = NBest(offsets, texts, start, end, score.ravel(), share.ravel())
    says = null <= score[:, 0]
    return Predictions(
        text=[text if said else "" for text, said in zip(texts[::N_BEST], says, strict=True)],
        char_start=np.where(says, start[::N_BEST], -1).astype(np.int32),
        char_end=np.where(says, end[::N_BEST], -1).astype(np.int32),
        score=score[:, 0].copy(),
        null_score=null,
        nbest=best,
    )


def make_run(path: Path, examples: Examples, skill: float, seed: int, host: PluginHost) -> None:
    """A run folder with all that comparing reads."""
    metrics = default_parts(LiveMetric, "metrics", ENGLISH, host)
    slicers = default_parts(LiveSlicer, "slicers", ENGLISH, host)
    evaluation = judge(examples, answers(examples, skill, seed), metrics, slicers)
    folder = RunFolder.open(path, Identity(recipe=f"{skill}"), resume=False)
    folder.update(
        name=path.name,
        stages={name: StageRecord(seconds=9.5) for name in ("data", "predict", "score")},
        data={"dev": DataRecord(digest=examples.digest(), questions=len(examples))},
        recipe={"seed": seed, "metrics": [{"use": "squad"}]},
        model={"parameters": 22_000_000},
    )
    folder.save()
    write_json(path / "metrics.json", dict(evaluation.metrics))
    write_examples(path / "examples.parquet", evaluation)


if __name__ == "__main__":
    alone(__doc__, measure, repetitions=5)
