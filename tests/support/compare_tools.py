"""What the tests of comparisons share: questions of several articles, systems that answer them, and run folders."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from live_parts import metrics, slicers
from qatk.evaluation.metrics import judge
from qatk.files import write_json
from qatk.plugins.host import PluginHost
from qatk.results.comparison import System
from qatk.results.evaluation import Evaluation
from qatk.run_folder.examples_table import write_examples
from qatk.run_folder.folder import RunFolder
from qatk.run_folder.manifest import DataRecord, Identity, StageRecord
from qatk.types import Examples, NBest, Predictions

WORDS = ("Who", "When", "Where")


def articles(questions: int = 240, count: int = 8, seed: int = 0) -> Examples:
    """Questions of several articles, four of a context, every fourth without an answer."""
    rng = random.Random(seed)
    contexts = [
        f"It was built in {rng.randrange(1200, 1990)} by the guild of {i} towns." for i in range(questions // 4)
    ]
    golds = [[] if row % 4 == 0 else [contexts[row // 4][16:20]] for row in range(questions)]
    flat = [text for gold in golds for text in gold]
    return Examples(
        id=[f"q{row}" for row in range(questions)],
        question=[f"{WORDS[row % 3]} built number {row}?" for row in range(questions)],
        title=[f"Article {row * count // questions}" for row in range(questions)],
        context=contexts,
        context_index=np.arange(questions, dtype=np.int32) // 4,
        answer_offsets=np.cumsum([0, *map(len, golds)]),
        answer_text=flat,
        answer_start=np.full(len(flat), 16, np.int32),
    )


def answer(examples: Examples, right: float, seed: int, *, odds: bool = True, noise: float = 1.0) -> Predictions:
    """Answers right at this rate; wrong ones abstain, answer where nothing is asked, or say too much."""
    rng = random.Random(seed)
    texts, nulls = [], []
    for row in range(len(examples)):
        gold = examples.answers_of(row)
        said = gold[0] if gold else ""
        if rng.random() >= right:
            said = rng.choice(["", f"in {said}"]) if gold else "guild"
        texts.append(said)
        nulls.append(rng.gauss(-2 if said else 2, noise))
    start = np.array([examples.context_of(i).find(text) if text else -1 for i, text in enumerate(texts)], np.int32)
    end = np.array([s + len(t) if s >= 0 else -1 for s, t in zip(start, texts, strict=True)], np.int32)
    null = np.array(nulls if odds else [np.nan] * len(texts), np.float32)
    score = np.zeros_like(null) if odds else null.copy()
    best = NBest(np.arange(len(texts) + 1), texts, start, end, score, np.ones_like(score))
    return Predictions(texts, start, end, score, null, best)


def evaluation(host: PluginHost, examples: Examples, predictions: Predictions) -> Evaluation:
    return judge(examples, predictions, metrics(host, "squad"), slicers(host, "question-word"))


def system(
    host: PluginHost, name: str, examples: Examples, right: Sequence[float], seed: int = 0, **options: Any
) -> System:
    """A system with a run for each rate of right answers."""
    runs = [evaluation(host, examples, answer(examples, r, seed + i, **options)) for i, r in enumerate(right)]
    return System(name, runs, list(range(len(runs))), [name] * len(runs))


def write_run(
    path: Path, of: Evaluation, *, seed: int = 13, stages: Sequence[str] = ("predict", "score"), **recipe: Any
) -> Path:
    """A run folder with all that comparing reads."""
    folder = RunFolder.open(path, Identity(recipe=str(path)), resume=False)
    folder.update(
        name=path.name,
        stages={name: StageRecord(seconds=2.0) for name in stages},
        data={"dev": DataRecord(digest=of.examples.digest(), questions=len(of.examples))},
        recipe={"seed": seed, "metrics": [{"use": "squad"}], **recipe},
        model={"parameters": 1234},
    )
    folder.save()
    (path / "model").mkdir()
    (path / "model" / "weights").write_bytes(b"x" * 100)
    write_json(path / "metrics.json", dict(of.metrics))
    write_examples(path / "examples.parquet", of)
    return path


def squad_of(examples: Examples) -> dict[str, Any]:
    """These examples in SQuAD form."""
    articles: dict[str, dict[str, list[Any]]] = {}
    for row, (title, name, question) in enumerate(zip(examples.title, examples.id, examples.question, strict=True)):
        spans = zip(examples.answers_of(row), examples.spans_of(row), strict=True)
        answers = [{"text": text, "answer_start": start} for text, (start, _) in spans]
        qa = {"id": name, "question": question, "answers": answers, "is_impossible": not answers}
        articles.setdefault(title, {}).setdefault(examples.context_of(row), []).append(qa)
    data = [
        {"title": title, "paragraphs": [{"context": context, "qas": qas} for context, qas in of.items()]}
        for title, of in articles.items()
    ]
    return {"version": "v2.0", "data": data}
