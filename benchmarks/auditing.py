"""Audits of data: qatk beside the plain way, which asks the tokenizer for windows and goes through them in Python.

Both say of every gold answer what the tokens of its windows make of it, and must agree. The audit that tries other
windows too, as ``qatk data audit`` does, has a row of seconds. Run: python benchmarks/run.py auditing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from common import Row, Timed, alternate, figure, mini_or_generated, speedup, to_examples
from features import minilm

from qatk.api import Examples, Features
from qatk.data import audit
from qatk.evaluation.token_spans import FITS, find_token_spans
from qatk.languages import normalise_answer
from qatk.plugins.model_types import BackboneSpec
from qatk_builtin.featurizers import StrideOptions
from qatk_builtin.featurizers.stride import StrideFeaturizer

LENGTH, STRIDE, QUESTIONS = 128, 32, 2_000
_BATCH = 500


def plainly(examples: Examples, tokenizer: Any, max_length: int, doc_stride: int) -> Counter[str]:
    """How many gold answers are exact, loose, cut or in no window, by the tokenizer's own windows and offsets."""
    found: Counter[str] = Counter()
    for first in range(0, len(examples), _BATCH):
        rows = range(first, min(first + _BATCH, len(examples)))
        encoded = tokenizer(
            [examples.question[row].lstrip() for row in rows],
            [examples.context_of(row) for row in rows],
            truncation="only_second",
            max_length=max_length,
            stride=doc_stride,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        of_row: dict[int, list[list[tuple[int, int]]]] = {}
        for window, row in enumerate(encoded["overflow_to_sample_mapping"]):
            chars = zip(encoded.sequence_ids(window), encoded["offset_mapping"][window], strict=True)
            of_row.setdefault(rows[row], []).append([span for sequence, span in chars if sequence == 1])
        for row in rows:
            for answer in (answer for span in examples.spans_of_answer(row) for answer in span):
                context = examples.context_of(row)
                fits = [_fit(context, tokens, answer.text, answer.start) for tokens in of_row[row]]
                found[min(fits, key=FITS.index)] += 1
    return found


def _fit(context: str, tokens: list[tuple[int, int]], text: str, start: int) -> str:
    end = start + len(text.rstrip())
    start += len(text) - len(text.lstrip())
    over = [(left, right) for left, right in tokens if right > start and left < end]
    if not over or over[0][0] > start or over[-1][1] < end:
        return "window"
    given = context[over[0][0] : over[-1][1]]
    if given == text:
        return "exact"
    return "loose" if normalise_answer(given) == normalise_answer(text) else "cut"


def quickly(examples: Examples, tokenizer: Any, spec: BackboneSpec, max_length: int, doc_stride: int) -> Counter[str]:
    """The same by qatk."""
    spans = find_token_spans(examples, _windows(examples, tokenizer, spec, max_length, doc_stride))
    return Counter({name: found for code, name in enumerate(FITS) if (found := int((spans.fit == code).sum()))})


def _windows(examples: Examples, tokenizer: Any, spec: BackboneSpec, max_length: int, doc_stride: int) -> Features:
    featurizer = StrideFeaturizer(StrideOptions(max_length=max_length, doc_stride=doc_stride))
    return featurizer.featurize(examples, tokenizer, spec, targets=False)


def whole(examples: Examples, tokenizer: Any, spec: BackboneSpec) -> Mapping[str, int]:
    """All that ``qatk data audit`` does once data and tokenizer are loaded."""

    def featurize(among: Examples, max_length: int, doc_stride: int) -> Features:
        return _windows(among, tokenizer, spec, max_length, doc_stride)

    return audit(examples, featurize, max_length=384, doc_stride=128, longest=spec.max_length, cap=30).fits


def measure(repetitions: int = 5) -> list[Row]:
    """Gold answers through tokens and back, and the whole audit."""
    tokenizer, spec = minilm()
    case, data = mini_or_generated()
    examples = to_examples(data)
    few = examples.take(range(0, len(examples), max(1, len(examples) // QUESTIONS)))
    ours, theirs = quickly(few, tokenizer, spec, LENGTH, STRIDE), plainly(few, tokenizer, LENGTH, STRIDE)
    if ours != theirs:
        raise SystemExit(f"the audits differ: {dict(ours)} and {dict(theirs)}")
    times = alternate(
        {
            "qatk": lambda: quickly(few, tokenizer, spec, LENGTH, STRIDE),
            "plain": lambda: plainly(few, tokenizer, LENGTH, STRIDE),
            "whole": lambda: whole(examples, tokenizer, spec),
        },
        repetitions,
    )
    on = f"{case}, {len(few):,} questions"
    pair = (Timed(times["qatk"], len(few)), Timed(times["plain"], len(few)))
    return [
        speedup("auditing answers", on, "questions", *pair, "the tokenizer's windows, in Python"),
        figure("auditing, with other windows", f"{case}, {len(examples):,} questions", "s", times["whole"]),
    ]
