from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qatk.api import DataError, HubUnreachable, LanguageOptions, UsageError
from qatk_builtin.metrics import EvaluateOptions
from qatk_builtin.metrics.evaluate_library import EvaluateMetric
from qatk_builtin.metrics.squad import SquadMetric
from scoring_cases import examples_of, predictions_of, without_gold
from several_cases import answers_of_texts, examples_of_spans

EXAMPLES = examples_of([["red fox", "fox"], ["hen"], []])

SCRIPT = """
import json
import datasets
import evaluate
import numpy as np

TEXT = datasets.Value("string")
ANSWERS = {{"text": datasets.Sequence(TEXT), "answer_start": datasets.Sequence(datasets.Value("int32"))}}


class Probe(evaluate.Metric):
    def _info(self):
        return evaluate.MetricInfo(description="", citation="", inputs_description="", features={features})

    def _compute(self, predictions, references{arguments}):
        seen = {{name: value for name, value in locals().items() if name != "self"}}
        with open({log!r}, "w") as file:
            json.dump(seen, file)
        return {result}
"""
LISTS = 'datasets.Features({"predictions": TEXT, "references": datasets.Sequence(TEXT)})'
PLAIN = 'datasets.Features({"predictions": TEXT, "references": TEXT})'
SQUAD = """datasets.Features({"predictions": {"id": TEXT, "prediction_text": TEXT},
            "references": {"id": TEXT, "answers": ANSWERS}})"""
SQUAD_V2 = """datasets.Features({
            "predictions": {"id": TEXT, "prediction_text": TEXT, "no_answer_probability": datasets.Value("float32")},
            "references": {"id": TEXT, "answers": ANSWERS}})"""


class Probe:
    """A local metric that writes down what it is given."""

    def __init__(self, folder: Path) -> None:
        self.script, self.log = folder / "probe" / "probe.py", folder / "log.json"
        self.script.parent.mkdir()

    def write(self, features: str, result: str = '{"half": 0.5}', arguments: str = "") -> None:
        text = SCRIPT.format(features=features, result=result, arguments=arguments, log=str(self.log))
        self.script.write_text(text)

    def corpus(self, texts: list[str], odds: list[float] | None = None, **options: Any) -> dict[str, float]:
        metric = EvaluateMetric(EvaluateOptions(name=str(self.script), **options))
        return metric.corpus(EXAMPLES, predictions_of(texts, odds))

    def seen(self) -> Any:
        return json.loads(self.log.read_text())


@pytest.fixture(scope="module")
def _modules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A place of these tests' own for the copies of scripts that ``evaluate`` imports."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("evaluate.config.HF_MODULES_CACHE", str(tmp_path_factory.mktemp("modules")))
        yield


@pytest.fixture
def probe(tmp_path: Path, _modules: None) -> Probe:
    return Probe(tmp_path)


def test_squad_metric() -> None:
    scores = SquadMetric(LanguageOptions()).score(EXAMPLES, predictions_of(["red", "hen", "x"]))
    assert {name: values.tolist() for name, values in scores.items()} == {
        "exact": [0.0, 1.0, 0.0],
        "f1": [2 / 3, 1.0, 0.0],
    }
    with pytest.raises(DataError, match="no gold"):
        SquadMetric(LanguageOptions()).score(without_gold(1), predictions_of([""]))


def test_references_as_lists_are_filled_up(probe: Probe) -> None:
    probe.write(LISTS)
    assert probe.corpus(["a", "b", ""]) == {"probe_half": 0.5}
    assert probe.seen() == {
        "predictions": ["a", "b", ""],
        "references": [["red fox", "fox"], ["hen", "hen"], ["", ""]],
    }


def test_the_first_of_several_forms_decides(probe: Probe) -> None:
    probe.write(f"[{PLAIN}, {LISTS}]")
    probe.corpus(["a", "b", ""])
    assert probe.seen() == {"predictions": ["a", "b", ""], "references": ["red fox", "hen", ""]}


def test_squad_form(probe: Probe) -> None:
    probe.write(SQUAD)
    probe.corpus(["a", "b", ""])
    given, references = probe.seen().values()
    assert given[0] == {"id": "q0", "prediction_text": "a"}
    assert [r["answers"]["text"] for r in references] == [["red fox", "fox"], ["hen"], [""]]


def test_squad_v2_form_keeps_odds_and_applies_no_threshold(probe: Probe) -> None:
    figures = '{"f1": 50.0, "best_f1": 60.0, "best_f1_thresh": -1.5}'
    probe.write(SQUAD_V2, figures, ", no_answer_threshold=1.0")
    assert probe.corpus(["a", "b", ""], [-1.5, 3.0, 2.0]) == {
        "probe_f1": 50.0,
        "probe_best_f1": 60.0,
        "probe_best_f1_thresh": -1.5,
    }
    given, references, threshold = probe.seen().values()
    assert [p["no_answer_probability"] for p in given] == [-1.5, 3.0, 2.0]
    assert references[2]["answers"] == {"text": [], "answer_start": []}
    assert threshold == float("inf")
    probe.corpus(["a", "b", ""], [-1.5, 3.0, 2.0], arguments={"no_answer_threshold": 0.0})
    assert probe.seen()["no_answer_threshold"] == 0.0


def test_no_best_figures_without_odds(probe: Probe) -> None:
    probe.write(SQUAD_V2, '{"f1": 50.0, "best_f1": 60.0, "best_f1_thresh": 0.0}')
    assert probe.corpus(["a", "b", ""]) == {"probe_f1": 50.0}


def test_only_numbers_are_kept(probe: Probe) -> None:
    probe.write(PLAIN, '{"a": np.float32(0.5), "b": 2, "c": "text", "d": [1.0], "e": True, "f": np.int64(3)}')
    assert probe.corpus(["a", "b", ""]) == {"probe_a": 0.5, "probe_b": 2.0, "probe_f": 3.0}
    probe.write(PLAIN, '{"c": "text"}')
    with pytest.raises(UsageError, match="'probe' gives no single number, only c"):
        probe.corpus(["a", "b", ""])


def test_arguments_reach_the_metric_and_folders_are_paths(probe: Probe) -> None:
    probe.write(PLAIN, arguments=", scale")
    metric = EvaluateMetric(EvaluateOptions(name=str(probe.script.parent), arguments={"scale": 3}))
    assert metric.corpus(EXAMPLES, predictions_of(["a", "b", ""])) == {"probe_half": 0.5}
    assert probe.seen()["scale"] == 3
    assert metric.score(EXAMPLES, predictions_of(["a", "b", ""])) == {}


def test_metrics_of_other_things_than_texts_are_refused(probe: Probe) -> None:
    probe.write('datasets.Features({"predictions": datasets.Value("int32"), "references": datasets.Value("int32")})')
    with pytest.raises(UsageError, match=r"takes predictions of .*int32.*, not texts"):
        probe.corpus(["a", "b", ""])


def test_a_metric_that_lacks_a_package(probe: Probe) -> None:
    probe.write(PLAIN)
    probe.script.write_text("import no_such_package_at_all\n" + probe.script.read_text())
    with pytest.raises(UsageError, match="no_such_package_at_all"):
        probe.corpus(["a", "b", ""])


def test_gold_is_needed() -> None:
    with pytest.raises(DataError, match="no gold"):
        EvaluateMetric(EvaluateOptions(name="rouge")).corpus(without_gold(1), predictions_of([""]))


def test_no_such_script(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no metric script at"):
        EvaluateMetric(EvaluateOptions(name=str(tmp_path / "absent.py"))).corpus(EXAMPLES, predictions_of(["", "", ""]))


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (False, UsageError, "neither this machine nor the hub has a metric 'no-such-metric'"),
        (True, HubUnreachable, "the hub has the metric 'no-such-metric', but fetching it failed"),
        (
            OSError("no route"),
            HubUnreachable,
            r"so the metric no-such-metric cannot be fetched \(OSError: no route\)",
        ),
    ],
)
def test_unknown_metric_is_told_from_unreachable_hub(
    monkeypatch: pytest.MonkeyPatch, answer: bool | Exception, error: type[Exception], message: str
) -> None:
    """The hub's answers are played back: no test asks the network."""

    def load(*_: object, **__: object) -> None:
        raise FileNotFoundError

    def repo_exists(name: str, **_: object) -> bool:
        assert name == "evaluate-metric/no-such-metric"
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr("evaluate.load", load)
    monkeypatch.setattr("huggingface_hub.repo_exists", repo_exists)
    with pytest.raises(error, match=message):
        EvaluateMetric(EvaluateOptions(name="no-such-metric")).corpus(EXAMPLES, predictions_of(["", "", ""]))


def test_several_spans_are_refused_by_the_library_and_scored_by_squad() -> None:
    examples, answers = examples_of_spans([["Arlen"], ["Borsk"]], [["Cadiz"]]), answers_of_texts(["Borsk", "Arlen"], [])
    with pytest.raises(UsageError, match="1 question has several spans, and 1 answer"):
        EvaluateMetric(EvaluateOptions(name="squad")).corpus(examples, answers)
    assert SquadMetric(LanguageOptions()).score(examples, answers)["exact"].tolist() == [1, 0]
