"""Heads and decoders for several spans, side by side: ``python benchmarks/evidence.py``, at the root.

Each trains on generated list questions ("Which towns lie on the Orrin?") and answers others, with several seeds. With
``--widened``, gold is widened to the sentences around it, which is evidence; ``linear`` learns from the first span of
each window alone, in both cases. Word F1 and IoU F1 are those of the metric ``spans``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import qatk
from qatk.plugins.host import PluginHost
from qatk.results import RunResult
from qatk.statistics.intervals import mean_interval_over_seeds
from qatk.types import Examples, clusters_of

SIDES = {
    "linear, sentences": ("linear", "sentences"),
    "tagger, several": ("tagger", "several"),
    "tagger, sentences": ("tagger", "sentences"),
    "span-set, several": ("span-set", "several"),
}
RECIPE = """
qatk: 1
backbone: {use: tiny}
data:
  train: {use: facts}
  dev: {use: facts}
featurizer: {use: stride, max_length: 256, doc_stride: 64}
metrics: [{use: squad}, {use: spans}]
reporters: []
"""


@dataclass(frozen=True)
class Found:
    """What one side reached: per cent, means over seeds; ``low`` and ``high`` bound word F1, by passage.

    Attributes:
        side: head and decoder.
        word_f1, iou_f1, over_prediction: see the metric ``spans``.
        low, high: the 95 % interval of word F1.
        windows_per_second: of prediction.
    """

    side: str
    word_f1: float
    low: float
    high: float
    iou_f1: float
    over_prediction: float
    windows_per_second: float


def measure(
    questions: int, seeds: Sequence[int], settings: Sequence[str], *, widened: bool, sides: Sequence[str] = tuple(SIDES)
) -> list[Found]:
    """All sides, on so many training questions and a quarter as many others."""
    data = {
        name: questions_of(size, seed, widened)
        for name, size, seed in (("train", questions, 1), ("dev", max(questions // 4, 24), 2))
    }
    found = []
    with tempfile.TemporaryDirectory() as folder:
        recipe = Path(folder) / "recipe.yaml"
        recipe.write_text(RECIPE)
        for side, (head, decoder) in ((side, SIDES[side]) for side in sides):
            chosen = [f"head={{use: {head}}}", f"decoder={{use: {decoder}}}", *settings]
            runs = [
                qatk.run(recipe, out=Path(folder) / f"{head}-{decoder}-{seed}", seed=seed, settings=chosen, data=data)
                for seed in seeds
            ]
            found.append(_summed_up(side, runs))
    return found


def questions_of(number: int, seed: int, widened: bool) -> Examples:
    """Generated questions, most of which ask for a list."""
    options = {"questions": number, "seed": seed, "lists": 0.8, "long": 0.0}
    examples: Examples = PluginHost.discover().build("dataset", "facts", options).load()
    return in_sentences(examples) if widened else examples


def in_sentences(examples: Examples) -> Examples:
    """The same questions, each span of gold widened to its sentence; spans of one sentence become one."""
    from sentencex import get_sentence_boundaries

    texts, starts, spans, counts = [], [], [], []
    for row in range(len(examples)):
        context = examples.context_of(row)
        edges = [(each["start_index"], each["text"].rstrip()) for each in get_sentence_boundaries("en", context)]
        due = [edge for edge in edges if any(edge[0] <= a < edge[0] + len(edge[1]) for a, _ in examples.spans_of(row))]
        counts.append(len(due))
        texts += [text for _, text in due]
        starts += [start for start, _ in due]
        spans += range(len(due))
    return replace(
        examples,
        answer_offsets=np.cumsum([0, *counts], dtype=np.int64),
        answer_text=texts,
        answer_start=np.array(starts, np.int32),
        answer_span=np.array(spans, np.int32),
    )


def _summed_up(side: str, runs: Sequence[RunResult]) -> Found:
    word = np.stack([run.evaluation.per_question["word_f1"] for run in runs])
    low, high = mean_interval_over_seeds(word, clusters_of(runs[0].evaluation.examples).index)
    speed = np.mean(
        [stage.counts["windows_per_second"] for run in runs for stage in run.stages if stage.name == "predict"]
    )
    figures = {name: float(np.mean([run.metrics[name] for run in runs])) for name in ("iou_f1", "over_prediction")}
    return Found(side, 100 * float(word.mean()), low, high, **figures, windows_per_second=float(speed))


def table(found: Sequence[Found]) -> str:
    """The figures as a Markdown table."""
    lines = ["| head, decoder | word F1 | 95 % | IoU F1 | over-prediction | windows/s |", "|---|--:|--:|--:|--:|--:|"]
    for each in found:
        figures = f"{each.word_f1:.1f} | {each.low:.1f} to {each.high:.1f} | {each.iou_f1:.1f}"
        lines.append(f"| {each.side} | {figures} | {each.over_prediction:.1f} | {each.windows_per_second:,.0f} |")
    return "\n".join(lines)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=8000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--widened", action="store_true")
    parser.add_argument("--set", action="append", default=[], dest="settings", help="a setting of the recipe")
    given = parser.parse_args()
    settings = ["trainer.epochs=8", "trainer.learning_rate=2e-3", *given.settings]
    sys.stdout.write(table(measure(given.questions, range(given.seeds), settings, widened=given.widened)) + "\n")


if __name__ == "__main__":
    main()
