"""``qatk.pipeline`` beside the pipeline that transformers had. Run: python benchmarks/pipeline.py.

Questions of the mini set, or generated ones, by MiniLM with a question-answering head that was never trained: the
answers mean nothing, the work is that of any such model. Both sides run in float32; rows have bf16 and int8 too.
"""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from common import Row, Timed, mini_or_generated, speedup, to_examples
from models import MODEL
from reference_pipeline import Pipeline
from table import alone
from transformers import AutoModelForQuestionAnswering, AutoTokenizer
from transformers.utils import logging

import qatk
from qatk_builtin.backbones.model_source import ModelSource

QUESTIONS, TARGET = 1000, 5
ALONE = "float32, one call a question"
AGREEMENT = 0.95
"""The least share of questions of one window to which both sides give the same answer."""


def measure(repetitions: int = 3, questions: int = QUESTIONS) -> list[Row]:
    """A batch of questions, in float32, in bf16, and in int8 by OpenVINO; and in float32 one call a question."""
    name, data = mini_or_generated()
    examples = to_examples(data)
    rows = range(min(questions, len(examples)))
    asked = [(examples.question[row], examples.context_of(row)) for row in rows]
    with TemporaryDirectory() as folder:
        save(Path(folder))
        theirs = Pipeline(AutoModelForQuestionAnswering.from_pretrained(folder), AutoTokenizer.from_pretrained(folder))
        sides = {dtype: qatk.pipeline(model=folder, device="cpu", dtype=dtype) for dtype in ("float32", "bfloat16")}
        sides["int8"] = qatk.pipeline(model=folder, device="cpu", runtime="openvino:int8")
        agree(sides["float32"], theirs, asked)
        times: dict[str, list[float]] = {side: [] for side in (*sides, ALONE, "reference")}
        for pipe in sides.values():
            pipe(*columns(asked[:32]))
        for _ in range(repetitions):
            for dtype, pipe in sides.items():
                times[dtype].append(took(lambda pipe=pipe: pipe(*columns(asked))))
            times[ALONE].append(took(lambda: [sides["float32"](*pair) for pair in asked]))
            times["reference"].append(took(lambda: [theirs(*pair) for pair in asked]))
    return [
        speedup(
            f"pipeline, {dtype}",
            name,
            "questions",
            Timed(times[dtype], len(asked)),
            Timed(times["reference"], len(asked)),
            "the contract of transformers, question by question, float32",
            target=None if dtype == ALONE else TARGET,
        )
        for dtype in (*sides, ALONE)
    ]


def columns(asked: list[tuple[str, str]]) -> list[list[dict[str, str]]]:
    return [[{"question": question, "context": context} for question, context in asked]]


def took(work: Any) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def save(folder: Path) -> None:
    """MiniLM as a question-answering checkpoint whose head is random."""
    source = ModelSource(MODEL, None, code=False).folder_with_weights()
    torch.manual_seed(0)
    logging.set_verbosity_error()  # the head's weights are missing on purpose
    logging.disable_progress_bar()
    AutoModelForQuestionAnswering.from_pretrained(source).save_pretrained(folder)
    AutoTokenizer.from_pretrained(source, model_max_length=512).save_pretrained(folder)


def agree(ours: Any, theirs: Pipeline, asked: list[tuple[str, str]]) -> None:
    """Stop where the sides do not answer alike: of one window, both rank by the same products."""
    short = [pair for pair in asked if len(pair[1]) < 600][:100]
    found = ours(*columns(short), align_to_words=False)
    same = [answer["answer"] == theirs(*pair)["answer"] for answer, pair in zip(found, short, strict=True)]
    if sum(same) < AGREEMENT * len(same):
        raise SystemExit(f"both sides give the same answer to {sum(same)} of {len(same)} short questions only")


if __name__ == "__main__":
    alone(__doc__, measure, 3)
