"""Official figures are the official metric's alone; no figure replaces another in silence."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from qatk.api import Component, Examples, NoOptions, Predictions
from qatk.evaluation.metrics import judge
from qatk.evaluation.squad import OFFICIAL
from qatk.plugins.host import PluginHost
from qatk.plugins.live import LiveMetric
from qatk.plugins.registered import Plugin, Registered
from qatk.results import Evaluation
from qatk.testing.inputs.questions import answers_to, questions
from qatk.types import Float64

OTHER = Plugin("other", "qatk-other", "1.0", "other")


def metric(columns: Mapping[str, float], corpus: Mapping[str, float]) -> LiveMetric:
    class Fixed:
        def __init__(self, options: NoOptions) -> None: ...

        def score(self, examples: Examples, predictions: Predictions) -> Mapping[str, Float64]:
            return {name: np.full(len(examples), value) for name, value in columns.items()}

        def corpus(self, examples: Examples, predictions: Predictions) -> Mapping[str, float]:
            return corpus

    return LiveMetric.build(Registered("metric", Component("my-own", Fixed), OTHER), NoOptions())


def judged(*metrics: LiveMetric) -> Evaluation:
    return judge(questions(), answers_to(questions()), metrics)


@pytest.mark.parametrize("name", ["exact", "total", "HasAns_f1", "NoAns_mine", "best_f1_thresh", "pr_oracle_ap"])
def test_official_names_of_the_whole_set_are_refused(host: PluginHost, name: str) -> None:
    squad = host.live(LiveMetric, "metric", "squad")
    for metrics in ([squad, metric({}, {name: 99.0})], [metric({}, {name: 99.0}), squad], [metric({}, {name: 99.0})]):
        with pytest.raises(
            ValueError, match=f"'{name}': a name of the official figures; say 'my_own_{name}'"
        ) as caught:
            judged(*metrics)
        assert "metric 'my-own' of plugin other" in caught.value.__notes__[0]


@pytest.mark.parametrize("name", ["exact", "f1", "HasAns_f1", "best_exact"])
def test_official_names_of_questions_are_refused_where_the_official_metric_is_left_out(name: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}': a name of the official figures"):
        judged(metric({name: 1.0}, {}))


def test_no_figure_replaces_another(host: PluginHost) -> None:
    squad = host.live(LiveMetric, "metric", "squad")
    with pytest.raises(ValueError, match="two components give mine"):
        judged(squad, metric({"mine": 1.0}, {"mine": 3.0}))
    with pytest.raises(ValueError, match="two components give mine"):
        judged(squad, metric({}, {"mine": 1.0}), metric({}, {"mine": 3.0}))
    alone = judged(squad).metrics
    found = judged(metric({"share": 0.5}, {"mine": 3.0}), squad).metrics
    assert {name: found[name] for name in alone} == alone
    more = {"share": 50.0, "HasAns_share": 50.0, "NoAns_share": 50.0, "mine": 3.0}
    assert {name: value for name, value in found.items() if name not in alone} == more


def test_the_list_of_official_names_is_whole(host: PluginHost) -> None:
    assert set(judged(host.live(LiveMetric, "metric", "squad")).metrics) == OFFICIAL
