"""Training windows the ``run_qa`` way, written from its description: the yardstick for speed and agreement.

Every question is encoded together with its context, padded to the maximum length, 1,000 questions at a time, and
labels are found by a walk over the offsets; ``datasets.map`` drives it. The data set is in memory, so nothing goes
to the disk.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from datasets import Dataset

BATCH = 1000


def dataset(data: dict[str, Any]) -> Dataset:
    """A row a question, as a data set on the hub has them."""
    rows = [
        {
            "question": qa["question"],
            "context": paragraph["context"],
            "answers": {name: [answer[name] for answer in qa["answers"]] for name in ("text", "answer_start")},
        }
        for article in data["data"]
        for paragraph in article["paragraphs"]
        for qa in paragraph["qas"]
    ]
    return Dataset.from_list(rows)


def featurize(tokenizer: Any, examples: Dataset, max_length: int, doc_stride: int) -> Dataset:
    """Padded windows with start and end positions for training."""
    return examples.map(
        partial(prepare, tokenizer=tokenizer, max_length=max_length, doc_stride=doc_stride),
        batched=True,
        batch_size=BATCH,
        remove_columns=examples.column_names,
        load_from_cache_file=False,
    )


def loop(tokenizer: Any, batches: list[dict[str, Any]], max_length: int, doc_stride: int) -> None:
    """The same work on batches that are Python lists already, keeping nothing: what it takes without ``datasets``."""
    for batch in batches:
        prepare(batch, tokenizer=tokenizer, max_length=max_length, doc_stride=doc_stride)


def prepare(examples: dict[str, Any], *, tokenizer: Any, max_length: int, doc_stride: int) -> dict[str, list[Any]]:
    """The windows of one batch of questions."""
    encoded = tokenizer(
        [question.lstrip() for question in examples["question"]],
        examples["context"],
        truncation="only_second",
        max_length=max_length,
        stride=doc_stride,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
        padding="max_length",
    )
    sample_of = encoded.pop("overflow_to_sample_mapping")
    offset_mapping = encoded.pop("offset_mapping")
    encoded["start_positions"], encoded["end_positions"] = [], []
    for window, offsets in enumerate(offset_mapping):
        null = encoded["input_ids"][window].index(tokenizer.cls_token_id)
        spans = _label(offsets, encoded.sequence_ids(window), examples["answers"][sample_of[window]])
        start, end = spans or (null, null)
        encoded["start_positions"].append(start)
        encoded["end_positions"].append(end)
    return dict(encoded)


def _label(
    offsets: list[tuple[int, int]], sequence_ids: list[int | None], answers: dict[str, list[Any]]
) -> tuple[int, int] | None:
    """First and last token of the first answer; ``None`` where the window does not hold it."""
    if not answers["answer_start"]:
        return None
    start = answers["answer_start"][0]
    end = start + len(answers["text"][0])
    first = 0
    while sequence_ids[first] != 1:
        first += 1
    last = len(sequence_ids) - 1
    while sequence_ids[last] != 1:
        last -= 1
    if not (offsets[first][0] <= start and offsets[last][1] >= end):
        return None
    while first < len(offsets) and offsets[first][0] <= start:
        first += 1
    while offsets[last][1] >= end:
        last -= 1
    return first - 1, last + 1


def windows(features: Dataset) -> Iterator[tuple[list[int], int, int]]:
    """The ids of each window without padding, and its labels, for checks."""
    columns = features[:]
    marks = zip(columns["attention_mask"], columns["start_positions"], columns["end_positions"], strict=True)
    for ids, (mask, start, end) in zip(columns["input_ids"], marks, strict=True):
        yield ids[: sum(mask)], start, end
