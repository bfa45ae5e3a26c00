"""Slicers that see what was answered."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from broken.data import GoodAnswers
from qatk.api import AnswerSlicer, Component, Examples, NoOptions, Predictions
from qatk.comparison.alignment import common_masks
from qatk.evaluation.metrics import judge, slice_masks
from qatk.plugins.host import PluginHost
from qatk.plugins.live import LiveMetric, LiveSlicer
from qatk.plugins.registered import Plugin, Registered
from qatk.results import Evaluation
from qatk.testing import check_component
from qatk.testing.inputs.questions import answers_to, questions
from qatk.types import Bool

OTHER = Plugin("other", "qatk-other", "1.0", "other")


def slicer(cls: type) -> LiveSlicer:
    return LiveSlicer.build(Registered("slicer", Component("by-answer", cls), OTHER), NoOptions())


def judged(host: PluginHost, texts: list[str]) -> Evaluation:
    predictions = answers_to(questions(), texts)
    return judge(questions(), predictions, [host.live(LiveMetric, "metric", "squad")], [slicer(GoodAnswers)])


def test_groups_by_answers_stand_beside_those_by_questions(host: PluginHost) -> None:
    assert isinstance(GoodAnswers(NoOptions()), AnswerSlicer)
    found = judged(host, ["1843", "", "by Ada", "", "", "why", ""])
    groups = found.masks["by-answer"]
    assert list(groups) == ["long", "short", "long answers"]
    assert np.flatnonzero(groups["long answers"]).tolist() == [0, 2]
    assert {row.name for row in found.slices} >= {"long answers"}


def test_without_answers_there_are_groups_by_questions_alone() -> None:
    assert list(slice_masks(questions(), [slicer(GoodAnswers)])["by-answer"]) == ["long", "short"]


def test_a_comparison_shows_the_groups_that_its_systems_have_alike(host: PluginHost) -> None:
    one, other = (judged(host, texts) for texts in (["1843", *[""] * 6], [*[""] * 2, "by Ada", *[""] * 4]))
    assert list(common_masks([one, other])["by-answer"]) == ["long", "short"]
    assert list(common_masks([one, one])["by-answer"]) == ["long", "short", "long answers"]


def test_what_is_no_mask_is_the_slicers_error() -> None:
    class Counts(GoodAnswers):
        """Lengths, not masks."""

        def masks_of_answers(self, examples: Examples, predictions: Predictions) -> Mapping[str, Bool]:
            return {"length": np.array([len(text) for text in predictions.text])}  # type: ignore[dict-item]

    with pytest.raises(TypeError, match=r"'length' should be bool\[7\], not int64\[7\]") as caught:
        slicer(Counts).masks(questions(), answers_to(questions()))
    assert caught.value.__notes__ == ["raised in slicer 'by-answer' of plugin other (qatk-other 1.0), during slicing"]


def test_promises_are_asked_of_groups_by_answers_too(host: PluginHost) -> None:
    check_component("slicer", GoodAnswers, host=host)
