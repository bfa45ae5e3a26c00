"""Long documents: each article of the mini dev set as one context, beside its paragraphs; time and memory by length.

Run: python benchmarks/long.py [--model RUN]. EM and F1 need a trained run; without one, a MiniLM whose head is random
does the same work. The questions are a sample of those with an answer, the same for all forms, and every one is
answered. Lengths are of one context, which repeats an article.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pipeline
from common import Row, Timed, duration, generated, read, seconds, speedup, to_examples
from shared_data import SHARED
from table import as_data, console, markdown, show

import qatk
from qatk.evaluation.evaluate import evaluate_examples
from qatk.evaluation.reachability import find_reach
from qatk.inference.model import AnsweringModel
from qatk.memory import peak_memory
from qatk.recipes.compose import Sections
from qatk.types import Examples

DEV = SHARED / "squad2-mini" / "dev.json.gz"
QUESTIONS, OF_LENGTH, LINEAR, FLAT = 120, 1, 2.2, 1.1
"""Questions in all; for each length; times the time that twice the length may take; times the memory of 4 times it."""
ALWAYS: Sections = {"decoder": {"null_threshold": "never"}}
KEPT = (1, 2, 4, 8, 16)
BM25: Sections = {**ALWAYS, "passages": {"use": "bm25", "keep": 8}}


def articles() -> tuple[str, list[dict[str, Any]]]:
    """The articles of the mini dev set, or generated ones, with their name."""
    if DEV.exists():
        return "squad2-mini/dev", read(DEV)["data"]
    paragraphs = generated(1_600)["data"][0]["paragraphs"]
    parts = [paragraphs[first : first + 40] for first in range(0, len(paragraphs), 40)]
    return "generated", [{"title": f"part {k}", "paragraphs": part} for k, part in enumerate(parts)]


def joined(paragraphs: list[dict[str, Any]]) -> dict[str, Any]:
    """Paragraphs as one, with the places of their answers moved."""
    context, qas = "", []
    for paragraph in paragraphs:
        for qa in paragraph["qas"]:
            answers = [{**a, "answer_start": a["answer_start"] + len(context)} for a in qa["answers"]]
            qas.append({**qa, "answers": answers})
        context += paragraph["context"] + "\n\n"
    return {"context": context, "qas": qas}


def forms(data: list[dict[str, Any]], questions: int) -> dict[str, Examples]:
    """The same questions about paragraphs and about whole articles."""
    whole = [{**article, "paragraphs": [joined(article["paragraphs"])]} for article in data]
    of = {name: to_examples({"data": content}) for name, content in (("paragraphs", data), ("articles", whole))}
    answerable = np.flatnonzero(of["articles"].has_answer).tolist()
    chosen = random.Random(0).sample(answerable, min(questions, len(answerable)))
    return {name: examples.take(sorted(chosen)) for name, examples in of.items()}


def of_length(data: list[dict[str, Any]], times: int, questions: int = OF_LENGTH) -> Examples:
    """Questions about a context of so many articles."""
    return to_examples({"data": [{"title": "", "paragraphs": [joined(_of(data, times))]}]}).take(range(questions))


def _of(data: list[dict[str, Any]], times: int) -> list[dict[str, Any]]:
    # The same article again and again: twice the length is then twice the text, to the letter.
    return data[0]["paragraphs"] * times


@dataclass
class Measured:
    """How questions about one form were answered.

    Attributes:
        seconds: of each repetition.
        questions: how many there are.
        characters: of a context, on average.
        exact, f1: in per cent.
    """

    seconds: list[float]
    questions: int
    characters: float
    exact: float
    f1: float

    @property
    def timed(self) -> Timed:
        return Timed(self.seconds, self.questions)


def answered(model: AnsweringModel, examples: Examples, repetitions: int) -> Measured:
    took = []
    for _ in range(repetitions):
        one, predictions = seconds(lambda: model.predict(examples))
        took.append(one)
    metrics = evaluate_examples(examples, dict(zip(examples.id, predictions.text, strict=True))).metrics
    lengths = [len(examples.context_of(row)) for row in range(len(examples))]
    return Measured(took, len(examples), statistics.mean(lengths), metrics["exact"], metrics["f1"])


def all_forms(folder: str, data: list[dict[str, Any]], questions: int, repetitions: int) -> dict[str, Measured]:
    """Paragraphs, articles, and articles of which 8 windows are scored."""
    of = forms(data, questions)
    whole, best = (qatk.load_model(folder, device="cpu", settings=settings) for settings in (ALWAYS, BM25))
    whole.predict(of["paragraphs"].take(range(8)))
    return {
        "paragraphs": answered(whole, of["paragraphs"], repetitions),
        "articles": answered(whole, of["articles"], repetitions),
        "articles, bm25": answered(best, of["articles"], repetitions),
    }


def measure(repetitions: int = 1, questions: int = QUESTIONS, folder: str | None = None) -> list[Row]:
    """Questions a second by form; time and memory by length."""
    name, data = articles()
    with TemporaryDirectory() as made:
        if folder is None:
            pipeline.save(Path(made))
            folder = made
        found = all_forms(folder, data, questions, repetitions)
        rows = [
            *(_score(name, form, one) for form, one in found.items() if folder != made),
            _pace("long documents, an article a context", name, found["articles"], found["paragraphs"], "paragraphs"),
            _pace("long documents, bm25 keeps 8", name, found["articles, bm25"], found["articles"], "all windows"),
        ]
        return [*rows, *in_reach(folder, name, data), *by_length(folder, data, repetitions)]


def in_reach(folder: str, name: str, data: list[dict[str, Any]]) -> list[Row]:
    """For how many of all answerable questions some window that is kept holds the answer; no model is asked."""
    examples = forms(data, sys.maxsize)["articles"]
    model = qatk.load_model(folder, device="cpu")
    features = model.parts.featurizer.featurize(examples, model.tokenizer, model.spec, split="dev")
    rows = []
    for keep in (*KEPT, None):
        kept = features
        if keep is not None:
            passages = {"passages": {"use": "bm25", "keep": keep}}
            retriever = qatk.load_model(folder, device="cpu", settings=passages).parts.retriever
            assert retriever is not None
            kept = retriever.chosen(examples, features)
        share = 100 * float((find_reach(examples, kept, cap=30).code == 0).mean())
        note = f"{len(examples):,} questions, {len(kept) / len(examples):.1f} windows a question."
        what = f"long documents, {'all windows' if keep is None else f'bm25 keeps {keep}'}"
        rows.append(Row(what, name, "", "% in reach", share, float("nan"), share, share, share, note=note))
    return rows


def _pace(what: str, name: str, mine: Measured, other: Measured, against: str) -> Row:
    return speedup(what, name, "questions", mine.timed, other.timed, against)


def _score(name: str, form: str, one: Measured) -> Row:
    note = (
        f"EM {one.exact:.1f}, F1 {one.f1:.1f}; {one.questions} questions, {one.characters:,.0f} characters a context."
    )
    return Row(f"long documents, {form}", name, "", "F1", one.f1, float("nan"), one.f1, one.f1, one.f1, note=note)


def by_length(folder: str, data: list[dict[str, Any]], repetitions: int) -> list[Row]:
    """Seconds of CPU and peak memory of contexts of 1, 2 and 4 articles, each length in a process of its own."""
    measured: dict[int, list[Mapping[str, float]]] = {1: [], 2: [], 4: []}
    for _ in range(repetitions):
        for times, of in measured.items():
            of.append(apart(folder, times))
    took = {times: [one["seconds"] for one in of] for times, of in measured.items()}
    memory = {times: max(one["memory"] for one in of) / 2**30 for times, of in measured.items()}
    case = {
        times: f"{len(of_length(data, times).context[0]):,} characters, {OF_LENGTH} questions" for times in measured
    }
    rows = []
    for times in (2, 4):
        mine, half = (Timed(took[of], OF_LENGTH) for of in (times, times // 2))
        rows.append(duration("long documents, CPU", case[times], mine, half, "half the length", target=LINEAR))
    few, many = memory[1], memory[4]
    edges = {"least": many / few, "most": many / few, "target": FLAT, "at_most": True}
    of = ("long documents, peak resident", case[4], "a quarter of the length", "GiB")
    return [*rows, Row(*of, qatk=many, reference=few, value=many / few, **edges)]


def apart(folder: str, times: int) -> dict[str, float]:
    """Seconds of CPU and peak memory of one length, in a new process."""
    command = [sys.executable, __file__, "--model", folder, "--times", str(times)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def one_length(folder: str, times: int) -> dict[str, float]:
    """What :func:`apart` asks for."""
    examples = of_length(articles()[1], times)
    model = qatk.load_model(folder, device="cpu")
    model.answer("Who?", examples.context[0][:2000])
    began = time.process_time()
    model.predict(examples)
    return {"seconds": time.process_time() - began, "memory": peak_memory()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", metavar="RUN", help="a trained run; by default a head that was never trained")
    parser.add_argument("--questions", type=int, default=QUESTIONS)
    parser.add_argument("--repetitions", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--times", type=int, help=argparse.SUPPRESS)
    o = parser.parse_args()
    if o.times:
        print(json.dumps(one_length(o.model, o.times)))
        return
    rows = measure(o.repetitions, o.questions, o.model)
    if o.json or o.markdown:
        print(json.dumps(as_data(rows), indent=1) if o.json else markdown(rows))
    else:
        show(rows, console())


if __name__ == "__main__":
    main()
