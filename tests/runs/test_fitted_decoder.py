"""Decoders that fit parameters of their own: on other articles than they answer, kept, and restored."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import qatk
from broken.decoders import Biased, GoodOptions
from qatk.api import Component, Examples, Features, NBest, Predictions, SpanScores
from qatk.errors import DataError, RunFolderError
from qatk.plugins.host import PluginHost
from qatk.plugins.live import LiveDecoder
from qatk.plugins.registered import Plugin, Registered
from qatk.run_folder.parameters import Parameters, read_parameters
from qatk.runs.decoding import _woven, decode
from qatk.testing import check_component
from qatk.testing.inputs.decoding import as_candidates, decoding_problems, examples_of
from small import write_recipe

PLUGIN = '''
from dataclasses import replace

import numpy as np

from qatk.api import Component, hookimpl
from qatk_builtin.decoders import MinNullOptions
from qatk_builtin.decoders.min_null import MinNullDecoder


class Biased(MinNullDecoder):
    """As min-null, with a number that it fits added to null scores."""

    state = {"bias": 0.0, "seen": []}

    def fit(self, examples, features, scores):
        return {"bias": float(examples.has_answer.mean()), "seen": list(examples.id)}

    def restore(self, state):
        self.state = state

    def decode(self, examples, features, scores):
        if len(examples) > 8:  # the rehearsal before training has as many
            assert not set(examples.id) & set(self.state["seen"]), "answers questions that it was fitted on"
            assert self.state["seen"], "was not fitted"
        return super().decode(examples, features, replace(scores, null=scores.null + np.float32(self.state["bias"])))


@hookimpl
def qatk_decoders():
    return [Component("biased", Biased, MinNullOptions, "adds a number that it fits to null scores")]
'''
OTHER = Plugin("other", "qatk-other", "1.0", "other")


def live(cls: type = Biased) -> LiveDecoder:
    return LiveDecoder.build(Registered("decoder", Component("bias", cls, GoodOptions), OTHER), GoodOptions())


def read(file: Path) -> Any:
    return json.loads(file.read_text())


def test_a_run_fits_on_other_articles_and_keeps_what_it_fitted(tmp_path: Path) -> None:
    (tmp_path / "biased.py").write_text(PLUGIN)
    host = PluginHost.discover(files=[str(tmp_path / "biased.py")], environ={})
    recipe, out = write_recipe(tmp_path, train=48, dev=32, max_steps=4), tmp_path / "run"
    first = qatk.run(recipe, out=out, settings=["decoder.use=biased"], host=host)
    record = read(out / "decoder.json")
    assert record == read(out / "model" / "decoder.json")
    one, other = ({*half["seen"]} for half in record["halves"])
    assert record["decoder"] == "biased"
    assert (one & other, one | other) == (set(), set(first.evaluation.examples.id))
    assert {*record["whole"]["seen"]} == one | other
    (tmp_path / "new.json").write_text((tmp_path / "dev.json").read_text().replace('"2-', '"9-'))
    again: Mapping[str, Any] = {
        **read(recipe),
        "backbone": {"use": "hf", "model": str(out / "model")},
        "data": {"dev": {"use": "squad", "path": str(tmp_path / "new.json")}},
        "decoder": {"use": "biased"},
    }
    (tmp_path / "again.yaml").write_text(json.dumps(again))
    second = qatk.run(tmp_path / "again.yaml", out=tmp_path / "again", host=host)
    kept = read(tmp_path / "again" / "decoder.json")
    assert (kept["whole"], kept["halves"]) == (record["whole"], [])
    bias = np.float32(record["whole"]["bias"]) - np.array(
        [half["bias"] for row in first.evaluation.examples.id for half in record["halves"] if row not in half["seen"]],
        np.float32,
    )
    odds = first.evaluation.predictions.null_odds + bias
    np.testing.assert_allclose(second.evaluation.predictions.null_odds, odds, atol=1e-3)
    asked = qatk.load_model(out, host=host).predict(second.evaluation.examples)
    np.testing.assert_allclose(asked.null_odds, second.evaluation.predictions.null_odds, atol=1e-3)


def test_each_question_is_answered_by_parameters_of_the_other_half() -> None:
    problem = decoding_problems()[-1]
    texts = [problem.examples.context_of(0), problem.examples.context_of(1) + " other"]
    examples = examples_of(texts, [["w1"], []])
    for form in (problem, as_candidates(problem)):
        found, parameters = decode(live(), examples, form.features, form.scores)
        plain, _ = decode(live(), examples, form.features, form.scores, {"bias": 0.0})
        assert parameters is not None
        assert sorted(state["bias"] for state in parameters.halves) == [0.0, 1.5]
        assert parameters.whole == {"bias": 0.75}
        np.testing.assert_allclose(found.null_odds - plain.null_odds, [0.0, 1.5], atol=1e-5)


def test_predictions_of_halves_come_together_in_order() -> None:
    def predictions(texts: list[str]) -> Predictions:
        n, start = len(texts), np.zeros(len(texts), np.int32)
        score = np.array([float(text[1:]) for text in texts], np.float32)
        nbest = NBest(np.arange(n + 1, dtype=np.int64), texts, start, start + np.int32(2), score, score)
        return Predictions(texts, start, start + np.int32(2), score, score, nbest)

    half = np.array([False, True, True, False, True])
    whole = _woven(
        examples_of([f"q{k}" for k in range(5)]), half, predictions(["q1", "q2", "q4"]), predictions(["q0", "q3"])
    )
    assert list(whole.text) == ["q0", "q1", "q2", "q3", "q4"]
    assert whole.score.tolist() == [0, 1, 2, 3, 4]
    assert whole.nbest is not None
    assert list(whole.nbest.text) == list(whole.text)


def test_without_gold_or_other_articles_there_is_nothing_to_fit_on() -> None:
    problem = decoding_problems()[0]
    with pytest.raises(DataError, match="fitted on gold answers, and there are none"):
        decode(live(), problem.examples, problem.features, problem.scores)
    gold: Examples = examples_of([problem.examples.context_of(0)], [["Ada"]])
    with pytest.raises(DataError, match="all questions are of one article and one context"):
        decode(live(), gold, problem.features, problem.scores)


def test_parameters_that_json_cannot_hold_are_the_decoders_error() -> None:
    class Arrays(Biased):
        """An array."""

        def fit(self, examples: Examples, features: Any, scores: SpanScores) -> Any:
            return {"bias": np.zeros(2)}

    problem = decoding_problems()[-1]
    with pytest.raises(TypeError, match="not JSON serializable") as caught:
        live(Arrays).fit(problem.examples, problem.features, problem.scores)
    assert caught.value.__notes__ == ["raised in decoder 'bias' of plugin other (qatk-other 1.0), during fitting"]


def test_parameters_of_another_decoder_are_not_taken_over(tmp_path: Path) -> None:
    decoder = live()
    assert read_parameters(str(tmp_path), decoder) is None
    assert read_parameters(None, decoder) is None
    Parameters({"bias": 1.0}).write(tmp_path, decoder)
    assert read_parameters(str(tmp_path), decoder) == {"bias": 1.0}
    (tmp_path / "decoder.json").write_text(json.dumps({"decoder": "other", "whole": {}}))
    assert read_parameters(str(tmp_path), decoder) is None
    (tmp_path / "decoder.json").write_text("[]")
    with pytest.raises(RunFolderError, match="an object with 'decoder' and 'whole' is due"):
        read_parameters(str(tmp_path), decoder)


def test_a_fitted_decoder_keeps_the_promises(host: PluginHost) -> None:
    check_component("decoder", Biased, GoodOptions(), host=host)


def test_after_an_epoch_nothing_is_fitted_for_data_to_come() -> None:
    class Counting(Biased):
        """As its base."""

        fitted_on: ClassVar[list[int]] = []

        def fit(self, examples: Examples, features: Features, scores: SpanScores) -> Any:
            self.fitted_on.append(len(examples))
            return super().fit(examples, features, scores)

    problem = decoding_problems()[-1]
    examples = examples_of([problem.examples.context_of(0), problem.examples.context_of(1) + " other"], [["w1"], []])
    passing, none = decode(live(Counting), examples, problem.features, problem.scores, passing=True)
    assert Counting.fitted_on == [1, 1]
    assert none is None
    kept, _ = decode(live(Counting), examples, problem.features, problem.scores)
    assert Counting.fitted_on == [1, 1, 1, 1, 2]
    assert list(passing.text) == list(kept.text)
