"""Retrieval inside a document: windows that are not kept are never scored, in runs, models and commands."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import qatk
from qatk.cli import app
from qatk.errors import RecipeError, UsageError
from qatk.evaluation.evaluate import read_data
from qatk.inference.exporting import export
from qatk.inference.model import AnsweringModel
from qatk.progress import listen
from qatk.types import Examples
from small import squad, write_recipe

QUESTION = "When was the mill of Delft built?"
BM25 = {"passages": {"use": "bm25", "keep": 2}}


def joined(folder: Path, questions: int = 24, articles: int = 3) -> Path:
    """A SQuAD file in which several passages are one context."""
    paragraphs = squad(questions, 5)["data"][0]["paragraphs"]
    size = questions // articles
    data = []
    for begin in range(0, questions, size):
        context, qas = "", []
        for paragraph in paragraphs[begin : begin + size]:
            for qa in paragraph["qas"]:
                answers = [{**a, "answer_start": a["answer_start"] + len(context)} for a in qa["answers"]]
                qas.append({**qa, "answers": answers})
            context += paragraph["context"] + " "
        data.append({"title": f"t{begin}", "paragraphs": [{"context": context, "qas": qas}]})
    (folder / "joined.json").write_text(json.dumps({"version": "v2.0", "data": data}))
    return folder / "joined.json"


@pytest.fixture(scope="module")
def passages_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("passages")
    recipe = write_recipe(folder, train=16, dev=8, epochs=1)
    settings = [f"data.dev.path={joined(folder)}", "passages={use: bm25, keep: 2}"]
    qatk.run(recipe, out=folder / "run", settings=settings)
    return folder / "run"


def windows_scored(model: AnsweringModel, examples: Examples) -> int:
    seen: Counter[str] = Counter()

    def note(what: str, done: int, total: int | None) -> None:
        seen[what] = max(seen[what], done)

    with listen(note):
        model.predict(examples)
    return seen["predicting"]


def test_a_run_scores_the_windows_that_are_kept(passages_run: Path) -> None:
    dev = qatk.load_run(passages_run).manifest["stages"]["features"]["groups"]["dev"]
    assert dev["windows"] == 48
    assert dev["windows_passed_over"] > 48
    examples = read_data(passages_run.parent / "joined.json")
    model = qatk.load_model(passages_run)
    found = model.predict(examples)
    odds = json.loads((passages_run / "null_odds.json").read_text())
    assert found.null_odds.tolist() == [odds[name] for name in examples.id]
    assert windows_scored(model, examples) == 48


def test_a_model_takes_other_passages_or_none(passages_run: Path, run: Path) -> None:
    examples = read_data(passages_run.parent / "joined.json")
    whole = qatk.load_model(passages_run, settings={"passages": {}})
    assert windows_scored(whole, examples) > 96
    asked = qatk.load_model(run, settings=BM25)
    assert windows_scored(asked, examples) == 48
    assert asked.twin().parts.retriever is not None
    short = read_data(run.parent / "dev.json")
    kept, plain = (qatk.load_model(run, settings=given).predict(short) for given in (BM25, {}))
    assert kept.null_odds.tolist() == plain.null_odds.tolist()
    assert kept.nbest is not None
    assert plain.nbest is not None
    np.testing.assert_array_equal(kept.nbest.score, plain.nbest.score)


def test_an_export_scores_the_windows_that_the_run_does(passages_run: Path, tmp_path: Path) -> None:
    examples = read_data(passages_run.parent / "joined.json")
    export(passages_run, "onnx", tmp_path / "exported", data=examples)
    model = qatk.load_model(tmp_path / "exported")
    assert windows_scored(model, examples) == 48
    assert windows_scored(model.twin(), examples) == 48
    assert windows_scored(qatk.load_model(tmp_path / "exported", settings={"passages": {}}), examples) > 96


def test_commands_take_passages_and_answers_apart(run: Path, tmp_path: Path) -> None:
    data, out = joined(tmp_path), tmp_path / "said.jsonl"
    asked = [str(run), str(data), "--out", str(out), "--passages", "{use: bm25, keep: 1}", "--no-overlap"]
    done = CliRunner().invoke(app, ["predict", *asked])
    assert done.exit_code == 0, done.output
    for row in map(json.loads, out.read_text().splitlines()):
        spans = [(span["start"], span["end"]) for span in row["candidates"]]
        assert len(spans) > 1
        assert all(a[1] <= b[0] or b[1] <= a[0] for k, a in enumerate(spans) for b in spans[:k])
    context = read_data(data).context[0]
    asked = ["ask", str(run), "-c", context, "-q", QUESTION, "--passages", "bm25", "--no-overlap", "--json"]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    spans = [(span["start"], span["end"]) for span in json.loads(done.stdout)["candidates"]]
    assert spans[0][1] <= spans[1][0] or spans[1][1] <= spans[0][0]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("bm52", "no retriever is called 'bm52'"),
        ("{use: bm25, keep: 0}", "keep"),
        ("[bm25]", "--passages"),
        ("{keep: 3}", "--passages"),
    ],
)
def test_wrong_passages_are_said(run: Path, given: str, said: str) -> None:
    done = CliRunner().invoke(app, ["ask", str(run), "-c", "Two words.", "-q", "Who?", "--passages", given])
    assert isinstance(done.exception, UsageError) or done.exit_code == 2
    assert said in f"{done.output}{done.exception}"


def test_a_recipe_says_what_is_wrong_with_passages(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, train=8, dev=8)
    for given, said in (("{use: bm25, keep: 0}", "keep"), ("{use: bm52}", "did you mean 'bm25'")):
        with pytest.raises(RecipeError, match=said):
            qatk.run(recipe, out=tmp_path / "run", settings=[f"passages={given}"])


def test_answers_over_a_document_stand_apart(run: Path) -> None:
    text = " ".join(paragraph["context"] for paragraph in squad(40, 3)["data"][0]["paragraphs"])
    model = qatk.load_model(run, settings={"decoder": {"overlapping": False}})
    found = model.answer(QUESTION, text, top_k=10)
    assert len(found.candidates) == 10
    places = sorted((span.start, span.end) for span in found.candidates)
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(places))
    best = qatk.load_model(run).answer(QUESTION, text)
    assert (found.candidates[0].start, found.text, found.null_odds) == (
        best.candidates[0].start,
        best.text,
        best.null_odds,
    )
