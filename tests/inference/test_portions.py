"""Predictions in portions: the answers are those of all windows at once, and memory does not grow with their number."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import qatk
from min_null_tools import Window, all_candidates, features, scores
from model_tools import save_model
from qatk.data import pairs
from qatk.errors import DataError, FeatureError
from qatk.inference import portions
from qatk.inference.model import AnsweringModel
from qatk.progress import listen
from qatk.testing.inputs.snapshots import snapshot
from qatk.types import Examples, FeatureColumns, Predictions, SpanScores, TokenScores, join_scores
from qatk_builtin.featurizers import splicing
from small import write_recipe

CHAPTER = " ".join(
    f"{year}. The mill of Delft is old. It was built in {year} by the guild." for year in range(1200, 1260)
)
SHORT = "The bell of Gouda is old. It was built in 1388."


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> AnsweringModel:
    folder = save_model(tmp_path_factory.mktemp("model"), answers=True, initializer_range=0.5)
    return qatk.load_model(folder, device="cpu")


def asked(times: int = 1) -> Examples:
    """Questions about a long context, a short one, one without tokens, and the long one again."""
    questions = ["When was the mill built?", "When was the bell built?", "What is there?", "Who built the mill?"]
    return pairs(questions * times, [CHAPTER, SHORT, " \u200b ", CHAPTER] * times)


def predicted(model: AnsweringModel, examples: Examples, size: int) -> Predictions:
    return portions.predict_in_portions(model.parts, model.opened, model.tokenizer, model.spec, examples, size)


def assert_same(found: Predictions, whole: Predictions) -> None:
    assert list(found.text) == list(whole.text)
    assert found.several is None or whole.several is not None
    assert found.nbest is not None
    assert whole.nbest is not None
    np.testing.assert_array_equal(found.nbest.offsets, whole.nbest.offsets)
    np.testing.assert_allclose(found.null_score, whole.null_score, atol=1e-5)
    np.testing.assert_allclose(found.nbest.score, whole.nbest.score, atol=1e-5)
    same = found.nbest.char_start == whole.nbest.char_start
    assert same.mean() > 0.95  # of all but those whose scores are equal in all but the last bits


@pytest.mark.parametrize("size", [5, 64])
@pytest.mark.parametrize("decoder", ["min-null", "merge-windows"])
def test_portions_of_any_size_give_the_same_answers(model: AnsweringModel, size: int, decoder: str) -> None:
    examples = asked(2)
    other = model.changed(decoder={"use": decoder})
    made = other.parts.featurizer.featurize(examples, other.tokenizer, other.spec, split="prediction")
    scored = other.parts.trainer.predict(other.model, made)
    assert len(made) > 100
    whole = other.parts.decoder.decode(examples, made, scored)
    assert_same(predicted(other, examples, size), whole)
    exact = other.predict(examples)  # all are one portion
    assert exact.null_odds.tolist() == whole.null_odds.tolist()
    assert exact.nbest is not None
    assert whole.nbest is not None
    assert exact.nbest.score.tolist() == whole.nbest.score.tolist()


def test_scored_spans_are_put_together_too(tmp_path: Path) -> None:
    qatk.run(
        write_recipe(tmp_path, train=16, dev=8, epochs=1), out=tmp_path / "run", settings=["head={use: conditional}"]
    )
    model = qatk.load_model(tmp_path / "run")
    assert_same(predicted(model, asked(), 5), model.predict(asked()))


def test_a_context_is_tokenized_once_however_many_questions_ask_about_it(model: AnsweringModel) -> None:
    seen: Counter[str] = Counter()
    questions = [f"When was mill {k} built?" for k in range(30)]

    def count(what: str, done: int, total: int | None) -> None:
        seen[what] += 1 if done == total else 0

    with listen(count):
        predicted(model, pairs(questions, [CHAPTER] * 30), 16)
    assert seen["tokenizing contexts"] == 1
    assert seen["predicting"] > 30


def test_memory_does_not_grow_with_the_number_of_windows(
    model: AnsweringModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = CHAPTER[:2000]
    monkeypatch.setattr(splicing, "PART_CHARS", 4 * len(context))

    def peak(questions: int) -> int:
        examples = pairs([f"When was mill {k} built?" for k in range(questions)], [context] * questions)
        tracemalloc.start()
        predicted(model, examples, 32)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(5)  # what is loaded late
    few, many = peak(12), peak(36)
    # What is kept of a question is its n-best, of some hundred bytes; its windows alone have 50,000.
    assert many - few < 24 * 10_000


def test_what_cannot_be_asked_is_said(model: AnsweringModel) -> None:
    with pytest.raises(DataError, match="no window"):
        predicted(model, pairs([], []), 8)
    narrow = model.changed(featurizer={"max_length": 12, "doc_stride": 2})
    with pytest.raises(FeatureError, match="example"):
        narrow.predict(pairs(["When was the old mill of the town of Delft built by the guild?"], [CHAPTER]))


def test_scores_of_every_form_come_together_as_they_were() -> None:
    token = [(0, 1), (1, 2)]
    windows = [Window(row, token, [row, 1.0], [0.0, row + 0.5], float(row)) for row in (0, 0, 1)]
    whole, plain = features(windows), scores(windows)
    assert plain.start is not None
    forms = [plain, all_candidates(windows), SpanScores(plain.null, tokens=TokenScores(plain.start, plain.end))]
    for form in (*forms, SpanScores(plain.null, tokens=TokenScores(plain.start))):
        parts = [(whole.among(*cut), form.among(whole, *cut)) for cut in ((0, 2), (2, 3))]
        found, due = snapshot(join_scores(parts)), snapshot(form)
        assert found == due
    columns = FeatureColumns(targets=False)
    for part, _ in parts:
        columns.append(part, 0)
    assert snapshot(columns.features()) == snapshot(whole)
